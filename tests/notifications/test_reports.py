"""A mail provider, from the letter to its bounce: sent by its API, and what it reports comes back to the row."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from crm import providers
from crm.models import Activity, InboundSource
from jobs import runner
from notifications import outbox, preferences
from notifications.models import Delivery, Notification
from people.models import User
from tests import builders
from tests.crm.senders import Said, postmark_event
from tests.notifications.conftest import Services

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def provider(services: Services, settings: Any) -> Services:
    """Postmark, as django-anymail speaks to it."""
    settings.MAILS = True
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "key-of-ours", "POSTMARK_API_URL": f"{services.url}/"}
    return services


@pytest.fixture
def person() -> User:
    user = builders.make_user(email="ada@example.org")
    preferences.choose(user, {"assigned": {"email": "now"}})
    return user


@pytest.fixture
def source(person: User) -> InboundSource:
    return builders.make_source(provider="postmark", team=person.team)


def taken(number: int) -> tuple[int, str]:
    return 200, json.dumps({"ErrorCode": 0, "Message": "OK", "MessageID": f"pm-{number}", "To": "ada@example.org"})


def send(person: User, *, count: int = 1) -> None:
    for n in range(count):
        task = builders.make_task(person, title=f"Call {n}")
        outbox.tell(person, kind=Notification.ASSIGNED, key=f"{n}", title=f"New: {task.title}", task=task, now=NOON)
    work(NOON + timedelta(minutes=1))


def work(at: datetime) -> None:
    with time_machine.travel(at, tick=False):
        runner.run_due()


def report(source: InboundSource, **said: Any) -> Any:
    body = {"bounced": postmark_event, "opened": postmark_event}.get(said["kind"], complaint)(Said(**said))
    with time_machine.travel(LATER, tick=False):
        return (
            Client()
            .post(f"/hooks/mail/postmark/{source.secret}", json.dumps(body), content_type="application/json")
            .json()
        )


def complaint(said: Said) -> Any:
    return {
        "RecordType": "SpamComplaint",
        "MessageID": said.message,
        "ID": said.number,
        "Email": said.email,
        "BouncedAt": said.iso,
        "Type": "SpamComplaint",
    }


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize(("kind", "why"), [("bounced", "came back"), ("complained", "spam")])
def test_a_bounce_comes_back_to_all_that_its_letter_told(
    person: User, provider: Services, source: InboundSource, kind: str, why: str
) -> None:
    provider.answers = [taken(1)]
    send(person, count=3)
    (asked,) = provider.asked
    assert (asked.headers["x-postmark-server-token"], asked.json["To"]) == ("key-of-ours", "ada@example.org")
    assert asked.json["Subject"] == "3 tasks assigned to you"
    assert {row.reference for row in Delivery.objects.all()} == {"pm-1"}
    assert states() == ["sent"] * 3
    for _ in range(2):
        answer = report(source, kind=kind, email="Ada@example.org", message="pm-1")
        assert (answer["accepted"], answer["rejected"]) == (1, [])
    assert states() == ["bounced"] * 3
    assert why in Delivery.objects.first().reason
    (notice,) = person.notifications.filter(kind=Notification.BOUNCED)
    assert "ada@example.org does not arrive" in notice.title
    assert not Activity.objects.filter(activity_type__startswith="email").exists(), "it is about no contact"


def test_that_a_letter_of_ours_was_opened_is_nothing_a_contact_did(
    person: User, provider: Services, source: InboundSource
) -> None:
    provider.answers = [taken(1)]
    send(person)
    assert report(source, kind="opened", email="ada@example.org", message="pm-1")["accepted"] == 1
    assert states() == ["sent"]
    assert not Activity.objects.filter(activity_type__startswith="email").exists()


@pytest.mark.parametrize("said", [{"message": "pm-2"}, {"message": "pm-1", "email": "eve@example.org"}])
def test_a_report_about_something_else_changes_no_row(
    person: User, provider: Services, source: InboundSource, said: dict[str, str]
) -> None:
    provider.answers = [taken(1)]
    send(person)
    report(source, **{"kind": "bounced", "email": "ada@example.org"} | said)
    assert states() == ["sent"]


def test_another_team_can_only_report_what_nobody_could_guess(person: User, provider: Services) -> None:
    """A provider's account may serve several teams and report to one; our own ids say nothing of who asks."""
    strange = builders.make_source(provider="postmark")
    provider.answers = [taken(1), taken(2)]
    send(person)
    row = Delivery.objects.get()
    Delivery.objects.update(reference=f"{row.pk}@127.0.0.1")
    report(strange, kind="bounced", email="ada@example.org", message=f"<{row.pk}@127.0.0.1>")
    assert states() == ["sent"]
    Delivery.objects.update(reference="pm-1")
    report(strange, kind="bounced", email="ada@example.org", message="pm-1")
    assert states() == ["bounced"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((422, '{"ErrorCode": 300, "Message": "Invalid"}'), "failed"),
        ((503, "busy"), "unknown"),
        ((429, "slow"), "queued"),
    ],
)
def test_what_the_provider_answers_is_what_the_row_says(
    person: User, provider: Services, answer: tuple[int, str], state: str
) -> None:
    provider.answers = [answer]
    send(person)
    assert states() == [state]


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", ["pm-1"], {"a": 1}, 7, None, "<>", "x" * 10240])
def test_what_a_provider_says_oddly_fails_no_request(
    person: User, provider: Services, source: InboundSource, odd: Any
) -> None:
    provider.answers = [taken(1)]
    send(person)
    usual = postmark_event(Said(kind="bounced", email="ada@example.org", message="pm-1"))
    for changed in ({"MessageID": odd}, {"Description": odd, "Details": odd}):
        answer = Client().post(
            f"/hooks/mail/postmark/{source.secret}", json.dumps(usual | changed), content_type="application/json"
        )
        assert answer.status_code in (202, 400), answer.content


def test_a_room_that_fails_to_look_loses_no_event(source: InboundSource, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any) -> set[int]:
        raise RuntimeError("no")

    monkeypatch.setattr(providers, "_own", [fails])
    assert report(source, kind="bounced", email="ada@example.org", message="pm-1")["accepted"] == 1


def test_a_provider_that_is_away_is_tried_again(person: User, provider: Services, settings: Any) -> None:
    settings.ANYMAIL = settings.ANYMAIL | {"POSTMARK_API_URL": "http://127.0.0.1:1/"}
    send(person)
    assert states() == ["queued"]


def test_an_address_that_the_provider_will_not_write_to_has_failed(person: User, provider: Services) -> None:
    found = "Found inactive addresses: ada@example.org. Inactive recipients are ones that have bounced."
    inactive = {"ErrorCode": 406, "Message": f"You tried to send to recipient(s) marked as inactive. {found}"}
    provider.answers = [(422, json.dumps(inactive))]
    send(person)
    assert states() == ["failed"]
