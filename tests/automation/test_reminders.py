"""Reminders: once for each task and instant, and never about what is done."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from automation import reminders
from notifications import outbox
from notifications.models import Notification
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HOUR = timedelta(hours=1)


def make(hours: float = 5, offset: float = 2, **fields: Any) -> Task:
    """Due in so many hours, with a reminder `offset` hours before."""
    who = fields.pop("assignee", None) or builders.make_user(timezone="Europe/Berlin")
    return builders.make_task(who, due_date=NOW + hours * HOUR, reminder_offset_hours=offset, **fields)


def told() -> list[Notification]:
    return list(Notification.objects.filter(kind=Notification.REMINDER).order_by("pk"))


def test_it_is_told_once_when_its_time_has_come() -> None:
    task = make()
    for hours in (0, 2.9, 3, 4, 6):
        reminders.send(now=NOW + hours * HOUR)
        assert len(told()) == int(hours >= 3), hours
    (notice,) = told()
    assert (notice.user, notice.title) == (task.assignee, f"Due soon: {task.title}")
    assert notice.body == "Due at 2026-06-17 17:00.", "on the clock of whoever is told"


def test_moving_the_due_date_moves_it() -> None:
    task = make()
    lifecycle.edit(task, by=None, now=NOW, due_date=NOW + 10 * HOUR)
    reminders.send(now=NOW + 3 * HOUR)
    assert told() == []
    reminders.send(now=NOW + 8 * HOUR)
    lifecycle.edit(task, by=None, now=NOW + 9 * HOUR, due_date=NOW + 20 * HOUR)
    for _ in range(2):
        reminders.send(now=NOW + 18 * HOUR)
    assert len(told()) == 2
    lifecycle.edit(task, by=None, now=NOW + 19 * HOUR, due_date=NOW + 10 * HOUR)
    reminders.send(now=NOW + 19 * HOUR)
    assert len(told()) == 2, "of that instant it was told before"


@pytest.mark.parametrize("status", ["done", "cancelled", "obsolete"])
def test_finishing_cancels_it(status: str) -> None:
    task = make()
    Task.objects.filter(pk=task.pk).update(status=status)
    assert reminders.send(now=NOW + 3 * HOUR) == {"sent": 0}
    assert reminders.due_since(NOW + 3 * HOUR) == {}


def by_update(task: Task, **fields: Any) -> None:
    assert Task.objects.filter(pk=task.pk).update(**fields) == 1


def by_sql(task: Task, **fields: Any) -> None:
    for name, value in fields.items():
        stored = Task._meta.get_field(name).get_db_prep_save(value, connection)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE work_task SET {name} = %s WHERE id = %s", [stored, task.pk])


@pytest.mark.parametrize("hand", [by_update, by_sql])
def test_a_date_moved_later_past_the_verbs_moves_it(hand: Any) -> None:
    task = make()
    hand(task, due_date=NOW + 10 * HOUR)
    reminders.send(now=NOW + 3 * HOUR)
    assert told() == []
    for _ in range(2):
        reminders.send(now=NOW + 8 * HOUR)
    assert len(told()) == 1


def test_a_date_moved_earlier_by_update_moves_it_and_an_offset_set_so_counts() -> None:
    task, plain = make(), make(offset=0)
    by_update(task, due_date=NOW + 3 * HOUR)
    by_update(plain, reminder_offset_hours=4)
    assert reminders.send(now=NOW + HOUR) == {"sent": 2}
    assert reminders.send(now=NOW + 9 * HOUR) == {"sent": 0}


def test_an_offset_beyond_the_calendar_is_refused_as_a_field() -> None:
    with pytest.raises(ValidationError, match="reminder_offset_hours"):
        lifecycle.create(builders.make_team(), title="Call", due_date=NOW, reminder_offset_hours=10**9, now=NOW)


def test_it_is_not_sent_after_the_task_is_done_though_it_was_queued_already(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(), make()
    real = outbox.tell

    def tell(*args: Any, **fields: Any) -> None:
        """While the first is being told, somebody finishes the second."""
        real(*args, **fields)
        Task.objects.filter(pk=second.pk).update(status="done")

    monkeypatch.setattr(outbox, "tell", tell)
    assert reminders.send(now=NOW + 3 * HOUR) == {"sent": 1}
    assert [notice.task for notice in told()] == [first]


def test_whoever_holds_it_now_is_told_else_the_owner() -> None:
    task, unheld = make(), make()
    other = builders.make_user(team=task.team)
    lifecycle.assign(task, other, by=None, now=NOW, method="manual", expected=task.assignee_id)
    lifecycle.unassign(unheld, by=None, now=NOW)
    reminders.send(now=NOW + 3 * HOUR)
    assert {notice.user for notice in told()} == {other, unheld.owner}


def test_an_instant_that_somebody_was_told_of_is_not_told_to_the_next_holder() -> None:
    task = make()
    reminders.send(now=NOW + 3 * HOUR)
    first, other = task.assignee, builders.make_user(team=task.team)
    for due in (NOW + 30 * HOUR, NOW + 5 * HOUR):
        lifecycle.edit(Task.objects.get(pk=task.pk), by=None, now=NOW + 3 * HOUR, due_date=due)
    lifecycle.assign(task, other, by=None, now=NOW + 3 * HOUR, method="manual", expected=task.assignee_id)
    assert reminders.send(now=NOW + 4 * HOUR) == {"sent": 0}
    assert [notice.user for notice in told()] == [first]


def test_one_bad_reminder_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = make(), make()
    real = outbox.tell
    monkeypatch.setattr(outbox, "tell", lambda user, **rest: real(user, **rest) if user != bad.assignee else 1 / 0)
    assert reminders.send(now=NOW + 3 * HOUR) == {"sent": 1}
    assert [notice.user for notice in told()] == [good.assignee]
    assert reminders.send(now=NOW + 3 * HOUR) == {"sent": 0}
    assert reminders.due_since(NOW + 3 * HOUR) == {}


def test_after_a_downtime_it_says_that_the_task_was_due() -> None:
    task = make()
    assert reminders.due_since(NOW + 9 * HOUR) == {task.team_id: NOW + 3 * HOUR}
    reminders.send(now=NOW + 9 * HOUR)
    assert told()[0].title.startswith("Was due: ")


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_each_once() -> None:
    person = builders.make_user()
    for _ in range(20):
        make(assignee=person)
    barrier, sent = threading.Barrier(2), []

    def worker() -> None:
        barrier.wait()
        sent.append(reminders.send(now=NOW + 4 * HOUR)["sent"])
        connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(sent), len(told())) == (20, 20)


class AgainstALog(TestCase):
    """Held to a plain reading: an instant is told if the clock reaches it while the task is open with that date."""

    @hypothesis_settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("pass"), st.integers(1, 9)),
                st.tuples(st.just("move"), st.integers(-5, 30)),
                st.tuples(st.just("cancel"), st.just(0)),
                st.tuples(st.just("reopen"), st.just(0)),
            ),
            max_size=12,
        )
    )
    def test_each_instant_once(self, steps: list[tuple[str, int]]) -> None:
        now = NOW
        task = make(hours=10, offset=2)
        instant: datetime | None = NOW + 8 * HOUR
        expected: list[datetime] = []
        is_open = True
        for what, hours in steps:
            row = Task.objects.get(pk=task.pk)
            if what == "pass":
                now += hours * HOUR
            elif what == "move":
                lifecycle.edit(row, by=None, now=now, due_date=now + hours * HOUR)
                if now + (hours - 2) * HOUR != row.remind_at:
                    instant = now + (hours - 2) * HOUR
            else:
                Task.objects.filter(pk=task.pk).update(status="cancelled" if what == "cancel" else "todo")
                is_open = what == "reopen"
            reminders.send(now=now)
            if instant is not None and instant <= now:
                if is_open and instant not in expected:
                    expected.append(instant)
                instant = None
        keys = [notice.key.split(":", 2)[2] for notice in told()]
        assert keys == [f"{one.astimezone(UTC).isoformat()}:{task.assignee_id}" for one in expected]
