"""Amazon SES: what a topic wants before and beside events, and what happens without its package."""

import json
from typing import Any

import pytest
from django.test import Client

from api import limits
from crm.models import Activity, InboundSource
from crm.providers import BadKeys, NotReady, amazon_ses, check_keys, fetching
from tests import builders
from tests.crm.senders import TOPIC, Mail, Said, ses_inbound, ses_tracking, sns

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_limits_left_over() -> None:
    limits.reset()


@pytest.fixture
def source() -> InboundSource:
    return builders.make_source(provider="amazon_ses")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    urls: list[str] = []

    def get(url: str, **kwargs: Any) -> bytes:
        urls.append(url)
        if "fails" in url:
            raise NotReady("sns cannot be reached. It is tried again.")
        return b"<ok/>"

    monkeypatch.setattr(fetching, "get", get)
    return urls


def send(source: InboundSource, post: Any, suffix: str = "") -> Any:
    return Client(raise_request_exception=False).generic(
        "POST",
        f"/hooks/mail/amazon_ses/{source.secret}{suffix}",
        post.body,
        content_type="text/plain; charset=UTF-8",
        headers=post.headers,
    )


def hello(**more: Any) -> Any:
    post = sns("You have chosen to subscribe", "c-1", "SubscriptionConfirmation")
    body = json.loads(post.body) | {"Token": "t0k3n", "SubscribeURL": "https://evil.example/?x"} | more
    return type(post)(json.dumps(body).encode(), headers=post.headers)


def test_a_subscription_is_confirmed_with_amazon_alone(source: InboundSource, asked: list[str]) -> None:
    assert send(source, hello()).status_code == 202
    [url] = asked
    assert url.startswith("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&")
    assert "Token=t0k3n" in url
    source.refresh_from_db()
    assert source.notice == ""


@pytest.mark.parametrize(
    "topic", ["arn:aws:sns:evil.example/:123456789012:x", "arn:aws:sns:eu-west-1:1:x", "x", 7, None]
)
def test_no_other_address_is_ever_asked(source: InboundSource, asked: list[str], topic: Any) -> None:
    assert send(source, hello(TopicArn=topic)).status_code == 400
    assert asked == []


def test_a_confirmation_that_fails_is_parked_where_people_see_it(source: InboundSource, asked: list[str]) -> None:
    assert send(source, hello(Token="fails")).status_code == 202
    source.refresh_from_db()
    assert "confirm it in the Amazon SNS console" in source.notice
    [post] = ses_tracking([Said("opened")])
    assert send(source, post).json()["accepted"] == 1
    source.refresh_from_db()
    assert source.notice == "", "events arrive, so it was confirmed"


def test_a_source_for_one_topic_takes_no_other(source: InboundSource, asked: list[str]) -> None:
    source.keys = {"topic_arn": TOPIC + "-other"}
    source.save()
    assert send(source, hello()).status_code == 400
    assert send(source, ses_tracking([Said("opened")])[0]).status_code == 400
    assert (asked, Activity.objects.count()) == ([], 0)


def test_the_greeting_and_the_farewell_are_no_events(source: InboundSource) -> None:
    assert send(source, sns(amazon_ses.HELLO, "h-1")).json()["accepted"] == 0
    assert send(source, sns("bye", "h-2", "UnsubscribeConfirmation")).json()["accepted"] == 0


def test_each_recipient_of_one_notice_has_an_event(source: InboundSource) -> None:
    [post] = ses_tracking([Said("opened")])
    body = json.loads(post.body)
    message = json.loads(body["Message"])
    message["mail"]["destination"] = ["ann@example.com", "bob@example.com"]
    post = sns(message, "two")
    assert send(source, post).json()["accepted"] == 2
    assert send(source, post).json() == {"accepted": 0, "duplicates": 2, "rejected": []}


@pytest.mark.parametrize(("kind", "permanent"), [("Permanent", True), ("Transient", False), ("Undetermined", False)])
def test_a_full_mailbox_is_no_bounce_for_good(source: InboundSource, kind: str, permanent: bool) -> None:
    recipient = {"emailAddress": "ann@example.com"}
    bounce = {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": [recipient]}
    send(source, sns({"eventType": "Bounce", "mail": {"messageId": "m"}, "bounce": bounce}, "b-1"))
    activity = Activity.objects.get()
    assert (activity.activity_type, activity.data["permanent"]) == (Activity.EMAIL_BOUNCED, permanent)


def test_what_the_library_does_not_know(source: InboundSource) -> None:
    mail = {"messageId": "m", "destination": ["ann@example.com"]}
    told = {
        "email_unsubscribed": {"eventType": "Subscription", "subscription": preferences(unsubscribeAll=True)},
        "email_unknown": {"eventType": "Subscription", "subscription": preferences(unsubscribeAll=False)},
        "email_deferred": {"eventType": "DeliveryDelay", "deliveryDelay": {"delayType": "MailboxFull"}},
    }
    for name, said in told.items():
        assert send(source, sns(said | {"mail": mail}, name)).json()["accepted"] == 1
    assert set(Activity.objects.values_list("activity_type", flat=True)) == set(told)


def preferences(**said: bool) -> dict[str, Any]:
    return {"contactList": "all", "source": "UnsubscribeHeader", "newTopicPreferences": said}


def test_without_the_package_it_says_so(source: InboundSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amazon_ses, "find_spec", lambda name: None)
    answer = send(source, ses_tracking([Said("opened")])[0])
    assert answer.status_code == 503
    assert "pip install nextmove[ses]" in answer.json()["detail"]
    assert answer["Retry-After"]
    source.refresh_from_db()
    assert "boto3" in source.notice


def test_mail_in_s3_that_cannot_be_fetched_is_asked_for_again(
    source: InboundSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    given = {"aws_access_key_id": "A", "aws_secret_access_key": "B", "region_name": "xx-nowhere-1"}
    source.keys = {"session_params": given}
    source.save()
    body = json.loads(ses_inbound(Mail()).body)
    message = json.loads(body["Message"])
    message["receipt"]["action"] = {"type": "S3", "bucketName": "b", "objectKey": "k"}
    answer = send(source, sns(message, "s3"), "/inbound")
    assert answer.status_code == 503, answer.content
    assert not Activity.objects.exists()


@pytest.mark.parametrize(
    "keys",
    [
        {"client_params": {"endpoint_url": "http://169.254.169.254"}},
        {"session_params": {"profile_name": "default"}},
        {"session_params": {"region_name": "eu-west-1"}},
        {"session_params": {**dict.fromkeys(amazon_ses.SESSION, "A"), "region_name": "evil.example/#"}},
        {"session_params": {"aws_access_key_id": "A", "aws_secret_access_key": {"a": 1}}},
        {"session_params": "A"},
    ],
    ids=["another address", "the machine's profile", "no keys", "a region that is an address", "no text", "no object"],
)
def test_boto3_asks_nothing_but_aws_and_as_nobody_but_the_source(keys: dict[str, Any]) -> None:
    with pytest.raises(BadKeys):
        check_keys("amazon_ses", keys)


def test_mail_in_s3_is_not_fetched_as_the_machine(source: InboundSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session", lambda **params: pytest.fail("it was asked for"))
    message = json.loads(json.loads(ses_inbound(Mail()).body)["Message"])
    message["receipt"]["action"] = {"type": "S3", "bucketName": "b", "objectKey": "k"}
    answer = send(source, sns(message, "s3"), "/inbound")
    assert answer.status_code == 503, answer.content
    assert "session_params" in answer.json()["detail"]
