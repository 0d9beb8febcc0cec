"""Mail through a real SMTP server: who gets which letter, once, and what becomes of those that can't be sent."""

from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine

from jobs import runner
from jobs.models import Job
from notifications import delivery, outbox, routing
from notifications.channels.email import Email
from notifications.models import Delivery, Notification, Preference, QuietHours
from people.models import User
from performance import reports
from tests import builders
from tests.notifications.conftest import MailServer
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)


@pytest.fixture
def person() -> User:
    return builders.make_user(email="ada@example.org", first_name="Ada", last_name="Byron")


def tell(person: User, *, now: datetime = NOON, **changes: Any) -> None:
    plain: dict[str, Any] = {
        "kind": Notification.OVERDUE,
        "key": "overdue:1",
        "title": "Overdue: Call\nBo",
        "body": "Now <b>!",
    }
    outbox.tell(person, now=now, **plain | changes)


def work(at: datetime) -> None:
    with time_machine.travel(at, tick=False):
        runner.run_due()


def states() -> list[str]:
    return list(Delivery.objects.order_by("created_at").values_list("state", flat=True))


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body((kind,))
    assert found is not None
    return found.get_content()


def test_a_notice_comes_by_mail_once_as_text_and_as_html(person: User, mail_server: MailServer) -> None:
    for _ in range(2):
        tell(person, path="/tasks/7")
    work(NOON)
    work(NOON + timedelta(hours=1))
    (letter,) = mail_server.letters
    row = Delivery.objects.get()
    assert (row.state, row.sent_at) == (Delivery.SENT, NOON)
    assert (letter["To"], letter["Subject"]) == ("ada@example.org", "Overdue: Call Bo")
    assert letter["Message-ID"] == f"<{row.pk}@127.0.0.1>"
    assert "Now <b>!" in part(letter, "plain")
    assert "http://127.0.0.1:5000/tasks/7" in part(letter, "plain")
    assert "Now &lt;b&gt;!" in part(letter, "html")
    assert "Ada Byron" in part(letter, "html")
    assert Job.objects.get().result == {"delivery_id": str(row.pk), "state": "sent", "reason": ""}


def test_a_new_task_says_when_it_is_due_and_the_letter_how_to_be_rid_of_such(
    person: User, mail_server: MailServer
) -> None:
    Preference.objects.create(user=person, kind=Notification.ASSIGNED, channel="email", wanted=True)
    User.objects.filter(pk=person.pk).update(timezone="Asia/Tokyo")
    task = builders.make_task(person, due_date=NOON + timedelta(hours=4))
    tell(User.objects.get(), kind=Notification.ASSIGNED, key="a", task=task)
    work(NOON + timedelta(minutes=1))
    (letter,) = mail_server.letters
    address = letter["List-Unsubscribe"].replace("\n", "").strip(" <>")
    for kind in ("plain", "html"):
        assert "Due: Thu 18 June, 01:00" in part(letter, kind)
        assert address in part(letter, kind)


def test_the_kind_decides_until_somebody_chooses(person: User, mail_server: MailServer) -> None:
    tell(person, kind=Notification.ASSIGNED, key="a")
    assert not Delivery.objects.exists(), "every assignment by mail is too much, unless one wants it"
    Preference.objects.create(user=person, kind=Notification.ASSIGNED, channel="email", wanted=True)
    Preference.objects.create(user=person, kind=Notification.OVERDUE, channel="email", wanted=False)
    tell(person, kind=Notification.ASSIGNED, key="b")
    tell(person, kind=Notification.OVERDUE, key="c")
    assert list(Delivery.objects.values_list("notification__kind", flat=True)) == [Notification.ASSIGNED]
    assert Notification.objects.count() == 3, "the inbox has them all"


def test_nothing_is_written_without_a_mail_server_or_an_address(person: User, settings: Any) -> None:
    tell(person)
    settings.MAILS = True
    tell(builders.make_user(email=""), key="other")
    assert not Delivery.objects.exists()
    assert not Job.objects.exists()


@pytest.mark.parametrize("change", ["done", "left", "moved", "address"])
def test_what_need_not_be_said_any_more_is_not_sent(person: User, mail_server: MailServer, change: str) -> None:
    task = builders.make_task(person)
    Preference.objects.create(user=person, kind=Notification.ASSIGNED, channel="email", wanted=True)
    tell(person, kind=Notification.ASSIGNED, key="a", task=task)
    if change == "done":
        lifecycle.complete(task, by=person, now=NOON)
    if change == "left":
        User.objects.filter(pk=person.pk).update(is_active=False)
    if change == "moved":
        Task.objects.filter(pk=task.pk).update(assignee=builders.make_user(team=person.team))
    if change == "address":
        User.objects.filter(pk=person.pk).update(email="")
    work(NOON + timedelta(minutes=1))
    assert mail_server.letters == []
    row = Delivery.objects.get()
    assert row.state == Delivery.SKIPPED
    assert row.reason


def test_a_server_that_is_away_is_tried_again_and_given_up_without_a_mail_about_it(
    person: User, mail_server: MailServer, settings: Any
) -> None:
    manager = builders.make_manager(team=person.team, email="lead@example.org")
    settings.EMAIL_PORT = 1  # nobody listens there
    tell(person)
    at = NOON
    for wait in (0, 60, 120, 240):
        assert states() == ["queued"]
        at += timedelta(seconds=wait)
        work(at)
    assert states() == ["failed"]
    assert "does not answer" in Delivery.objects.get().reason
    assert manager.notifications.get().kind == Notification.JOB_DEAD
    assert Job.objects.count() == 1, "no mail about mails that can't be sent"


def test_a_server_that_comes_back_gets_it(person: User, mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    tell(person)
    work(NOON)
    settings.EMAIL_PORT = mail_server.port
    work(NOON + timedelta(seconds=60))
    assert states() == ["sent"]
    assert len(mail_server.letters) == 1


@pytest.mark.parametrize(
    ("answer", "state", "letters"), [("550 no such box", "failed", 0), ("451 come back later", "sent", 1)]
)
def test_a_server_that_refuses_is_believed(
    person: User, mail_server: MailServer, answer: str, state: str, letters: int
) -> None:
    mail_server.answers = [answer]
    tell(person)
    work(NOON)
    work(NOON + timedelta(seconds=60))
    assert states() == [state]
    assert len(mail_server.letters) == letters


def test_a_process_killed_between_send_and_mark_leaves_it_unknown_and_sends_nothing_twice(
    person: User, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Email.send

    def killed(self: Email, row: Delivery, *, now: datetime) -> None:
        send(self, row, now=now)
        raise KeyboardInterrupt

    tell(person)
    monkeypatch.setattr(Email, "send", killed)
    with pytest.raises(KeyboardInterrupt):
        work(NOON)
    monkeypatch.setattr(Email, "send", send)
    assert states() == ["sending"]
    work(NOON + timedelta(minutes=6))
    assert states() == ["unknown"]
    assert len(mail_server.letters) == 1


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "now", "due"),
    [
        ("UTC", "22:00", "07:00", "2026-06-17T23:30+00:00", "2026-06-18T07:00+00:00"),
        ("UTC", "22:00", "07:00", "2026-06-17T06:59+00:00", "2026-06-17T07:00+00:00"),
        ("UTC", "22:00", "07:00", "2026-06-17T07:00+00:00", "2026-06-17T07:00+00:00"),
        ("UTC", "12:00", "13:00", "2026-06-17T12:30+00:00", "2026-06-17T13:00+00:00"),
        ("UTC", "12:00", "12:00", "2026-06-17T12:30+00:00", "2026-06-17T12:30+00:00"),
        ("Asia/Tokyo", "22:00", "07:00", "2026-06-17T13:30+00:00", "2026-06-17T22:00+00:00"),
        ("Europe/Berlin", "22:00", "02:30", "2026-03-28T23:00+00:00", "2026-03-29T01:00+00:00"),  # no 02:30 that night
    ],
)
def test_nothing_is_sent_in_somebodys_quiet_hours(
    person: User, mail_server: MailServer, zone: str, starts: str, ends: str, now: str, due: str
) -> None:
    User.objects.filter(pk=person.pk).update(timezone=zone)
    QuietHours.objects.create(user=person, starts=time.fromisoformat(starts), ends=time.fromisoformat(ends))
    person = User.objects.select_related("team").get(pk=person.pk)
    at, ready = datetime.fromisoformat(now), datetime.fromisoformat(due)
    tell(person, now=at)
    assert Delivery.objects.get().due_at == Job.objects.get().run_at == ready
    if ready > at:
        work(ready - timedelta(seconds=1))
        assert mail_server.letters == []
    work(ready)
    assert len(mail_server.letters) == 1


def test_the_same_delivery_has_the_same_id_wherever_it_is_made(person: User, mail_server: MailServer) -> None:
    tell(person)
    notice = Notification.objects.select_related("user__team").get()
    routing.route([notice], now=NOON + timedelta(hours=1))
    assert Delivery.objects.count() == Job.objects.count() == 1
    assert delivery.send(Delivery.objects.get().pk, now=NOON)["state"] == "sent"
    assert delivery.send(Delivery.objects.get().pk, now=NOON)["state"] == "sent"
    assert len(mail_server.letters) == 1


def test_the_daily_report_comes_whole(person: User, mail_server: MailServer) -> None:
    lead = builders.make_lead(team=person.team, email="lead@example.org")
    builders.make_task(person, title="Call <Bo>", due_date=NOON - timedelta(days=2))
    report = reports.make(person.team, now=NOON)
    work(NOON)
    (letter,) = mail_server.letters
    assert letter["To"] == lead.email
    assert letter["Subject"].startswith("Daily report of ")
    assert "Call <Bo>" in part(letter, "plain")
    assert "Call &lt;Bo&gt;" in part(letter, "html")
    assert f"/team/reports/{report.pk}" in part(letter, "html")
