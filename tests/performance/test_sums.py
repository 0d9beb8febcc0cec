"""The database's sums are those of a plain loop over the rows, to the last digit, on either database."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import scoring
from people.models import Team
from performance import scores
from tests import builders
from tests.performance import oracle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)
PEOPLE = 3

hours = st.none() | st.sampled_from(["0", "0.01", "0.05", "0.25", "1", "3", "999999.99"]) | st.decimals(0, 40, places=2)
days_ago = st.integers(-3, 95) | st.sampled_from([0, 90])
nudge = st.sampled_from([-1, 0, 0, 1, 999_999])


@st.composite
def instants(draw: Any) -> datetime:
    """Around the window's ends too, with and without a fraction of a second, which SQLite writes differently."""
    return NOW - timedelta(days=draw(days_ago)) + timedelta(microseconds=draw(nudge))


@st.composite
def held(draw: Any) -> dict[str, Any]:
    outcome = draw(st.sampled_from(["", "completed", "completed", "completed", "moved", "dropped", "reopened"]))
    due = draw(st.none() | instants())
    ended = draw(instants() | st.just(due)) if outcome else None
    return {
        "who": draw(st.integers(0, PEOPLE)),
        "outcome": outcome,
        "assigned_at": draw(instants()),
        "due_date": due,
        "ended_at": ended or (NOW if outcome else None),
        "estimated_hours": draw(hours),
        "actual_hours": draw(hours),
        "skill_match": draw(st.none() | st.decimals(0, 100, places=2)),
    }


def team_of(rows: list[dict[str, Any]]) -> Team:
    """Three people, one of whom has left, and somebody of another team, who is nobody's concern."""
    team, other = builders.make_team(), builders.make_user()
    people = [builders.make_user(team=team, is_active=number > 0) for number in range(PEOPLE)] + [other]
    made = Task.objects.bulk_create(Task(team=team, title="Call", created_at=NOW) for _ in rows)
    Assignment.objects.bulk_create(
        Assignment(
            task=task, user=people[row["who"]], method="manual", **{name: row[name] for name in row if name != "who"}
        )
        for task, row in zip(made, rows, strict=True)
    )
    return team


@settings(max_examples=60)
@given(st.lists(held(), max_size=14))
def test_sums_are_exact(rows: list[dict[str, Any]]) -> None:
    team = team_of(rows)
    counted = oracle.counted(team, NOW)
    usual = oracle.usual(counted)
    found = scores.gather(team, now=NOW)
    assert sorted(found) == [user.pk for user in scores.members(team)]
    for pk, inputs in found.items():
        expected = oracle.sums([row for row in counted if row.user_id == pk], usual, NOW)
        assert {name: Fraction(getattr(inputs, name)) for name in expected} == expected
        assert inputs.team_assigned == len(counted)
        assert inputs.team_completed == sum(row.outcome == "completed" for row in counted)


@settings(max_examples=20)
@given(st.lists(held(), max_size=10))
def test_one_person_comes_to_the_same_as_all(rows: list[dict[str, Any]]) -> None:
    team = team_of(rows)
    together = scores.gather(team, now=NOW)
    for user in scores.members(team):
        assert scores.gather(team, now=NOW, users=[user]) == {user.pk: together[user.pk]}


def test_no_inputs_are_left_to_their_defaults() -> None:
    """A sum that a policy asks for and no statement makes would be 0 for everybody."""
    team = team_of([])
    (inputs, _) = scores.gather(team, now=NOW).values()
    assert vars(inputs).keys() == set(scores.INPUTS)
    assert set(oracle.sums([], Fraction(1), NOW)) | {
        "booked_hours",
        "capacity_hours",
        "team_assigned",
        "team_completed",
    } == set(scores.INPUTS)


@pytest.mark.parametrize("policy", scoring.POLICIES)
def test_hours_no_week_holds_are_added_up(policy: str) -> None:
    """A thousand tasks of a million hours: what a person may write by mistake stops no team's scores."""
    most = Decimal("999999.99")
    row = {"who": 1, "outcome": "completed", "assigned_at": NOW, "due_date": NOW, "ended_at": NOW}
    team = team_of([row | {"estimated_hours": most, "actual_hours": most, "skill_match": 100}] * 1000)
    Team.objects.filter(pk=team.pk).update(scoring=policy)
    team.refresh_from_db()
    busy, _ = scores.recompute_team(team, now=NOW)
    assert busy.details["inputs"]["accuracy_by_hours"] == 100 * 1000 * 999999.99
    assert busy.details["parts"]["estimation"] == 100
