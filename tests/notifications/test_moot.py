"""What was planned is looked at once more before it goes: by then it may be settled, unwanted, or too early."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from assignment import dispatch
from jobs import runner
from jobs.models import Job
from notifications import bundles, delivery, mutes, outbox, preferences, trials
from notifications.models import Delivery, Notification, QuietHours
from people.models import User
from tests import builders
from tests.notifications.conftest import MailServer
from tests.notifications.test_bundles import NOON, assigned, states, work
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
MINUTE = timedelta(minutes=1)
LATER = [NOON + timedelta(minutes=minutes) for minutes in (2, 3, 4, 8, 20, 600)]


@pytest.fixture
def person() -> User:
    user = builders.make_user(email="ada@example.org")
    preferences.choose(user, {"assigned": {"email": "now"}})
    return user


def late_task(person: User) -> Task:
    return builders.make_task(person, due_date=NOON - MINUTE, reminder_offset_hours=1)


def test_when_the_first_of_a_message_is_moot_by_the_second_try_the_next_one_leads(
    person: User, mail_server: MailServer, settings: Any
) -> None:
    for n in range(3):
        assigned(person, number=n)
    settings.EMAIL_PORT = 1
    work(NOON + MINUTE)
    leader = Delivery.objects.get(sent_with=None)
    assert leader.notification.task is not None
    lifecycle.complete(leader.notification.task, by=person, now=NOON + MINUTE)
    settings.EMAIL_PORT = mail_server.port
    for at in LATER:
        work(at)
    assert Counter(states()) == {"skipped": 1, "sent": 2}
    assert len(mail_server.letters) == 1


def test_what_commits_late_pushes_nobody_out_of_a_message(
    person: User, mail_server: MailServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "MOST", 3)
    for n in range(3):
        assigned(person, number=n, now=NOON + timedelta(seconds=30))
    settings.EMAIL_PORT = 1
    work(NOON + MINUTE)
    for n in range(3):
        assigned(person, number=10 + n, now=NOON + timedelta(seconds=10))
    settings.EMAIL_PORT = mail_server.port
    leader = Delivery.objects.filter(companions__isnull=False).first()
    assert leader is not None
    with time_machine.travel(NOON + 2 * MINUTE, tick=False):
        runner.run_one(Job.objects.get(key=f"delivery:{leader.pk}"))
    for at in LATER:
        work(at)
    assert states() == ["sent"] * 6
    assert len(mail_server.letters) == 2


def test_who_unsubscribes_or_mutes_gets_nothing_of_what_was_planned(person: User, mail_server: MailServer) -> None:
    preferences.choose(person, {"assigned": {"email": "weekly"}, "reminder": {"email": "daily"}})
    assigned(person)
    preferences.choose(person, {"assigned": {"email": "off"}})
    task = builders.make_task(person, kind="rule:7")
    outbox.tell(person, kind=Notification.REMINDER, key="r", title="Due soon", task=task, now=NOON)
    mutes.mute(person, "rule:7", now=NOON)
    work(NOON + timedelta(days=8))
    assert (states(), mail_server.letters) == (["skipped"] * 2, [])


def test_quiet_hours_that_have_begun_by_the_second_try_are_kept(
    person: User, mail_server: MailServer, settings: Any
) -> None:
    QuietHours.objects.create(user=person, starts=time(12, 2), ends=time(14))
    for n in range(2):
        assigned(person, number=n)
    settings.EMAIL_PORT = 1
    work(NOON + MINUTE)
    settings.EMAIL_PORT = mail_server.port
    work(NOON + 3 * MINUTE)
    work(datetime(2026, 6, 17, 13, 59, tzinfo=UTC))
    assert mail_server.letters == []
    work(datetime(2026, 6, 17, 14, 0, tzinfo=UTC))
    assert (states(), len(mail_server.letters)) == (["sent"] * 2, 1)


@pytest.mark.parametrize("kind", ["escalated", "moved", "overdue", "reminder"])
def test_what_is_finished_is_not_told_any_more(person: User, mail_server: MailServer, kind: str) -> None:
    preferences.choose(person, {kind: {"email": "daily"}})
    task = builders.make_task(person)
    outbox.tell(person, kind=kind, key="x", title="Something of it", task=task, now=NOON)
    lifecycle.complete(task, by=person, now=NOON)
    work(NOON + timedelta(days=1))
    assert states() == ["skipped"]


@pytest.mark.parametrize("kind", ["overdue", "reminder", "assigned"])
def test_what_is_somebody_elses_by_now_is_not_told(person: User, mail_server: MailServer, kind: str) -> None:
    preferences.choose(person, {kind: {"email": "daily"}})
    task = late_task(person)
    outbox.tell(person, kind=kind, key="x", title="Yours", task=task, now=NOON)
    other = builders.make_user(team=person.team)
    lifecycle.assign(task, other, by=None, now=NOON, method="manual", expected=person.pk)
    work(NOON + timedelta(days=1))
    assert states() == ["skipped"]


@pytest.mark.parametrize("kind", ["overdue", "reminder", "escalated"])
@pytest.mark.parametrize("due", [NOON + timedelta(days=9), None])
def test_what_was_put_off_is_not_told_as_if_it_were_late(
    person: User, mail_server: MailServer, kind: str, due: datetime | None
) -> None:
    preferences.choose(person, {kind: {"email": "daily"}})
    moved, kept = late_task(person), late_task(person)
    for task in (moved, kept):
        outbox.tell(person, kind=kind, key=f"x:{task.pk}", title=f"Late: {task.title}", task=task, now=NOON)
    lifecycle.edit(moved, by=person, now=NOON + MINUTE, due_date=due)
    work(NOON + timedelta(days=1))
    assert Counter(states()) == {"skipped": 1, "sent": 1}
    (letter,) = mail_server.letters
    assert letter["Subject"] == f"Late: {kept.title}"
    assert Delivery.objects.get(state="skipped").reason == "Its date was moved before it was sent."


def test_what_went_away_and_came_back_is_told_once(person: User, mail_server: MailServer) -> None:
    preferences.choose(person, {"moved": {"email": "daily"}, "assigned": {"email": "daily"}})
    lead = builders.make_lead(team=person.team)
    task = builders.make_task(team=person.team, title="Call", owner=person)
    for holder in (person, lead, person):
        dispatch.assign(Task.objects.get(pk=task.pk), holder, by=lead, now=NOON)
    work(NOON + timedelta(days=1))
    (letter,) = mail_server.letters
    assert letter["Subject"] == "New task: Call"
    assert Counter(Delivery.objects.values_list("state", "reason")) == {
        ("sent", ""): 1,
        ("skipped", "The task came back before it was sent."): 1,
        ("skipped", "A later notice in the same message says it."): 1,
    }


def test_a_clock_that_steps_back_loses_nothing(person: User, mail_server: MailServer) -> None:
    assigned(person)
    row = Delivery.objects.get()
    assert delivery.send(row.pk, now=row.due_at - timedelta(milliseconds=5))["state"] == "sent"


def test_a_letter_of_several_kinds_unsubscribes_from_all_of_them_and_back_to_daily(
    person: User, mail_server: MailServer
) -> None:
    preferences.choose(person, {"assigned": {"email": "daily"}, "reminder": {"email": "daily"}})
    assigned(person)
    task = late_task(person)
    outbox.tell(person, kind=Notification.REMINDER, key="r", title="Due soon", task=task, now=NOON)
    work(NOON + timedelta(days=1))
    (letter,) = mail_server.letters
    address = letter["List-Unsubscribe"].replace("\n", "").strip(" <>").partition("5000")[2]
    for sent, wish in (({"List-Unsubscribe": "One-Click"}, "off"), ({"wanted": "yes"}, "daily")):
        assert Client().post(address, sent).status_code == 200
        chosen = preferences.of(person)
        assert (chosen["assigned"]["email"], chosen["reminder"]["email"]) == (wish, wish)


def test_a_test_letter_has_nothing_to_unsubscribe_from(person: User, mail_server: MailServer) -> None:
    trials.send(person, "email", now=NOON)
    work(NOON)
    assert mail_server.letters[0]["List-Unsubscribe"] is None


def test_a_job_of_garbage_dies_in_peace(person: User) -> None:
    job = builders.make_job(person, name=delivery.SEND_JOB, args=["garbage"])
    delivery.give_up(job, NOON)


def test_as_many_questions_for_forty_as_for_two(person: User, mail_server: MailServer) -> None:
    counts = []
    for many in (2, 40):
        Delivery.objects.all().delete()
        for n in range(many):
            assigned(person, number=n)
        rows = list(Delivery.objects.order_by("pk"))
        Task.objects.filter(notifications__in=[row.notification_id for row in rows[1::2]]).update(status=Task.DONE)
        first = delivery._rows().get(pk=rows[0].pk)
        with CaptureQueriesContext(connection) as asked:
            assert delivery._claim(first, NOON + MINUTE)
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 1
