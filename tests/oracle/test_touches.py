"""Cadences, touches, missed follow-ups and reminders against the oracle: month ends and clock changes among them."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from automation import cadence, engine, overdue, reminders
from crm import consent, contacts
from crm.models import Contact
from domain import recurrence
from domain import touches as domain_touches
from notifications.models import Notification
from tests import builders
from tests.oracle import touches
from tests.oracle.amounts import cases
from work import lifecycle
from work.models import Task

CADENCES = ("daily", "weekly", "biweekly", "monthly", "quarterly", "yearly", "days:10", "days:1")
zones = st.sampled_from(
    [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "America/Santiago")]
)
starts = st.builds(
    lambda text, minutes: datetime.fromisoformat(f"{text}Z") + timedelta(minutes=minutes),
    st.sampled_from(
        (
            *("2026-01-31T12:00", "2026-02-28T07:00", "2028-02-29T12:00", "2026-03-28T12:00", "2026-10-24T12:00"),
            *("2026-03-31T23:30", "2026-04-30T06:30", "2026-08-31T12:00", "2026-06-17T10:00"),
        )
    ),
    st.integers(-1000, 1000),
)
times = st.sampled_from([None, time(8), time(2, 30), time(0), time(1, 45)])


@given(st.sampled_from(CADENCES), starts, zones, st.none() | st.integers(28, 31), times, st.integers(0, 500))
@settings(max_examples=cases(400))
def test_a_series_comes_on_the_days_that_a_calendar_shows(
    word: str, first: datetime, zone: ZoneInfo, anchor: int | None, at: time | None, days: int
) -> None:
    now = first + timedelta(days=days)
    wanted = [first, *touches.series(word, first, anchor=anchor, zone=zone, at=at, until=now)]
    found = recurrence.next_occurrence(word, after=first, anchor_day=anchor, zone=zone, at=at)
    assert found == wanted[1]
    missed = recurrence.collapse(word, due=first, now=now, anchor_day=anchor, zone=zone, at=at)
    passed = [one for one in wanted if one <= now]
    assert (missed.latest, missed.count) == (passed[-1], len(passed))
    assert missed.following == wanted[len(passed)]


@given(st.sampled_from(CADENCES), starts, zones, st.none() | st.integers(28, 31), st.sampled_from([0, 0, 1, 28, 31]))
@settings(max_examples=cases(600))
def test_the_day_first_chosen_counts_at_month_ends(
    word: str, start: datetime, zone: ZoneInfo, chosen: int | None, days: int
) -> None:
    oracle, base = touches.Touched(word, zone), start + timedelta(days=days)
    oracle.anchor = chosen
    assert domain_touches.after(word, base, anchor_day=chosen, zone=zone) == oracle.after(base)


HOURS = st.sampled_from([0, 1, 9, 15, 24, 26, 72, 24 * 8, 24 * 31, 24 * 45])
VERBS = ("touch", "sweep", "sweep", "sweep", "finish", "choose_date", "choose_cadence", "refuse", "let_in")


@st.composite
def happenings(draw: st.DrawFn) -> tuple[int, str, Any]:
    verb = draw(st.sampled_from(VERBS))
    value: Any = None
    if verb == "touch":
        value = draw(st.sampled_from([0, 0, 1, 30, 24 * 40]))
    elif verb == "finish":
        value = (draw(st.integers(0, 3)), draw(st.sampled_from([True, True, False])))
    elif verb == "choose_date":
        value = draw(st.sampled_from([None, 1, 20, 24 * 5]))
    elif verb == "choose_cadence":
        value = draw(st.sampled_from(["", "weekly", "monthly", "days:10"]))
    elif verb in ("refuse", "let_in"):
        value = draw(st.sampled_from(["by verb", "by hand"]))
    return draw(HOURS), verb, value


@pytest.mark.django_db
@pytest.mark.database
@given(starts, zones, st.sampled_from(["", *CADENCES]), st.lists(happenings(), min_size=4, max_size=12))
@settings(max_examples=cases(80, rows=True))
def test_staying_in_touch(start: datetime, zone: ZoneInfo, word: str, story: list[tuple[int, str, Any]]) -> None:
    oracle = touches.Touched(word, zone)
    with transaction.atomic():
        product, now = _Contact(start, zone, word), start
        for hours, verb, value in [*story, (26, "sweep", None), (24, "sweep", None)]:
            now += timedelta(hours=hours)
            _happen(verb, value, now, product, oracle)
        found = product.outcome()
        transaction.set_rollback(True)
    assert found == {
        "next": oracle.next,
        "last": oracle.last,
        "own": oracle.own,
        "tasks": [(task["kind"], task["due"], task["status"], task["late"]) for task in oracle.tasks],
    }


def _happen(verb: str, value: Any, now: datetime, product: "_Contact", oracle: touches.Touched) -> None:
    if verb == "touch":
        at = now - timedelta(hours=value)
        builders.make_activity(product.row, activity_type="call", occurred_at=at, received_at=now)
        engine.drain(product.row.team_id, now=now)
        oracle.touch(at, now)
    elif verb == "sweep":
        for _ in range(2):  # as two workers would: the second finds nothing
            cadence.schedule_due(product.row.team_id, now=now)
            overdue.run_due(product.row.team_id, now=now)
        oracle.sweep(now)
    elif verb == "choose_date":
        own = None if value is None else now + timedelta(hours=value)
        contacts.update(product.row, by=None, now=now, next_follow_up_at=own)
        oracle.choose_date(own)
    elif verb == "choose_cadence":
        contacts.update(product.row, by=None, now=now, contact_cadence=value)
        oracle.choose_cadence(value)
    elif verb in ("refuse", "let_in"):
        if value == "by hand":
            Contact.objects.filter(pk=product.row.pk).update(do_not_contact=verb == "refuse")
        else:
            consent.set_do_not_contact(product.row, verb == "refuse", by=product.owner, now=now)
        engine.drain(product.row.team_id, now=now)
        oracle.refuse() if verb == "refuse" else oracle.let_in()
    elif todo := [place for place, task in enumerate(oracle.tasks) if task["status"] == "todo"]:
        which, done = value
        product.finish(todo[which % len(todo)], now, done=done)
        oracle.finish(todo[which % len(todo)], now, done=done)


class _Contact:
    """A contact of a manager in a team of its own, whose days have room."""

    def __init__(self, start: datetime, zone: ZoneInfo, word: str) -> None:
        self.owner = builders.make_manager(team=builders.make_team(timezone=zone.key))
        self.row = builders.make_contact(self.owner, contact_cadence=word, created_at=start)

    def tasks(self) -> list[Task]:
        return list(Task.objects.filter(contact=self.row).select_related("team", "assignee").order_by("pk"))

    def finish(self, place: int, now: datetime, *, done: bool) -> None:
        lifecycle.set_status(self.tasks()[place], "done" if done else "cancelled", by=self.owner, now=now)
        engine.drain(self.row.team_id, now=now)

    def outcome(self) -> dict[str, Any]:
        self.row.refresh_from_db()
        tasks = [
            (
                "overdue" if task.priority == Task.URGENT else "touch",
                task.due_date,
                task.status,
                "missed meanwhile" in task.description,
            )
            for task in self.tasks()
        ]
        last = self.row.last_touch_at
        return {"next": self.row.next_touch_at, "last": last, "own": self.row.next_follow_up_at, "tasks": tasks}


@pytest.mark.django_db
@pytest.mark.database
@given(
    st.lists(
        st.tuples(HOURS, st.sampled_from(["move", "sweep", "sweep", "sweep", "finish"]), st.integers(0, 1), HOURS),
        min_size=3,
        max_size=12,
    )
)
@settings(max_examples=cases(40, rows=True))
def test_a_reminder_is_told_once_for_each_task_and_instant(story: list[tuple[int, str, int, int]]) -> None:
    """Two hours before two tasks are due, which are moved about and finished."""
    now, ahead = datetime(2026, 3, 28, 12, tzinfo=UTC), timedelta(hours=2)
    dues, done, told = [now + ahead, now + 24 * ahead], [False, False], set()
    with transaction.atomic():
        owner = builders.make_manager()
        rows = [builders.make_task(owner, due_date=due, reminder_offset_hours=2) for due in dues]
        for hours, verb, which, later in story:
            now += timedelta(hours=hours)
            rows[which].refresh_from_db()
            if verb == "move":
                dues[which] = now + timedelta(hours=later)
                lifecycle.edit(rows[which], by=owner, now=now, due_date=dues[which])
            elif verb == "finish" and not done[which]:
                done[which] = True
                lifecycle.complete(rows[which], by=owner, now=now)
            elif verb == "sweep":
                told |= {(n, due - ahead) for n, due in enumerate(dues) if due - ahead <= now and not done[n]}
                for _ in range(2):
                    reminders.send(now=now, team_id=owner.team_id)
        places = {row.pk: place for place, row in enumerate(rows)}
        notices = Notification.objects.filter(user=owner, kind=Notification.REMINDER)
        found = Counter(places[task] for task in notices.values_list("task", flat=True))
        transaction.set_rollback(True)
    assert found == Counter(place for place, _ in told)
