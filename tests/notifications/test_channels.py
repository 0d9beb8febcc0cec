"""Text messages and chat through servers that stand for the services: what arrives, once, and what becomes of it."""

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook

from jobs import queue, runner
from jobs.models import Job
from notifications import addresses, gateways, outbox, trials
from notifications.channels import chat, posting, sms, twilio, whatsapp
from notifications.channels.chat import ntfy, telegram
from notifications.channels.whatsapp import cloud
from notifications.models import Address, Delivery, Notification
from notifications.services import Invalid
from people import deactivation, sealing
from people.models import Change, User
from tests import builders
from tests.notifications.conftest import ECHO, HANGS_UP, KEEPS_SILENT, Services
from tests.notifications.reaching import (
    BOT,
    CLOUD,
    KEY,
    KNOW_AGAIN,
    LOGIN,
    NOON,
    SERVICES,
    TOKEN,
    TWILIO,
    WHERE,
    lead_here,
    reach,
    reach_by,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def person() -> User:
    return builders.make_manager(first_name="Ada", last_name="Byron")


@pytest.fixture
def here(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Every service stands here."""
    lead_here(services.url, monkeypatch)
    return services


def tell(person: User, *, now: datetime = NOON, **changes: Any) -> None:
    plain: dict[str, Any] = {
        "kind": Notification.OVERDUE,
        "key": "overdue:1",
        "title": "Overdue: <!channel> *Bo* & @all",
        "body": "Since [Monday](x)",
        "path": "/tasks/7",
    }
    outbox.tell(person, now=now, **plain | changes)


def work(at: datetime = NOON) -> None:
    with time_machine.travel(at, tick=False):
        runner.run_due()


def row() -> Delivery:
    return Delivery.objects.get()


LINK = "http://127.0.0.1:5000/tasks/7"
TITLE, BODY = "Overdue: <!channel> *Bo* & @all", "Since [Monday](x)"


def said(name: str, asked: Any) -> dict[str, Any]:
    """The words of the message, wherever the service has them."""
    if name in ("twilio", "whatsapp-twilio"):
        return asked.form
    found: dict[str, Any] = asked.json
    return found


EXPECTED: dict[str, Any] = {
    "slack": {"text": f"Overdue: &lt;!channel&gt; *Bo* &amp; @all\n{BODY}\n{LINK}", "mrkdwn": False},
    "mattermost": {
        "text": "Overdue: \\<\\!channel\\> \\*Bo\\* & @\u200ball\nSince \\[Monday\\]\\(x\\)\n" + LINK,
    },
    "telegram": {
        "chat_id": "-100123",
        "text": f"{TITLE}\n{BODY}\n{LINK}",
        "link_preview_options": {"is_disabled": True},
    },
    "twilio": {"To": "+491701234567", "From": "+15551234567", "Body": f"{TITLE}\n{LINK}"},
    "whatsapp-twilio": {
        "To": "whatsapp:+491701234567",
        "From": "whatsapp:+15551234567",
        "Body": f"{TITLE}\n{BODY}\n{LINK}",
    },
}
CLOUD_EXPECTED = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+491701234567",
    "type": "text",
    "text": {"body": f"{TITLE}\n{BODY}\n{LINK}"},
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_notice_arrives_once_with_its_login_and_nothing_in_it_is_markup(
    name: str, person: User, here: Services
) -> None:
    channel = reach_by(name, person, here.url)
    for _ in range(2):
        tell(person)
    work()
    work(NOON + timedelta(hours=1))
    (asked,) = here.asked
    sent = row()
    assert (sent.channel, sent.state, sent.reason) == (channel, Delivery.SENT, "")
    assert (asked.path, asked.headers.get("authorization")) == WHERE[name]
    document = said(name, asked)
    if name in EXPECTED:
        assert document == EXPECTED[name]
    elif name == "cloud":
        assert document == CLOUD_EXPECTED | {"biz_opaque_callback_data": str(sent.pk)}
    elif name == "teams":
        card = document["attachments"][0]["content"]
        assert [part["inlines"][0]["text"] for part in card["body"]] == [TITLE, BODY]
        assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open it", "url": LINK}]
    elif name == "webhook":
        assert document == {
            "id": str(sent.pk), "type": "notification", "kind": "overdue", "title": TITLE, "text": BODY, "url": LINK,
        }  # fmt: skip
        with time_machine.travel(NOON, tick=False):
            Webhook(KEY).verify(asked.body, asked.headers)
        assert asked.headers["webhook-id"] == str(sent.pk)
    else:
        assert document == {
            "topic": "secret-topic", "title": TITLE, "message": BODY, "click": LINK, "sequence_id": str(sent.pk),
        }  # fmt: skip


@pytest.mark.parametrize("name", ["telegram", "webhook", "twilio", "cloud"])
@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        ((400, "no such chat"), "failed", "refused it (400): no such chat"),
        ((401, ""), "failed", "refused it (401)."),
        ((302, ""), "failed", "another address (302)"),
        ((429, ""), "queued", "try again later (429)"),
        ((503, "busy"), "unknown", "failed (503)"),
        ((HANGS_UP, ""), "unknown", "was lost"),
        ((KEEPS_SILENT, ""), "unknown", "did not answer within"),
    ],
)
def test_what_is_said_or_not_said_decides_what_became_of_it(
    name: str, answer: tuple[int, str], state: str, reason: str, person: User, here: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(posting, "SECONDS", 0.2)
    reach_by(name, person, here.url)
    here.answers = [answer]
    tell(person)
    work()
    sent = row()
    again = state == "unknown" and name in KNOW_AGAIN
    assert sent.state == ("sending" if again else state)
    assert reason in sent.reason
    assert len(here.asked) == 1, "no redirect is followed"
    work(NOON + timedelta(seconds=60))
    assert row().state == ("sent" if again or state == "queued" else state)
    assert len(here.asked) == (2 if again or state == "queued" else 1)


def test_a_service_that_is_away_is_tried_again_and_given_up(
    person: User, here: Services, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    reach_by("telegram", person, here.url)
    monkeypatch.setattr(telegram, "API", "http://127.0.0.1:1")  # nobody listens there
    settings.PRIVATE_HOSTS = ["127.0.0.1:1"]
    tell(person)
    at = NOON
    for wait in (0, 60, 120, 240):
        at += timedelta(seconds=wait)
        assert row().state == "queued"
        work(at)
    assert row().state == "failed"
    assert "does not answer" in row().reason


def test_one_that_never_says_whether_it_took_it_is_unknown_in_the_end(person: User, here: Services) -> None:
    reach_by("webhook", person, here.url)
    here.answers = [(500, "")] * 4
    tell(person)
    for seconds in (0, 60, 180, 420, 900):
        work(NOON + timedelta(seconds=seconds))
    assert row().state == "unknown"
    assert {asked.headers["webhook-id"] for asked in here.asked} == {str(row().pk)}
    assert len(here.asked) == 4


def test_a_number_hears_nothing_but_its_code_until_the_code_comes_back(person: User, here: Services) -> None:
    gateways.enter(person.team, "sms", service="twilio", given=TWILIO, by=person, now=NOON)
    given = reach(person, "sms", "phone", phone="+49 170 1234567")
    assert given.confirmed_at is None
    tell(person)
    work()
    (asked,) = here.asked
    assert row().state == "sent", "the test with the code; the notice is not even queued"
    code = sealing.unseal(Address.objects.get().code)
    assert asked.form["Body"] == f"{code} is your code for Nextmove.\nhttp://127.0.0.1:5000/settings/notifications"
    assert code not in str(list(Notification.objects.values())) + str(list(Job.objects.values()))
    with pytest.raises(addresses.WrongCode, match="not the code"):
        addresses.confirm(person, "sms", code="x", now=NOON)
    assert addresses.confirm(person, "sms", code=f" {code[:3]} {code[3:]}", now=NOON).confirmed_at == NOON
    tell(person, key="other")
    work()
    assert here.asked[1].form["Body"].startswith("Overdue")
    assert reach(person, "sms", "phone", phone="+491701234567").confirmed_at == NOON, "the same number again"
    assert reach(person, "sms", "phone", phone="+491701234568").confirmed_at is None, "another is not confirmed"


def test_a_code_is_guessed_at_five_times_and_lives_half_an_hour(person: User, here: Services) -> None:
    gateways.enter(person.team, "sms", service="twilio", given=TWILIO, by=person, now=NOON)
    reach(person, "sms", "phone", phone="+491701234567")
    code = sealing.unseal(Address.objects.get().code)
    with pytest.raises(addresses.WrongCode, match="new one"):
        addresses.confirm(person, "sms", code=code, now=NOON + addresses.CODE_LIVES)
    for _ in range(addresses.MOST_TRIES):
        with pytest.raises(addresses.WrongCode, match="look again"):
            addresses.confirm(person, "sms", code="none", now=NOON)
    with pytest.raises(addresses.WrongCode, match="new one"):
        addresses.confirm(person, "sms", code=code, now=NOON)
    for minute in range(1, trials.MOST):
        trials.send(person, "sms", now=NOON + timedelta(minutes=minute))
    with pytest.raises(trials.TooMany) as enough:
        reach(person, "sms", "phone", phone="+491701234560")
    assert enough.value.seconds == 3600
    assert Address.objects.get().shown == {"phone": "••••567"}, "nothing was changed"


@pytest.mark.parametrize("change", ["address", "gateway", "left"])
def test_what_lost_its_address_meanwhile_is_not_sent(change: str, person: User, here: Services) -> None:
    reach_by("twilio", person, here.url)
    builders.make_manager(team=person.team)
    tell(person)
    if change == "address":
        addresses.take_away(person, "sms", by=person, now=NOON)
    if change == "gateway":
        gateways.remove(person.team.gateways.get(), by=person, now=NOON)
    if change == "left":
        deactivation.deactivate(person, by=None, now=NOON)
        assert not Address.objects.exists(), "nothing of theirs is kept"
    work()
    assert here.asked == []
    assert row().state == "skipped"


def test_secrets_are_sealed_and_nowhere_else(
    person: User, here: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(posting, "SECONDS", 0.2)
    reach_by("twilio", person, here.url)
    reach_by("cloud", person, here.url)
    secrets = {TOKEN, LOGIN.partition(" ")[2], CLOUD["token"], "491701234567"}
    for name in ("telegram", "webhook", "ntfy", "mattermost"):
        reach_by(name, person, here.url)
        opened = Address.objects.get(channel="chat").config
        secrets |= {opened[field] for field in ("token", "url", "secret", "topic") if opened.get(field)}
        for answer in (400, HANGS_UP, KEEPS_SILENT, 429):
            here.answers = [(answer, ECHO)] * 3
            tell(person, key=f"{name}:{answer}")
            work()
    assert len(here.asked) >= 4 * 4 * 3
    kept = [
        *Delivery.objects.values_list("reason"),
        *Job.objects.values_list("args", "kwargs", "error", "result"),
        *Change.objects.values_list("before", "after", "subject"),
        *Address.objects.values_list("shown", "sealed"),
        *person.team.gateways.values_list("shown", "sealed"),
    ]
    text = f"{kept}{caplog.text}"
    assert "refused it (400)" in text
    for secret in secrets:
        assert secret not in text


@pytest.mark.parametrize(
    ("channel", "service", "given", "field", "says"),
    [
        ("chat", "fax", {}, "service", "use one of slack, teams, telegram, ntfy"),
        ("chat", "slack", {"url": "https://hooks.slack.com.evil.example/services/T/B/X"}, "url", "incoming webhook"),
        ("chat", "slack", {"url": "https://hooks.slack.com/services/../../x"}, "url", "incoming webhook"),
        ("chat", "slack", {}, "url", "is needed"),
        ("chat", "telegram", {"token": "x/../y", "chat_id": "1234"}, "token", "@BotFather"),
        ("chat", "telegram", {"token": BOT, "chat_id": "a b"}, "chat_id", "number of the chat"),
        ("chat", "ntfy", {"topic": "a/b"}, "topic", "topic alone"),
        ("chat", "ntfy", {"topic": "a", "server": "https://127.0.0.1"}, "server", "not a public address"),
        ("chat", "webhook", {"url": "http://example.org"}, "url", "https://"),
        ("chat", "webhook", {"url": "https://10.0.0.1/x"}, "url", "not a public address"),
        ("chat", "webhook", {"url": "https://example.org/", "secret": "short"}, "secret", "24 to 64 bytes"),
        ("chat", "webhook", {"url": "https://example.org/", "colour": "red"}, "colour", "no such field"),
        ("sms", "phone", {"phone": "0170 1234567"}, "phone", "country"),
    ],
)
def test_what_could_lead_elsewhere_or_nowhere_is_refused_as_it_is_entered(
    channel: str, service: str, given: dict[str, str], field: str, says: str, person: User
) -> None:
    with pytest.raises(Invalid) as refused:
        addresses.give(person, channel, service=service, given=given, now=NOON)
    assert says in str(refused.value.errors[field])
    assert not Address.objects.exists()


def test_a_secret_that_is_left_out_stays(person: User) -> None:
    reach(person, "chat", "ntfy", topic="secret-topic", token="tk_secretsecretsecret")
    again = reach(person, "chat", "ntfy", topic="", server="https://ntfy.example.org/")
    assert again.config == {
        "topic": "secret-topic", "server": "https://ntfy.example.org", "token": "tk_secretsecretsecret",
    }  # fmt: skip
    assert again.shown == {"topic": "••••", "server": "https://ntfy.example.org", "token": "••••cret"}
    assert {change.verb for change in Change.objects.filter(kind="notification_address")} == {"created", "changed"}


def test_an_approved_template_is_filled(person: User, here: Services) -> None:
    template = "HX" + "a" * 32
    reach_by("cloud", person, here.url)
    gateways.enter(person.team, "whatsapp", service="cloud", given=CLOUD | {"template": "notice"}, by=person, now=NOON)
    tell(person)
    work()
    gateways.enter(
        person.team, "whatsapp", service="twilio", given=TWILIO | {"template": template}, by=person, now=NOON
    )
    tell(person, key="other")
    work()
    line = f"{TITLE} {BODY} {LINK}"
    filled = here.asked[0].json["template"]
    assert (filled["name"], filled["language"]) == ("notice", {"code": "en"})
    assert filled["components"] == [{"type": "body", "parameters": [{"type": "text", "text": line}]}]
    assert here.asked[1].form["ContentSid"] == template
    assert line[:20] in here.asked[1].form["ContentVariables"]
    assert "Body" not in here.asked[1].form


def test_a_team_may_send_by_a_pool_of_numbers_or_by_a_name(person: User, here: Services) -> None:
    reach_by("twilio", person, here.url)
    for sender in ("MG" + "0" * 32, "MGM Sales"):
        gateways.enter(person.team, "sms", service="twilio", given={**TWILIO, "sender": sender}, by=person, now=NOON)
        tell(person, key=sender)
        work()
    pool, name = (asked.form for asked in here.asked)
    assert (pool.get("MessagingServiceSid"), pool.get("From")) == ("MG" + "0" * 32, None)
    assert name["From"] == "MGM Sales"


def test_what_was_sealed_with_another_key_says_so(person: User, here: Services, settings: Any) -> None:
    reach_by("twilio", person, here.url)
    tell(person)
    settings.SECRET_KEY = "another"
    work()
    assert here.asked == []
    assert (row().state, "NEXTMOVE_SECRET_KEY" in row().reason) == ("failed", True)
    Address.objects.update(confirmed_at=None, code="not readable", code_at=NOON)
    with pytest.raises(addresses.WrongCode, match="new one"):
        addresses.confirm(person, "sms", code="123456", now=NOON)


def test_services_are_where_they_should_be() -> None:
    assert (telegram.API, twilio.API) == ("https://api.telegram.org", "https://api.twilio.com")
    assert (cloud.API, ntfy.CLOUD) == ("https://graph.facebook.com/v21.0", "https://ntfy.sh")
    assert {sms.Sms.name, whatsapp.WhatsApp.name, chat.Chat.name} == {"sms", "whatsapp", "chat"}


@pytest.mark.parametrize(
    "said", ["Cannot POST /hooks/TOPSECRETTOKEN12", '{"no":"https:\\/\\/h\\/hooks\\/TOPSECRETTOKEN12"}']
)
def test_a_secret_in_the_path_of_an_address_is_not_said_back(person: User, services: Services, said: str) -> None:
    addresses.give(person, "chat", service="webhook", given={"url": f"{services.url}/hooks/TOPSECRETTOKEN12"}, now=NOON)
    services.answers = [(404, said)]
    outbox.tell(person, kind=Notification.REMINDER, key="r", title="Due soon", now=NOON)
    work(NOON)
    assert "TOPSECRET" not in Delivery.objects.get().reason


def test_what_it_said_is_not_read_by_managers_in_the_reason(person: User, services: Services) -> None:
    addresses.give(person, "chat", service="webhook", given={"url": services.url}, now=NOON)
    services.answers = [(400, "I do not take: Call Bo about his illness")]
    outbox.tell(person, kind=Notification.REMINDER, key="r", title="Call Bo about his illness", now=NOON)
    work(NOON)
    row = Delivery.objects.get()
    assert row.state == "failed"
    assert "illness" not in row.reason


@pytest.mark.parametrize(("service", "again"), [("webhook", 1), ("mattermost", 0)])
def test_a_job_that_is_run_again_sends_what_may_have_arrived_only_where_it_is_known_again(
    person: User, services: Services, service: str, again: int
) -> None:
    addresses.give(person, "chat", service=service, given={"url": services.url}, now=NOON)
    outbox.tell(person, kind=Notification.REMINDER, key="r", title="Due soon", now=NOON)
    services.answers = [(503, "")] * 4
    for minutes in (0, 1, 3, 7):
        work(NOON + timedelta(minutes=minutes))
    assert row().state == "unknown"
    tries = len(services.asked)
    for job in Job.objects.filter(state=Job.DEAD):
        queue.retry(job, now=NOON + timedelta(hours=1))
    work(NOON + timedelta(hours=1))
    assert len(services.asked) == tries + again
    assert row().state == ("sent" if again else "unknown")
