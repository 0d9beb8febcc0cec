"""What was is still told when old assignments are gone: scores, figures and trends are the same at the same instant."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment import explanations
from jobs import pruning
from people.models import Team, User
from performance import scores, trends
from performance import team as team_figures
from performance.models import ScoreSnapshot, TeamScore
from tests import builders
from tests.performance.test_sums import NOW, held, team_of
from work import housekeeping, lifecycle
from work.models import Assignment

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


def all_that_is_told(team: Team) -> dict[str, Any]:
    return {
        "inputs": scores.gather(team, now=NOW),
        "figures": team_figures.figures(team, now=NOW),
        "people": [scores.current(user, now=NOW) for user in scores.members(team)],
    }


@settings(max_examples=40)
@given(rows=st.lists(held(), max_size=14), few=st.integers(1, 4))
def test_cleaning_up_changes_nothing_that_is_told(rows: list[dict[str, Any]], few: int) -> None:
    team = team_of(rows)
    for days in (2, 1, 0):
        scores.recompute_team(team, now=NOW - days * DAY)
    before, there = all_that_is_told(team), set(Assignment.objects.filter(task__team=team))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pruning, "AT_ONCE", few)
        deleted = housekeeping.delete_old_assignments(team, now=NOW)
    left = set(Assignment.objects.filter(task__team=team))
    old = {row for row in there if row.ended_at and max(row.ended_at, row.assigned_at) < NOW - 90 * DAY}
    assert (deleted, left) == (len(old), there - old)
    assert all_that_is_told(team) == before
    scores.recompute_team(team, now=NOW)
    assert all_that_is_told(team) == before


class Stopped(Exception):
    pass


@pytest.mark.django_db(transaction=True)
def test_a_cleanup_that_is_stopped_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    user = builders.make_user()
    task = builders.make_done_task(user, at=NOW - 100 * DAY)
    for days in (99, 98, 97, 96):
        builders.make_assignment(
            task, user, assigned_at=NOW - 101 * DAY, ended_at=NOW - days * DAY, outcome="reopened", method=str(days)
        )
    deletions = []

    def stop(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("DELETE"):
            deletions.append(sql)
            if len(deletions) == 2:
                raise Stopped
        return execute(sql, *rest)

    with connection.execute_wrapper(stop), pytest.raises(Stopped):
        housekeeping.delete_old_assignments(user.team, now=NOW)
    assert [row.method for row in Assignment.objects.order_by("ended_at")] == ["98", "97", "96"]
    assert housekeeping.delete_old_assignments(user.team, now=NOW) == 3
    assert not Assignment.objects.exists()


def test_the_job_commits_piece_by_piece() -> None:
    """As a job in one transaction it would hold on to all it deletes until the end."""
    from automation import tasks

    assert tasks.cleanup_old_assignments.external


def test_a_task_of_long_ago_still_tells_who_did_it(client: Client) -> None:
    lead = builders.make_lead()
    user = builders.make_user(team=lead.team, first_name="Ada", last_name="Lovelace")
    task = builders.make_task(user, created_at=NOW - 100 * DAY)
    again = builders.make_task(user, created_at=NOW - 100 * DAY)
    for one in (task, again):
        lifecycle.complete(one, by=user, now=NOW - 95 * DAY)
    lifecycle.set_status(again, "todo", by=user, now=NOW - 94 * DAY)
    assert housekeeping.delete_old_assignments(lead.team, now=NOW) == 2
    client.force_login(lead)
    page = client.get(f"/tasks/{task.pk}")
    assert page.status_code == 200
    assert b"Ada Lovelace" in page.content
    assert explanations.of_task(task) is None
    assert explanations.of_task(again)["method"] == "reopened"  # type: ignore[index]
    lifecycle.set_status(task, "todo", by=user, now=NOW)  # and may be taken up again
    assert explanations.of_task(task)["user_id"] == user.pk  # type: ignore[index]


def keep(user: User, on: date, total: str | None) -> None:
    builders.make_score(user, on=on, total=None if total is None else Decimal(total), details={})


def test_trends_are_of_the_last_ninety_days() -> None:
    user, today = builders.make_user(), NOW.date()
    for days, total in ((90, "10"), (89, "81.25"), (3, None), (0, "84.925")):
        keep(user, today - days * DAY, total)
    keep(builders.make_user(team=user.team), today, "20")
    assert trends.of_person(user, until=today) == [
        {"on": "2025-12-05", "performance_score": 81.3},
        {"on": "2026-03-01", "performance_score": None},
        {"on": "2026-03-04", "performance_score": 84.9},
    ]


def test_the_teams_trend_keeps_those_who_left() -> None:
    team = builders.make_team(timezone="Pacific/Auckland")
    strong, weak = (builders.make_user(team=team) for _ in range(2))
    for day, hours in ((1, 2), (0, 8)):
        builders.make_done_task(strong, at=NOW - 3 * DAY, hours=2)
        builders.make_done_task(weak, at=NOW - 3 * DAY, hours=hours)
        scores.recompute_team(team, now=NOW - day * DAY)
    kept = [row.average for row in TeamScore.objects.order_by("on")]
    User.objects.filter(pk=weak.pk).update(is_active=False)
    trend = trends.of_team(team, until=scores.local_day(team, NOW))
    assert [point["on"] for point in trend] == ["2026-03-04", "2026-03-05"]
    assert [point["performance_score"] for point in trend] == [float(round(one, 1)) for one in kept]
    scores.recompute_team(team, now=NOW)
    assert TeamScore.objects.get(on="2026-03-05").people == 1


def test_the_newest_of_each_is_found_however_many_days_are_kept() -> None:
    people = [builders.make_user() for _ in range(2)]
    for user in people:
        for days in range(40):
            keep(user, date(2026, 1, 1) + days * DAY, "50")
    newest = ScoreSnapshot.objects.newest_of(User.objects.filter(pk__in=[user.pk for user in people]))
    assert {row.user_id: row.on for row in newest} == {user.pk: date(2026, 2, 9) for user in people}
    plan = newest.explain()
    if connection.vendor == "sqlite":  # PostgreSQL reads tables this small at one go
        assert "SCAN" not in plan.replace("SCAN people", "")


def test_figures_of_what_gets_done() -> None:
    team = builders.make_team()
    user, gone = builders.make_user(team=team), builders.make_user(team=team, is_active=False)
    builders.make_done_task(builders.make_user(), at=NOW - DAY)
    ends = (NOW, NOW - 7 * DAY + timedelta(seconds=1), NOW - 7 * DAY, NOW - 13 * DAY, NOW - 14 * DAY)
    for at in ends:
        builders.make_done_task(user, at=at, due_date=NOW - 8 * DAY)
    builders.make_done_task(gone, at=NOW - DAY)
    reopened = builders.make_done_task(user, at=NOW - DAY)
    reopened.assignments.update(outcome=Assignment.REOPENED)
    figures = team_figures.figures(team, now=NOW)
    assert figures["throughput"] == {"last_7_days": 3, "previous_7_days": 2}
    assert figures["on_time_share"] == 40.0
    assert figures["trend"] == []


def test_figures_of_a_team_of_nobody() -> None:
    figures = team_figures.figures(builders.make_team(), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert [name for name, value in figures.items() if value] == ["throughput"]
    assert (figures["team_average"], figures["on_time_share"]) == (None, None)


@pytest.mark.parametrize(
    "ask", [team_figures.figures, team_figures.newest, team_figures.at_risk], ids=lambda ask: ask.__name__
)
def test_a_team_is_told_of_in_as_many_queries_for_many_days_and_people_as_for_few(ask: Callable[..., Any]) -> None:
    team, counts = builders.make_team(), []
    for size, days in ((3, 1), (57, 30)):
        for _ in range(size):
            builders.make_done_task(builders.make_user(team=team), at=NOW - DAY)
        for day in range(days):
            scores.recompute_team(team, now=NOW - day * DAY)
        with CaptureQueriesContext(connection) as queries:
            ask(team, now=NOW)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10
