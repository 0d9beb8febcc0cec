"""How well somebody scores decides nothing: neither runs, nor the next task, nor moves out of an overload."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assignment import next_task, rebalancing, runs
from assignment.models import Decision, Run, Suggestion
from people.models import Team, User
from performance.models import ScoreSnapshot, TeamScore
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def people() -> list[User]:
    """Three people alike, one of whom has more than a week's work."""
    team = builders.make_team()
    people = [builders.make_user(team=team) for _ in range(3)]
    for number in range(12):
        builders.make_task(
            team=team, title=f"Call {number}", estimated_hours=1 + number % 4, created_at=MONDAY - timedelta(days=1)
        )
    for _ in range(12):
        builders.make_task(people[0], estimated_hours=5, created_at=MONDAY - timedelta(days=9))
    return people


def decided(team: Team) -> list[Any]:
    """What a run would give to whom, whose next task is which, and who would hand over what."""
    planned = runs.plan(team, now=MONDAY)
    given = list(
        Decision.objects.filter(run=planned).order_by("task_id").values_list("task_id", "to_user_id", "code", "reasons")
    )
    Run.objects.all().delete()
    moves, stuck = rebalancing.suggestions(team, now=MONDAY)
    moved = [(move.task_id, move.from_user_id, move.to_user_id) for move in moves]
    Suggestion.objects.all().delete()
    return [given, moved, stuck]


def test_the_plan_is_the_same_whatever_anybody_scores(people: list[User]) -> None:
    team, seen = people[0].team, []
    for totals in ((None, None, None), (99, 1, 50), (1, 99, 50)):
        ScoreSnapshot.objects.all().delete()
        for user, total in zip(people, totals, strict=True):
            builders.make_score(user, on=MONDAY.date(), total=total, label="high" if total == 99 else "")
        with CaptureQueriesContext(connection) as queries:
            seen.append(decided(team))
        tables = (ScoreSnapshot._meta.db_table, TeamScore._meta.db_table)
        assert [one["sql"] for one in queries if any(table in one["sql"] for table in tables)] == []
    assert seen[0] == seen[1] == seen[2]
    given, moved, _ = seen[0]
    assert given
    assert moved


def test_the_next_task_asks_no_score(people: list[User]) -> None:
    builders.make_score(people[1], total=1, label="at_risk")
    with CaptureQueriesContext(connection) as queries:
        assert next_task.give(people[1], now=MONDAY)["assigned"] is not None
    assert [one["sql"] for one in queries if "performance_" in one["sql"]] == []
