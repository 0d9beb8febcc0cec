"""Amazon SES, by way of SNS: needs boto3; a notice may be about several recipients, a topic has to be confirmed."""

import json
import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

from anymail.exceptions import AnymailConfigurationError
from anymail.webhooks.amazon_ses import AmazonSESInboundWebhookView, AmazonSESTrackingWebhookView
from django.http import HttpRequest

from crm.providers import channels, fetching
from crm.providers.channels import BadWebhook, Channel, Keys, NotReady, Provider
from crm.providers.tracking import Amendment

TOPIC = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):[A-Za-z0-9_.-]{1,256}")
HELLO = "Successfully validated SNS topic for Amazon SES event publishing."
PERMANENT = {"Permanent": True, "Transient": False, "Undetermined": False}
REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
SESSION = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region_name")
"""What a source may say of an AWS session; no profile of the machine among it."""
SECONDS = 5


def needs() -> str:
    """What is missing here, for people; "" when nothing is."""
    if find_spec("boto3"):
        return ""
    return "Amazon SES needs the package boto3: install it with `pip install nextmove[ses]` and start again."


def greet(request: HttpRequest, keys: Keys) -> str | None:
    """Confirms a new topic's subscription, and takes the greeting that SES sends to a confirmed one.

    Asks only SNS itself, at an address made here from the topic's name, never the one in the request.
    """
    message = channels.document(request, "Amazon SNS")
    if not isinstance(message, dict):
        return None
    _check_topic(message, keys)
    kind = message.get("Type")
    if kind == "SubscriptionConfirmation":
        return _confirm(message)
    return "" if kind == "UnsubscribeConfirmation" or message.get("Message") == HELLO else None


def _check_topic(message: dict[str, Any], keys: Keys) -> None:
    wanted = keys.get("topic_arn")
    if wanted and message.get("TopicArn") != wanted:
        raise BadWebhook("The message is of another topic than the one this source is for")


def _confirm(message: dict[str, Any]) -> str:
    topic, token = message.get("TopicArn"), message.get("Token")
    known = TOPIC.fullmatch(topic) if isinstance(topic, str) else None
    if known is None or not isinstance(token, str):
        raise BadWebhook("The subscription names no topic of Amazon SNS")
    host = f"sns.{known[2]}.amazonaws.com" + (".cn" if known[1] == "aws-cn" else "")
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic, "Token": token})
    try:
        fetching.get(f"https://{host}/?{query}", seconds=SECONDS)
    except NotReady as fault:
        return (
            f"The subscription of {topic} is not confirmed yet ({fault}) Open this address once, or confirm it in the "
            f"Amazon SNS console: https://{host}/?{query}"
        )
    return ""


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    """What SES itself says lies in the event; the raw notice is only SNS's wrapping."""
    said = event.esp_event
    return Amendment(
        event_type=_kind(said),
        permanent=PERMANENT.get(said.get("bounce", {}).get("bounceType")),
        about=str(event.recipient).lower(),
    )


def _kind(said: dict[str, Any]) -> str:
    """Of two events that the library knows nothing of; "" for all others."""
    preferences = said.get("subscription", {}).get("newTopicPreferences", {})
    if preferences.get("unsubscribeAll") is True:
        return "unsubscribed"
    return "deferred" if said.get("eventType") == "DeliveryDelay" else ""


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001 (the shape of all of them)
    try:
        ses_event = json.loads(raw["Message"])
    except (KeyError, TypeError, ValueError, RecursionError) as failure:
        raise BadWebhook("The notification holds no event of Amazon SES") from failure
    if _lies_in_s3(ses_event) and not view.session_params:
        # Without any of its own, boto3 would ask as the machine: whose mail that may read is nobody's here.
        raise NotReady("The mail lies in Amazon S3: enter AWS keys that may read it as the source's session_params.")
    try:
        return list(view.esp_to_anymail_events(ses_event, raw))
    except Exception as failure:
        if _lies_in_s3(ses_event):  # asking for it fails in as many ways as there are libraries in between
            raise NotReady("The mail cannot be fetched from Amazon S3: check the source's AWS keys.") from failure
        raise


def _lies_in_s3(ses_event: Any) -> bool:
    try:
        return bool(ses_event["receipt"]["action"]["type"] == "S3")
    except (KeyError, TypeError):
        return False


def _inbound(session_params: Any = None, **keys: Any) -> Any:
    """Where boto3 asks follows from the region alone: another address would be asked from inside this network."""
    if session_params:
        _check_session(session_params)
        keys["session_params"] = session_params
    return AmazonSESInboundWebhookView(
        **keys, client_params={"config": {"connect_timeout": SECONDS, "read_timeout": SECONDS}}
    )


def _check_session(given: Any) -> None:
    if not isinstance(given, dict) or not set(SESSION[:2]) <= set(given) <= set(SESSION):
        raise AnymailConfigurationError(f"session_params holds {', '.join(SESSION)}; the first two are needed.")
    if not all(isinstance(value, str) and value for value in given.values()):
        raise AnymailConfigurationError("Every value of session_params is a text.")
    if "region_name" in given and not REGION.fullmatch(given["region_name"]):
        raise AnymailConfigurationError("region_name is that of an AWS region, such as eu-west-1.")


PROVIDER = Provider(
    name="amazon_ses",
    title="Amazon SES",
    tracking=Channel(AmazonSESTrackingWebhookView, channels.single, _convert, keys=("topic_arn",)),
    inbound=Channel(
        _inbound,
        channels.single,
        _convert,
        keys=("topic_arn", "session_params"),
    ),
    amend=amend,
    needs=needs,
    greet=greet,
)
