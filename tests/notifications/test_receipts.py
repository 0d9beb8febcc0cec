"""What Twilio and WhatsApp report of messages: signed, to the row it is about, and only ever forward."""

import hashlib
import hmac
import json
import logging
import re
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from api import limits
from jobs import outgoing, runner
from jobs.models import Job
from notifications import delivery, outbox
from notifications.channels import reporting, twilio
from notifications.models import Delivery, Gateway, Notification
from people.models import User
from tests import builders
from tests.notifications.conftest import Services
from tests.notifications.reaching import CLOUD, NOON, TWILIO, lead_here, reach, reach_by

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LATER = NOON + timedelta(minutes=1)
PHONES = ("twilio", "whatsapp-twilio", "cloud")
NAMES = {"twilio": "SM" + "1" * 32, "whatsapp-twilio": "SM" + "1" * 32, "cloud": "wamid.HBgMNDkxNzAxMjM0NTY3FQIA"}
KNOWN_AS = NAMES | {"cloud": hashlib.sha256(NAMES["cloud"].encode()).hexdigest()}
"""In base64 WhatsApp's has the number, so it is not kept as it is."""


@pytest.fixture(autouse=True)
def outside(settings: Any) -> None:
    """This installation can be reached from outside."""
    settings.BASE_URL = "https://nextmove.example.org"
    limits.reset()


@pytest.fixture
def here(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    lead_here(services.url, monkeypatch)
    return services


@pytest.fixture
def person() -> User:
    return builders.make_manager(first_name="Ada", last_name="Byron")


def taken(name: str, known_as: str = "") -> tuple[int, str]:
    known_as = known_as or NAMES[name]
    said = {"messages": [{"id": known_as}]} if name == "cloud" else {"sid": known_as, "status": "queued"}
    return (200 if name == "cloud" else 201), json.dumps(said)


def work(at: Any = NOON) -> None:
    with time_machine.travel(at, tick=False):
        runner.run_due()


def send(name: str, person: User, here: Services, *answers: tuple[int, str], count: int = 1) -> Gateway:
    """Tells somebody something by this service; the account that sends."""
    channel = reach_by(name, person, here.url)
    here.answers = list(answers) or [taken(name)]
    for n in range(count):
        outbox.tell(person, kind=Notification.OVERDUE, key=f"k{n}", title=f"Overdue {n}", path="/tasks/7", now=NOON)
    work(LATER)
    return Gateway.objects.get(team=person.team, channel=channel)


def address(gateway: Gateway) -> str:
    return reporting.address_of(gateway.team_id, gateway.channel)


def twilio_says(gateway: Gateway, *, query: str = "", token: str = "", **fields: str) -> Any:
    """As Twilio posts it, signed by the account's token."""
    url = address(gateway) + query
    sent = {"AccountSid": TWILIO["account_sid"], "To": "+491701234567", "From": TWILIO["sender"], "ApiVersion": ""}
    sent |= fields
    signed = twilio.signature({"auth_token": token or TWILIO["auth_token"]}, url, sent.items())
    return _post(url, urlencode(sent), "application/x-www-form-urlencoded", {"X-Twilio-Signature": signed})


def whatsapp_says(gateway: Gateway, *statuses: Any, secret: str = CLOUD["app_secret"], body: bytes = b"") -> Any:
    """As Meta posts it: signed over the bytes, with umlauts escaped."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": CLOUD["phone_id"]},
        "statuses": list(statuses),
    }
    document = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"value": value}]}]}
    body = body or json.dumps(document).encode()
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return _post(address(gateway), body, "application/json", {"X-Hub-Signature-256": f"sha256={signed}"})


def _post(url: str, body: Any, kind: str, headers: dict[str, str]) -> Any:
    path = url.removeprefix("https://nextmove.example.org")
    with time_machine.travel(LATER, tick=False):
        return Client().post(path, body, content_type=kind, headers=headers)


def report(name: str, gateway: Gateway, status: str, code: int = 0, known_as: str = "", own: str = "") -> Any:
    """The same from either: `status` in its own words, `code` of its own list."""
    known_as = known_as or NAMES[name]
    if name != "cloud":
        told = {"MessageSid": known_as, "SmsSid": known_as, "MessageStatus": status, "SmsStatus": status}
        told |= {"ErrorCode": str(code)} if code else {}
        return twilio_says(gateway, query=f"?delivery={own}" if own else "", **told)
    errors = [{"code": code, "title": "Message undeliverable", "error_data": {"details": "Not to +491701234567."}}]
    told_by_meta = {"id": known_as, "status": status, "timestamp": "1750155000", "recipient_id": "491701234567"}
    told_by_meta |= {"biz_opaque_callback_data": own} if own else {}
    return whatsapp_says(gateway, told_by_meta | ({"errors": errors} if code else {}))


def rows() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "reason"))


def states() -> list[str]:
    return [state for state, _ in rows()]


GONE = {"twilio": ("undelivered", 30006), "whatsapp-twilio": ("failed", 63024), "cloud": ("failed", 131026)}
BROKEN = {"twilio": ("undelivered", 30007), "whatsapp-twilio": ("failed", 63016), "cloud": ("failed", 131047)}


@pytest.mark.parametrize("name", PHONES)
def test_a_number_that_is_not_reached_comes_back_to_all_that_its_message_told(
    name: str, person: User, here: Services
) -> None:
    """A digest, so that several notices come in one message: they share its fate."""
    gateway = send(name, person, here)
    row = Delivery.objects.get()
    assert (row.state, row.reference) == ("sent", KNOWN_AS[name])
    for _ in range(2):
        assert report(name, gateway, *GONE[name]).status_code == 200
    ((state, reason),) = rows()
    assert state == "bounced"
    assert str(GONE[name][1]) in reason
    assert {
        "twilio": "Landline or unreachable carrier",
        "whatsapp-twilio": "Invalid message recipient",
        "cloud": "Message undeliverable. Not to ••••",
    }[name] in reason
    assert "1701234567" not in reason
    (notice,) = person.notifications.filter(kind=Notification.BOUNCED)
    label = "SMS" if name == "twilio" else "WhatsApp"
    assert notice.title == f"{label} to ••••567 does not arrive"
    assert notice.body == reason
    client = Client()
    client.force_login(person)
    job = Job.objects.get(name="automation.tasks.send_delivery")
    for page in ("/settings/notifications", f"/automations/jobs/{job.pk}"):
        shown = client.get(page).content.decode()
        assert "Came back" in shown, page
        assert reason in shown, page


@pytest.mark.parametrize("name", PHONES)
def test_a_number_entered_since_is_not_said_to_be_the_one_that_failed(name: str, person: User, here: Services) -> None:
    gateway = send(name, person, here)
    reach(person, gateway.channel, "phone", at=LATER + timedelta(minutes=1), phone="+49 170 7654321")
    report(name, gateway, *GONE[name])
    label = "SMS" if name == "twilio" else "WhatsApp"
    assert person.notifications.get(kind=Notification.BOUNCED).title == f"{label} to an earlier number does not arrive"


@pytest.mark.parametrize("name", PHONES)
def test_what_does_not_lie_with_the_number_has_failed(name: str, person: User, here: Services) -> None:
    gateway = send(name, person, here)
    assert report(name, gateway, *BROKEN[name]).status_code == 200
    ((state, reason),) = rows()
    assert (state, str(BROKEN[name][1]) in reason) == ("failed", True)
    assert not person.notifications.filter(kind=Notification.BOUNCED).exists()


@pytest.mark.parametrize("name", PHONES)
def test_it_only_ever_moves_forward(name: str, person: User, here: Services) -> None:
    gateway = send(name, person, here)
    for status in ("sent", "delivered", "read", "sent"):
        assert report(name, gateway, status).status_code == 200
        assert states() == ["sent"]
    report(name, gateway, *GONE[name])
    kept = rows()
    for status in ("sent", "delivered", "read"):
        report(name, gateway, status)
    report(name, gateway, *BROKEN[name])
    assert rows() == kept


@pytest.mark.parametrize("name", PHONES)
@pytest.mark.parametrize("way", ["killed", "lost answer", "reported first"])
def test_what_nobody_could_say_is_said_by_the_report(
    name: str, way: str, person: User, here: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own id goes out with the message and comes back: it finds the row whose answer never came."""
    answer = (500, "") if way == "lost answer" else taken(name)
    if way == "lost answer":
        gateway = send(name, person, here, answer)
        assert states() == ["unknown"]
    else:
        with monkeypatch.context() as death:

            def killed(*_args: Any, **_options: Any) -> Any:
                raise KeyboardInterrupt

            real = outgoing.call
            death.setattr(outgoing, "call", lambda *args, **options: (real(*args, **options), killed()))
            with pytest.raises(KeyboardInterrupt):
                send(name, person, here, answer)
        gateway = Gateway.objects.get()
        assert states() == ["sending"]
    if way == "killed":
        work(LATER + timedelta(minutes=6))
        assert states() == ["unknown"]
    row = Delivery.objects.get()
    asked = here.asked[0]
    own = asked.json["biz_opaque_callback_data"] if name == "cloud" else asked.form["StatusCallback"].partition("=")[2]
    assert own == str(row.pk)
    report(name, gateway, "delivered", own=own)
    assert rows() == [("sent", "")]
    assert Delivery.objects.get().reference == KNOWN_AS[name]
    work(LATER + timedelta(minutes=12))
    assert (states(), len(here.asked)) == (["sent"], 1)
    report(name, gateway, *GONE[name])
    assert states() == ["bounced"]


@pytest.mark.parametrize("name", PHONES)
def test_a_worker_that_was_only_slow_still_says_that_it_was_sent(
    name: str, person: User, here: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another took it for dead meanwhile, and its row for one of which nobody can say anything."""
    real = outgoing.call

    def slow(*args: Any, **options: Any) -> outgoing.Answer:
        answer = real(*args, **options)
        delivery.send(Delivery.objects.get().pk, now=LATER)
        assert states() == ["unknown"]
        return answer

    monkeypatch.setattr(outgoing, "call", slow)
    gateway = send(name, person, here)
    assert rows() == [("sent", "")]
    report(name, gateway, *GONE[name])
    assert (states(), len(here.asked)) == (["bounced"], 1)


@pytest.mark.parametrize("name", PHONES)
def test_a_digest_shares_the_fate_of_its_message(name: str, person: User, here: Services) -> None:
    gateway = send(name, person, here)
    first = Delivery.objects.get()
    other = builders.make_delivery(person, channel=gateway.channel, state="unknown", sent_with=first)
    report(name, gateway, "sent", own=str(first.pk))
    other.refresh_from_db()
    assert (other.state, other.reference) == ("sent", KNOWN_AS[name])
    report(name, gateway, *GONE[name])
    assert states() == ["bounced"] * 2


@pytest.mark.parametrize("name", PHONES)
def test_a_message_is_found_by_an_index_however_many_there_are(name: str, person: User, here: Services) -> None:
    """One request has up to a thousand reports in it."""
    gateway = send(name, person, here)
    Delivery.objects.update(reference="", state="unknown")
    own = str(Delivery.objects.get().pk)
    with CaptureQueriesContext(connection) as asked:
        report(name, gateway, "sent", known_as="SM-of-others")
        report(name, gateway, "sent", own=own)
        report(name, gateway, *GONE[name])
    assert states() == ["bounced"]
    statements = [one["sql"] for one in asked if one["sql"].startswith(("SELECT", "UPDATE"))]
    plans = [_plan(sql) for sql in statements if "notifications_delivery" in sql]
    assert len(plans) >= 6
    assert [plan for plan in plans if re.search(r"(SCAN|Seq Scan on) notifications_delivery", plan)] == []


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads so few rows one by one
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"{'EXPLAIN' if connection.vendor == 'postgresql' else 'EXPLAIN QUERY PLAN'} {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


@pytest.mark.parametrize("name", PHONES)
def test_a_message_of_nobody_is_taken_and_changes_nothing(
    name: str, person: User, here: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nextmove.notifications")
    gateway = send(name, person, here)
    strange = builders.make_delivery(builders.make_user(), channel=gateway.channel, state="sent")
    for known_as, own in (("SM-of-others", ""), ("SM-of-others", "x"), ("a\0b", ""), ("SM-o", str(strange.pk))):
        assert report(name, gateway, *GONE[name], known_as=known_as, own=own).status_code == 200
    assert set(states()) == {"sent"}
    assert caplog.text.count("1 of 1 reports") == 4


def test_one_account_of_two_teams_reports_to_either(person: User, here: Services) -> None:
    """An app at Meta has one address; what it knows a message by nobody else could guess."""
    send("cloud", person, here)
    other = builders.make_manager()
    second = builders.make_gateway(other.team, channel="whatsapp", service="cloud", **CLOUD)
    report("cloud", second, *GONE["cloud"])
    assert states() == ["bounced"]


@pytest.mark.parametrize("name", PHONES)
@pytest.mark.parametrize("forgery", ["other secret", "no signature", "other body", "other address", "not ascii"])
def test_a_forged_report_is_refused_and_changes_nothing(name: str, forgery: str, person: User, here: Services) -> None:
    gateway = send(name, person, here)
    row = Delivery.objects.get()
    url, kind = address(gateway), "application/json" if name == "cloud" else "application/x-www-form-urlencoded"
    fields = {"MessageSid": NAMES[name], "MessageStatus": "failed", "ErrorCode": "30006"}
    value = {"statuses": [{"id": NAMES[name], "status": "failed", "errors": [{"code": 131026}]}]}
    body = json.dumps({"entry": [{"changes": [{"value": value}]}]}).encode()
    sent: Any = body if name == "cloud" else urlencode(fields)
    secret = "f" * 32 if forgery == "other secret" else CLOUD["app_secret"]
    token = "f" * 32 if forgery == "other secret" else TWILIO["auth_token"]
    signed_url = url + "?delivery=x" if forgery == "other address" else url
    signature = (
        "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        if name == "cloud"
        else twilio.signature({"auth_token": token}, signed_url, fields.items())
    )
    if forgery == "no signature":
        signature = ""
    if forgery == "not ascii":
        signature = "sh\xe4256"
    if forgery == "other body":
        sent = sent.replace(b"failed", b"faile") if name == "cloud" else sent.replace("30006", "30005")
    if forgery == "other address" and name == "cloud":
        stranger = builders.make_manager()
        other = builders.make_gateway(
            stranger.team, channel="whatsapp", service="cloud", **CLOUD | {"app_secret": "1" * 32}
        )
        url = address(other)
    header = "X-Hub-Signature-256" if name == "cloud" else "X-Twilio-Signature"
    answer = _post(url, sent, kind, {header: signature})
    assert answer.status_code == 403
    row.refresh_from_db()
    assert row.state == "sent"


@pytest.mark.parametrize("base", ["https://nextmove.example.org:8443", "https://nextmove.example.org"])
@pytest.mark.parametrize("signed", ["", ":443", ":8443"])
def test_twilio_may_sign_the_address_with_its_port_or_without(
    base: str, signed: str, person: User, here: Services, settings: Any
) -> None:
    settings.BASE_URL = base
    gateway = send("twilio", person, here)
    url = address(gateway)
    assert here.asked[0].form["StatusCallback"] == f"{url}?delivery={Delivery.objects.get().pk}"
    fields = {"MessageSid": NAMES["twilio"], "MessageStatus": "failed", "ErrorCode": "30006"}
    as_signed = url.replace(base, f"https://nextmove.example.org{signed}")
    header = {"X-Twilio-Signature": twilio.signature(TWILIO, as_signed, fields.items())}
    answer = Client().post(
        url.removeprefix(base), urlencode(fields), content_type="application/x-www-form-urlencoded", headers=header
    )
    own = {"https://nextmove.example.org:8443": ":8443"}.get(base, ":443")
    assert answer.status_code == (200 if signed in ("", own) else 403)


def test_the_signature_is_that_of_twilios_own_example() -> None:
    """As its documentation has it, and as its libraries check it."""
    fields = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234", "From": "+12349013030",
        "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio.signature({"auth_token": "12345"}, url, fields.items()) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_meta_is_answered_with_its_challenge_when_it_knows_the_token(person: User, here: Services) -> None:
    gateway = send("cloud", person, here)
    path = address(gateway).removeprefix("https://nextmove.example.org")
    asked = {"hub.mode": "subscribe", "hub.challenge": "<b>1158201444", "hub.verify_token": CLOUD["verify_token"]}
    answer = Client().get(path, asked)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"<b>1158201444", "text/plain")
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": "\xe4"}):
        assert Client().get(path, asked | wrong).status_code == 403
    assert Client().get(path).status_code == 403


def test_without_the_secrets_it_is_asked_to_come_again(person: User, here: Services) -> None:
    gateway = send("cloud", person, here)
    plain = {name: CLOUD[name] for name in ("phone_id", "token")}
    gateway.delete()
    gateway = builders.make_gateway(person.team, channel="whatsapp", service="cloud", **plain)
    answer = report("cloud", gateway, *GONE["cloud"])
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    assert "App Secret" in answer.json()["detail"]
    path = address(gateway).removeprefix("https://nextmove.example.org")
    assert Client().get(path, {"hub.mode": "subscribe"}).status_code == 503
    assert states() == ["sent"]


def test_an_address_outlives_its_account_and_nobody_makes_one_up(person: User, here: Services) -> None:
    gateway = send("twilio", person, here)
    path = address(gateway).removeprefix("https://nextmove.example.org")
    row, team = Delivery.objects.get(), gateway.team
    gateway.delete()
    assert Client().post(path).status_code == 404
    assert Client().post("/hooks/messages/sms.1.made-up").status_code == 404
    assert Client().post("/hooks/messages/x").status_code == 404
    again = builders.make_gateway(team, **TWILIO)
    assert address(again).endswith(path)
    report("twilio", again, *GONE["twilio"])
    row.refresh_from_db()
    assert row.state == "bounced"


@pytest.mark.parametrize(
    "body",
    [
        "[]", "{}", '"x"', "7", "null", '{"entry": 7}', '{"entry": [7, {"changes": {}}]}',
        '{"entry": [{"changes": [{"value": {"statuses": [{"id": 7, "status": ["sent"]}, 3]}}]}]}',
        '{"entry": [{"changes": [{"value": {"statuses": [{"status": "failed", "errors": [{"code": []}]}]}}]}]}',
        '{"entry": [{"changes": [{"value": {"statuses": [{"id": "\\ud800", "status": "failed", "errors": 1}]}}]}]}',
        '{"entry": [{"changes": [{"value": {"messages": [{"id": "wamid.other"}]}, "field": "messages"}]}]}',
    ],
)  # fmt: skip
def test_what_is_said_oddly_fails_no_request(person: User, here: Services, body: str) -> None:
    gateway = send("cloud", person, here)
    assert whatsapp_says(gateway, body=body.encode()).status_code == 200
    assert whatsapp_says(gateway, body=b"\xff{").status_code == 400
    assert whatsapp_says(gateway, body=b"[" * 200_000).status_code == 400
    assert states() == ["sent"]


@pytest.mark.parametrize("fields", [{}, {"MessageStatus": "receiving"}, {"MessageSid": "\0", "MessageStatus": "sent"}])
def test_what_twilio_says_oddly_fails_no_request(person: User, here: Services, fields: dict[str, str]) -> None:
    gateway = send("twilio", person, here)
    assert twilio_says(gateway, **fields).status_code == 200
    assert twilio_says(gateway, query="?delivery=%00&delivery=&x", **fields).status_code == 200
    assert states() == ["sent"]


@pytest.mark.parametrize("name", PHONES)
@pytest.mark.parametrize(
    "answer",
    ["ok", "[]", '{"sid": 7, "messages": []}', '{"sid": "a\\u0000b"}', "\xff", pytest.param("[" * 50_000, id="deep")],
)
def test_an_answer_that_names_no_message_is_an_answer_like_others(
    name: str, answer: str, person: User, here: Services
) -> None:
    gateway = send(name, person, here, (200, answer))
    row = Delivery.objects.get()
    assert (row.state, row.reference) == ("sent", "")
    report(name, gateway, *GONE[name], own=str(row.pk))
    assert states() == ["bounced"]


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:5000", "http://10.0.0.7:5000", "https://10.0.0.7", "https://nextmove", "https://[fd00::1]",
        "http://nextmove.example.org",
    ],
)  # fmt: skip
def test_an_installation_that_cannot_be_reached_asks_for_no_report(
    base: str, person: User, here: Services, settings: Any
) -> None:
    """Twilio refuses a whole message for such an address, also where calls from here may lead to it."""
    settings.PRIVATE_HOSTS = [*settings.PRIVATE_HOSTS, "10.0.0.7", "127.0.0.1"]
    settings.BASE_URL = base
    send("twilio", person, here)
    assert "StatusCallback" not in here.asked[0].form
    client = Client()
    client.force_login(person)
    assert "no public https address" in client.get("/settings/channels").content.decode()


def test_the_page_and_the_api_say_where_to_report(person: User, here: Services) -> None:
    gateway = send("cloud", person, here)
    client = Client()
    client.force_login(person)
    page = client.get("/settings/channels").content.decode()
    assert address(gateway) in page
    assert "reported by itself" in page
    for secret in (CLOUD["app_secret"], CLOUD["verify_token"], CLOUD["token"]):
        assert secret not in page
    answer = client.get("/api/notifications/gateways/whatsapp").json()
    assert answer["reports_to"] == address(gateway)
    assert (answer["fields"]["app_secret"], answer["fields"]["verify_token"]) == ("••••2c3d", "••••")


def test_an_account_with_a_wrong_secret_silences_no_other(person: User, here: Services) -> None:
    """All that a service reports comes from the same few addresses, whatever team it is about."""
    gateway = send("twilio", person, here)
    stranger = builders.make_manager()
    other = builders.make_gateway(stranger.team, **TWILIO | {"auth_token": "f" * 32})
    assert {report("twilio", other, "sent").status_code for _ in range(40)} == {403, 429}
    other.delete()
    assert {report("twilio", other, "sent").status_code for _ in range(40)} == {404}
    assert report("twilio", gateway, *GONE["twilio"]).status_code == 200
    assert states() == ["bounced"]


def test_guessing_is_slowed_down(person: User, here: Services) -> None:
    gateway = send("twilio", person, here)
    answers = {twilio_says(gateway, token=uuid.uuid4().hex, MessageStatus="failed").status_code for _ in range(40)}
    assert answers == {403, 429}
    assert states() == ["sent"]
