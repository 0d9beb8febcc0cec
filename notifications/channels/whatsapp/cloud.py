"""WhatsApp's own Cloud API, by an approved template or, to somebody who wrote in the last 24 hours, as plain text.

What it reports of messages: developers.facebook.com/documentation/business-messaging/whatsapp/webhooks.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.crypto import constant_time_compare

from notifications.channels.posting import Call, as_json, found
from notifications.channels.reporting import Asked, Forged, NotReady, Report, Unclear
from notifications.messages import Message
from notifications.models import Delivery
from notifications.services import Config, Field, Service, matching

API = "https://graph.facebook.com/v21.0"
_TOKEN = "Write the access token of the system user, letters and digits."  # noqa: S105 (words about one)
_NUMBER = "Write the phone number's ID from the app's page, digits only: not the number itself."
_TEMPLATE = "Write the template's name: small letters, digits and _."
_SECRET = "Write the App Secret from the app's page, Settings, Basic: 32 letters and digits."  # noqa: S105
_VERIFY = "Choose 8 to 100 letters, digits, - or _ that nobody guesses, and enter the same at Meta."
_LANGUAGE = "Write the template's language, such as en or en_US."

SERVICE = Service(
    "cloud",
    "WhatsApp Cloud API",
    (
        Field("phone_id", "Phone number ID", matching(r"[0-9]{5,25}", _NUMBER)),
        Field("token", "Access token", matching(r"[A-Za-z0-9]{20,500}", _TOKEN), secret=True),
        Field(
            "template",
            "Template",
            matching(r"[a-z0-9_]{1,512}", _TEMPLATE),
            "An approved one whose text has one place to fill. Without it only those are reached who wrote to the "
            "number in the last 24 hours",
            required=False,
        ),
        Field(
            "language",
            "Template's language",
            matching(r"[a-z]{2,3}(_[A-Z]{2})?", _LANGUAGE),
            required=False,
            default="en",
        ),
        Field(
            "app_secret",
            "App Secret",
            matching(r"[0-9a-f]{32}", _SECRET),
            "Reports of what became of messages are checked with it",
            secret=True,
            required=False,
        ),
        Field(
            "verify_token",
            "Verify token",
            matching(r"[A-Za-z0-9_-]{8,100}", _VERIFY),
            "Of your own choice; Meta says it once to prove that it calls the right address",
            secret=True,
            required=False,
        ),
    ),
)


_TAKEN = frozenset({"sent", "delivered", "read", "played"})
_NOT_REACHED = frozenset({131026, 131050})
"""What lies with the number or its owner: no WhatsApp there or not able to get it, or they want none."""


def call(account: Config, message: Message, phone: str, delivery: Delivery) -> Call:
    """The delivery's id is said back in reports: it finds the row even if the answer is lost."""
    document: dict[str, object] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": phone,
        "biz_opaque_callback_data": str(delivery.pk),
        **(_filled(account, message) if account["template"] else {"type": "text", "text": {"body": message.text}}),
    }
    url = f"{API}/{account['phone_id']}/messages"
    return as_json(url, document, Authorization=f"Bearer {account['token']}")


def _filled(account: Config, message: Message) -> dict[str, object]:
    values = [{"type": "text", "text": message.line}]
    return {
        "type": "template",
        "template": {
            "name": account["template"],
            "language": {"code": account["language"]},
            "components": [{"type": "body", "parameters": values}],
        },
    }


def reference(answer: bytes) -> str:
    """By what WhatsApp knows a message that it took."""
    return _known_as(found(answer, "messages", 0, "id"))


def _known_as(message_id: str) -> str:
    """Its ids have the number in them, which is kept nowhere but sealed."""
    return hashlib.sha256(message_id.encode(errors="replace")).hexdigest() if message_id else ""


def greeting(account: Config, query: Mapping[str, str]) -> str:
    """What Meta wants to have back before it uses an address. Raises Forged, NotReady."""
    token = account.get("verify_token", "")
    if not token:
        raise NotReady("Enter a verify token under Settings, Channels first.")
    if query.get("hub.mode") != "subscribe" or not constant_time_compare(query.get("hub.verify_token", ""), token):
        raise Forged
    return query.get("hub.challenge", "")


def reports(account: Config, asked: Asked) -> list[Report]:
    """What a signed request says of messages; all else that it may say is about none. Raises its three errors."""
    secret = account.get("app_secret", "")
    if not secret:
        raise NotReady("Enter the App Secret under Settings, Channels first.")
    signed = hmac.new(secret.encode(), asked.body, hashlib.sha256).hexdigest()
    if not constant_time_compare(asked.headers.get("X-Hub-Signature-256", ""), f"sha256={signed}"):
        raise Forged
    try:
        document = json.loads(asked.body)
    except (ValueError, RecursionError) as fault:
        raise Unclear(f"The body is not valid JSON: {fault}") from None
    return [report for status in _statuses(document) if (report := _report(status)) is not None]


def _statuses(document: Any) -> Iterator[Mapping[str, Any]]:
    for entry in _dicts(document, "entry"):
        for change in _dicts(entry, "changes"):
            yield from _dicts(change.get("value"), "statuses")


def _dicts(holder: Any, name: str) -> list[dict[str, Any]]:
    """Those of a list in a document that may be of any shape."""
    listed = holder.get(name) if isinstance(holder, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _report(status: Mapping[str, Any]) -> Report | None:
    named, own = _known_as(_text(status.get("id"))), _text(status.get("biz_opaque_callback_data"))
    told = _text(status.get("status"))
    if told in _TAKEN:
        return Report(Delivery.SENT, named, own)
    if told != "failed":
        return None
    error = next(iter(_dicts(status, "errors")), {})
    details = error.get("error_data")
    words = [_text(error.get("title")), _text(details.get("details")) if isinstance(details, dict) else ""]
    code = error.get("code")
    said = ". ".join(dict.fromkeys(word.rstrip(".") for word in words if word))
    state = Delivery.BOUNCED if isinstance(code, int) and code in _NOT_REACHED else Delivery.FAILED
    return Report(state, named, own, f"WhatsApp reports it as failed ({code}): {said}".rstrip(": "))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
