"""What rules and sequences did and what became of it: totals, reasons and days that add up."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import engine, statistics
from automation.programmes import enrolling, enrolments
from crm.models import Activity
from people.models import User
from tests import builders
from tests.builders import NOW, step
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def user() -> User:
    return builders.make_manager()


def clicks(contact: Any, at: datetime, **fields: Any) -> None:
    fields = {"activity_type": Activity.EMAIL_CLICKED, "occurred_at": at, "received_at": at} | fields
    engine.process(builders.make_activity(contact, **fields), now=at)


def complete(task: Task, user: User, at: datetime) -> None:
    lifecycle.complete(task, by=user, now=at)


def counted(user: User, *, now: datetime, days: int = statistics.DAYS) -> dict[str, Any]:
    counting = statistics.Counting.of(user.team)
    return statistics.of_team(counting, statistics.count(counting, now=now, days=days))


def summed(figures: dict[str, Any]) -> dict[str, int]:
    return {name: sum(day[name] for day in figures["by_day"]) for name in figures["by_day"][0] if name != "on"}


def test_a_rules_days_add_up_to_its_totals(user: User) -> None:
    rule = builders.make_rule(user)
    contact, other = builders.make_contact(user), builders.make_contact(user)
    clicks(contact, NOW)
    clicks(contact, NOW + HOUR)
    clicks(other, NOW + DAY)
    first, second = Task.objects.order_by("pk")
    Task.objects.filter(pk=first.pk).update(due_date=NOW + DAY)
    complete(first, user, NOW + 3 * HOUR)
    (figures,) = counted(user, now=NOW + 2 * DAY)["rules"]
    whole = {"fired": 2, "suppressed": 1, "failed": 0, "waiting": 0, "tasks_created": 2, "completed": 1}
    assert figures["id"] == rule.pk
    assert {name: figures[name] for name in whole} == summed(figures) == whole
    assert list(figures["suppressed_by_reason"].values()) == [1]
    assert (figures["on_time"], figures["open"], figures["median_hours_to_done"]) == (1, 1, 3.0)
    assert [day["on"] for day in figures["by_day"]] == [NOW.date(), (NOW + DAY).date()]
    assert second.is_open


def test_a_sequences_days_add_up_to_its_totals(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three steps one is skipped by its condition, one fails, one makes a task."""
    real = lifecycle.create

    def refuse(*args: Any, **fields: Any) -> Task:
        if fields["title"] == "Fails":
            raise lifecycle.NotAllowed("Nobody may do this.")
        return real(*args, **fields)

    monkeypatch.setattr(lifecycle, "create", refuse)
    steps = [step(24, condition="contact.lead_score > 50"), step(48, title="Fails"), step(96)]
    sequence = builders.make_sequence(user, steps=steps)
    enrolling.enrol(sequence, builders.make_contact(user, lead_score=10), owner=user, now=NOW)
    for days in (1, 2, 4):
        enrolments.run_due(user.team_id, now=NOW + days * DAY)
    complete(Task.objects.get(), user, NOW + 4 * DAY + 2 * HOUR)
    (figures,) = counted(user, now=NOW + 5 * DAY)["sequences"]
    whole = {"fired": 1, "suppressed": 1, "failed": 1, "tasks_created": 1, "completed": 1}
    assert {name: figures[name] for name in whole} == whole
    assert summed(figures) == whole | {"waiting": 0}
    assert [reason.partition(":")[0] for reason in figures["suppressed_by_reason"]] == ["Its condition does not hold"]
    assert (figures["on_time"], figures["open"], figures["median_hours_to_done"]) == (1, 0, 2.0)
    assert [(day["on"] - NOW.date()).days for day in figures["by_day"]] == [0, 1, 2, 4]


def test_the_first_day_is_shown_whole_on_the_teams_clock() -> None:
    user = builders.make_manager(team=builders.make_team(timezone="America/New_York"))
    builders.make_rule(user)
    midnight = datetime.fromisoformat("2026-06-17T00:00-04:00")
    for at in (midnight - timedelta(minutes=1), midnight, midnight + timedelta(hours=23)):
        clicks(builders.make_contact(user), at)
    (figures,) = counted(user, now=midnight + timedelta(hours=18), days=0)["rules"]
    assert (figures["fired"], [day["fired"] for day in figures["by_day"]]) == (3, [2])
    later = counted(user, now=midnight + timedelta(days=30, hours=18))["rules"][0]
    assert [(day["on"], day["fired"]) for day in later["by_day"]] == [(midnight.date(), 2)]


def test_a_hundred_rules_cost_the_queries_of_one(user: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            counted(user, now=NOW + DAY)
        return len(captured)

    builders.make_rule(user)
    sequence = builders.make_sequence(user)
    enrolling.enrol(sequence, builders.make_contact(user), owner=user, now=NOW)
    clicks(builders.make_contact(user), NOW)
    before = queries()
    for _ in range(20):
        builders.make_rule(user)
        clicks(builders.make_contact(user), NOW)
        enrolling.enrol(builders.make_sequence(user), builders.make_contact(user), owner=user, now=NOW)
    assert queries() == before
