"""A person's score and a team's figures over HTTP, with how they moved and how one compares."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from people.models import User
from performance import scores
from tests import builders
from tests.api.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


def done(user: User, count: int = 1) -> None:
    for _ in range(count):
        builders.make_done_task(user, at=datetime.now(UTC) - DAY, due_date=datetime.now(UTC))


def got(user: User, path: str) -> Any:
    answer = Caller(user).get(f"/automation/performance/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_one_sees_the_own_score_and_how_it_moved() -> None:
    member = builders.make_user()
    done(member, 6)
    now = datetime.now(UTC)
    for days in (2, 1, 0):
        scores.recompute(member, now=now - days * DAY)
    answer = got(member, f"user/{member.pk}")
    assert set(answer) == {
        *("user_id", "performance_score", "completion_rate", "estimation_accuracy", "workload_balance"),
        *("skill_utilization", "total_assignments", "completed_assignments", "on_time_rate", "computed_at", "details"),
    }
    assert {"ranges", "provisional", "inputs", "comparison", "trend"} <= set(answer["details"])
    days = [(now - days * DAY).date().isoformat() for days in (2, 1, 0)]
    assert [point["on"] for point in answer["details"]["trend"]] == days
    assert answer["details"]["trend"][-1]["performance_score"] == answer["performance_score"]


def test_one_is_compared_with_the_own_team() -> None:
    lead = builders.make_lead()
    busy, idle = (builders.make_user(team=lead.team) for _ in range(2))
    done(busy, 32)
    for _ in range(30):
        builders.make_task(idle)
    scores.recompute_team(lead.team, now=datetime.now(UTC))
    told = {user: got(lead, f"user/{user.pk}")["details"]["comparison"] for user in (busy, idle, lead)}
    assert told == {busy: "higher", idle: "lower", lead: None}


def test_the_teams_figures_and_how_they_moved() -> None:
    lead = builders.make_lead()
    done(lead, 6)
    scores.recompute_team(lead.team, now=datetime.now(UTC))
    answer = got(lead, "team")
    names = {"team_average", "high_performers", "at_risk", "overloaded", "underutilized"}
    assert set(answer) == names | {"throughput", "on_time_share", "trend"}
    assert answer["throughput"] == {"last_7_days": 6, "previous_7_days": 0}
    assert answer["on_time_share"] == 100.0
    assert [point["performance_score"] for point in answer["trend"]] == [answer["team_average"]]


@pytest.mark.parametrize("path", ["user/{}", "team", "high-performers", "at-risk"])
def test_many_days_and_people_cost_no_more_queries(path: str) -> None:
    lead, counts = builders.make_lead(), []
    for size, days in ((3, 2), (40, 20)):
        for _ in range(size):
            done(builders.make_user(team=lead.team))
        for day in range(days):
            scores.recompute_team(lead.team, now=datetime.now(UTC) - day * DAY)
        with CaptureQueriesContext(connection) as queries:
            got(lead, path.format(lead.pk))
        counts.append(len(queries))
    assert counts[0] == counts[1]
