"""Several notices in one message: bursts, quiet nights, digests; each told once, whatever happens in between."""

import random
from collections import Counter
from copy import copy
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import queue, runner
from jobs.models import Job
from notifications import bundles, delivery, outbox, preferences, routing
from notifications.channels import Postponed, Uncertain
from notifications.channels.email import Email
from notifications.models import Delivery, Notification, QuietHours
from people.models import User
from tests import builders
from tests.notifications.conftest import MailServer
from tests.notifications.test_mail import part
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)


@pytest.fixture
def person() -> User:
    user = builders.make_user(email="ada@example.org", first_name="Ada", last_name="Byron")
    preferences.choose(user, {"assigned": {"email": "now"}})
    return user


def assigned(person: User, *, number: int = 0, now: datetime = NOON, **fields: Any) -> Task:
    task = builders.make_task(person, title=f"Call {number}", **fields)
    outbox.tell(
        person,
        kind=Notification.ASSIGNED,
        key=f"assigned:{task.pk}",
        title=f"New task: {task.title}",
        task=task,
        now=now,
    )
    return task


def work(at: datetime) -> None:
    with time_machine.travel(at, tick=False):
        runner.run_due()


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_a_burst_of_one_rule_comes_as_one_mail_that_names_it(person: User, mail_server: MailServer) -> None:
    rule = builders.make_rule(person, name="Opened the offer")
    tasks = [assigned(person, number=n, kind=f"rule:{rule.pk}", now=NOON + timedelta(seconds=n)) for n in range(7)]
    work(NOON + timedelta(seconds=59))
    assert mail_server.letters == [], "the minute is not over"
    work(NOON + timedelta(minutes=1))
    (letter,) = mail_server.letters
    assert letter["Subject"].strip() == "7 tasks assigned to you by “Opened the offer”"
    for task in tasks:
        assert f"New task: {task.title}" in part(letter, "plain")
        assert f"/tasks/{task.pk}" not in part(letter, "plain"), "the notice names no path here"
    assert part(letter, "html").count("Mark it done") == 7
    assert states() == ["sent"] * 7
    (leader,) = Delivery.objects.filter(sent_with__isnull=True)
    assert letter["Message-ID"] == f"<{leader.pk}@127.0.0.1>"
    assert Notification.objects.count() == 7, "the inbox has each"
    work(NOON + timedelta(hours=1))
    assert len(mail_server.letters) == 1


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("sequence", "3 sequences stopped"), ("rule", "3 rules stopped"), ("job_dead", "3 jobs failed")],
)
def test_what_one_cause_makes_in_hundreds_is_one_mail_though_it_is_about_no_task(
    person: User, mail_server: MailServer, kind: str, subject: str
) -> None:
    preferences.choose(person, {kind: {"email": "now"}})
    for number in range(3):
        outbox.tell(person, kind=kind, key=str(number), title=f"One of them: {number}", now=NOON)
    work(NOON + timedelta(minutes=1))
    (letter,) = mail_server.letters
    assert letter["Subject"] == subject
    assert "One of them: 2" in part(letter, "plain")
    assert len(bundles.bursts(Notification.objects.order_by("pk"))) == 1, "and one line of the inbox"


def test_seven_hundred_of_one_rule_are_one_mail_that_is_not_cut_off(person: User, mail_server: MailServer) -> None:
    rule = builders.make_rule(person, name="Opened the offer")
    title = "Send the offer to a customer whose name is long"
    task = Task(team=person.team, assignee=person, title=title, kind=f"rule:{rule.pk}", created_at=NOON)
    for one in Task.objects.bulk_create([copy(task) for _ in range(700)]):
        outbox.tell(
            person, kind="assigned", key=f"a:{one.pk}", title=title, task=one, path=f"/tasks/{one.pk}", now=NOON
        )
    work(NOON + timedelta(minutes=1))
    (letter,) = mail_server.letters
    assert letter["Subject"].strip() == "700 tasks assigned to you by “Opened the offer”"
    for kind in ("plain", "html"):
        assert part(letter, kind).count(title) == 50
        assert "And 650 more, in your inbox" in part(letter, kind)
        assert "http://127.0.0.1:5000/inbox" in part(letter, kind)
    assert len(part(letter, "html").encode()) < 100_000
    assert states() == ["sent"] * 700


def test_different_causes_are_counted_without_a_name(person: User, mail_server: MailServer) -> None:
    assigned(person, kind="rule:1")
    assigned(person, kind="rule:2")
    work(NOON + timedelta(minutes=1))
    assert mail_server.letters[0]["Subject"] == "2 tasks assigned to you"


def test_a_single_one_reads_as_ever(person: User, mail_server: MailServer) -> None:
    assigned(person)
    work(NOON + timedelta(minutes=1))
    assert mail_server.letters[0]["Subject"] == "New task: Call 0"


def test_a_night_of_quiet_hours_is_one_mail_in_the_morning(person: User, mail_server: MailServer) -> None:
    QuietHours.objects.create(user=person, starts=time(22), ends=time(7))
    for hour in (22, 23, 26, 30):
        assigned(person, number=hour, now=datetime(2026, 6, 17, tzinfo=UTC) + timedelta(hours=hour))
    outbox.tell(
        person, kind=Notification.RULE, key="r", title="“X” switched itself off", now=NOON + timedelta(hours=15)
    )
    work(datetime(2026, 6, 18, 6, 59, tzinfo=UTC))
    assert mail_server.letters == []
    work(datetime(2026, 6, 18, 7, 0, tzinfo=UTC))
    (letter,) = mail_server.letters
    assert letter["Subject"] == "5 notices: 4 tasks assigned to you, 1 rule stopped"


@pytest.mark.parametrize(
    ("zone", "digest", "due"),
    [
        ("UTC", "daily", datetime(2026, 6, 18, 8, tzinfo=UTC)),
        ("Asia/Tokyo", "daily", datetime(2026, 6, 17, 23, tzinfo=UTC)),
        ("UTC", "weekly", datetime(2026, 6, 22, 8, tzinfo=UTC)),
    ],
)
def test_a_digest_comes_at_eight_with_what_still_matters(
    person: User, mail_server: MailServer, zone: str, digest: str, due: datetime
) -> None:
    User.objects.filter(pk=person.pk).update(timezone=zone)
    person.refresh_from_db()
    preferences.choose(person, {"assigned": {"email": digest}})
    done, kept, other = (assigned(person, number=n, now=NOON + timedelta(minutes=10 * n)) for n in range(3))
    lifecycle.complete(done, by=person, now=NOON + timedelta(hours=1))
    assert {row.due_at for row in Delivery.objects.all()} == {due}
    work(due - timedelta(seconds=1))
    assert mail_server.letters == []
    work(due)
    (letter,) = mail_server.letters
    assert letter["Subject"] == "2 tasks assigned to you"
    assert kept.title in part(letter, "plain")
    assert other.title in part(letter, "plain")
    assert Counter(states()) == {"sent": 2, "skipped": 1}


def test_a_digest_of_nothing_is_not_sent(person: User, mail_server: MailServer) -> None:
    preferences.choose(person, {"assigned": {"email": "daily"}})
    lifecycle.complete(assigned(person), by=person, now=NOON)
    work(NOON + timedelta(days=1))
    assert (mail_server.letters, states()) == ([], ["skipped"])


def test_a_server_that_comes_back_gets_the_whole_bundle_once(
    person: User, mail_server: MailServer, settings: Any
) -> None:
    for n in range(3):
        assigned(person, number=n)
    settings.EMAIL_PORT = 1
    work(NOON + timedelta(minutes=1))
    assert states() == ["queued"] * 3
    settings.EMAIL_PORT = mail_server.port
    for minutes in (2, 3, 4):
        work(NOON + timedelta(minutes=minutes))
    assert (states(), len(mail_server.letters)) == (["sent"] * 3, 1)


def test_a_server_that_stays_away_fails_all_of_them(person: User, mail_server: MailServer, settings: Any) -> None:
    settings.EMAIL_PORT = 1
    for n in range(3):
        assigned(person, number=n)
    for minutes in (1, 2, 4, 8, 16):
        work(NOON + timedelta(minutes=minutes))
    assert states() == ["failed"] * 3
    assert not Job.objects.filter(state=Job.PENDING).exists()
    settings.EMAIL_PORT = mail_server.port
    later = NOON + timedelta(hours=1)
    with time_machine.travel(later, tick=False):
        assert queue.retry(Job.objects.get(state=Job.DEAD), now=later)
    work(later)
    assert (states(), len(mail_server.letters)) == (["sent"] * 3, 1), "run again, it is sent"


def test_killed_while_a_bundle_is_sent_all_of_it_is_unknown(
    person: User, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        assigned(person, number=n)
    send = Email.send

    def killed(self: Email, row: Delivery, *, now: datetime) -> str:
        send(self, row, now=now)
        raise KeyboardInterrupt

    monkeypatch.setattr(Email, "send", killed)
    with pytest.raises(KeyboardInterrupt):
        work(NOON + timedelta(minutes=1))
    monkeypatch.setattr(Email, "send", send)
    assert states() == ["sending"] * 3
    work(NOON + timedelta(minutes=1))
    assert states() == ["sending"] * 3, "the others wait for what becomes of their message"
    work(NOON + timedelta(minutes=8))
    assert (states(), len(mail_server.letters)) == (["unknown"] * 3, 1)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_each_is_told_once_or_known_to_be_lost(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random bursts, orders of jobs, refusals and lost connections; `heard` is what really reached the other side."""
    chance, heard = random.Random(seed), Counter[int]()
    person = builders.make_user()
    preferences.choose(person, {"assigned": {"email": chance.choice(["now", "daily"])}})

    def send(_self: Email, row: Delivery, *, now: datetime) -> str:
        fate = chance.random()
        if fate < 0.3:
            raise Postponed("not now")
        heard.update(one.notification_id for one in bundles.together(row))
        if fate < 0.4:
            raise Uncertain("the line broke")
        return ""

    with monkeypatch.context() as patched:
        patched.setattr(Email, "send", send)
        patched.setattr(Email, "reaches", lambda *_: True)
        for n in range(chance.randint(1, 12)):
            assigned(person, number=n, now=NOON + timedelta(seconds=chance.randint(0, 150)))
        mine = Delivery.objects.filter(user=person)
        ids = list(mine.values_list("pk", flat=True))
        at = NOON
        for _ in range(60):
            at += timedelta(minutes=30)
            for pk in chance.sample(ids, len(ids)):
                try:
                    delivery.send(pk, now=at)
                except Postponed:
                    continue
    told = {row.notification_id: row.state for row in mine}
    assert set(told.values()) <= {"sent", "unknown"}
    assert heard == Counter(dict.fromkeys(told, 1)), "each once, and none left out"


def test_of_two_who_send_a_bundle_at_once_one_finds_it_taken(person: User, mail_server: MailServer) -> None:
    for n in range(2):
        assigned(person, number=n)
    first, second = Delivery.objects.order_by("pk")
    at = NOON + timedelta(minutes=1)
    assert delivery._claim(first, at)
    assert not delivery._claim(second, at)
    assert second.state == Delivery.SENDING


def test_the_same_notice_is_planned_once(person: User, mail_server: MailServer) -> None:
    assigned(person)
    notice = Notification.objects.select_related("user__team").get()
    routing.route([notice], now=NOON + timedelta(hours=1))
    assert Delivery.objects.count() == Job.objects.count() == 1
