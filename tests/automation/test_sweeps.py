"""The round over all kinds of due work: who has something, what is done, how far behind it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from automation import sweeps
from people.models import User
from tests import builders
from work.models import Task

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def late(now: Any) -> Task:
    """Told of an hour ago, had anybody looked; and reminded of before that."""
    return builders.make_task(builders.make_user(), due_date=now - HOUR, reminder_offset_hours=1)


@pytest.fixture
def now() -> Any:
    return timezone.now()


def broken_first(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fail(team_id: int, now: Any) -> dict[str, Any]:
        raise fault

    monkeypatch.setattr(sweeps, "SWEEPS", (replace(sweeps.SWEEPS[0], run=fail), *sweeps.SWEEPS[1:]))


def test_only_the_teams_with_something_due_are_named(late: Task, now: Any) -> None:
    builders.make_task(builders.make_user(), due_date=now + HOUR)
    assert sweeps.due_teams(now) == [late.team_id]
    assert set(sweeps.run(late.team_id, now=now)) == {"reminders", "overdue"}
    assert sweeps.due_teams(now) == []
    assert sweeps.run(late.team_id, now=now) == {}


def test_the_lag_is_told_for_each_sweep(late: Task, now: Any) -> None:
    lags = sweeps.lags(now)
    assert (lags.pop("reminders"), lags.pop("overdue")) == (2 * HOUR, HOUR)
    assert set(lags.values()) == {timedelta()}


def test_a_sweep_that_fails_stops_no_other(late: Task, now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_first(monkeypatch, ZeroDivisionError())
    assert set(sweeps.run(late.team_id, now=now)) == {"overdue"}
    assert sweeps.due_teams(now) == [late.team_id], "it is tried again, and its lag grows"


def test_a_database_that_is_away_ends_the_round(late: Task, now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_first(monkeypatch, DatabaseError("away"))
    with pytest.raises(DatabaseError):
        sweeps.run(late.team_id, now=now)


def test_what_was_moved_since_is_not_taken_up(late: Task, now: Any) -> None:
    user = User.objects.get(pk=late.owner_id)
    contact = builders.make_contact(user, next_touch_at=now)
    for kind in sweeps.PUT_ASIDE:
        pk = contact.pk if kind in ("touch", "touch_plan", "missed") else late.pk
        assert not sweeps.take_up(kind, pk, now - HOUR / 2, now=now)
        assert not sweeps.take_up(kind, 0, now, now=now), "nor what is gone"
