"""/automation/performance: how people and the team are doing."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from api.auth import caller, need, scope
from api.fields import Id, Out, one
from people.models import User
from performance import scores, team

router = Router(tags=["performance"])

Threshold = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Provisional = Annotated[bool, Query(False, description="Also people with under 5 finished tasks")]


class ScoreOut(Out):
    user_id: int
    performance_score: float | None = Field(description="0 to 100; null: not enough data")
    completion_rate: float | None
    estimation_accuracy: float | None
    workload_balance: float | None
    skill_utilization: float | None
    total_assignments: int
    completed_assignments: int
    on_time_rate: float | None
    computed_at: datetime
    details: dict[str, Any] = Field(
        description="ranges, comparison (with the team: higher, lower, not clearly different), provisional, label, "
        "reason, policy, window_days, inputs, trend (a score a day, of 90 days)"
    )


class Scored(Out):
    user_id: int
    name: str
    performance_score: float
    provisional: bool


class Throughput(Out):
    """Tasks finished in the last seven days, and in the seven before."""

    last_7_days: int
    previous_7_days: int


class Point(Out):
    on: date
    performance_score: float | None = Field(description="Null: not enough data that day")


class TeamFigures(Out):
    team_average: float | None
    high_performers: list[Scored]
    at_risk: list[Scored]
    overloaded: list[int] = Field(description="Ids of people with more work than hours this week")
    underutilized: list[int] = Field(description="Ids of people under 50 %")
    throughput: Throughput
    on_time_share: float | None = Field(description="Percent in time of what had a due date, of 90 days")
    trend: list[Point] = Field(description="The team's average by day, of 90 days, oldest first")


class ScoredList(Out):
    """The whole list: a team fits on one page."""

    threshold: float
    results: list[Scored]
    next: None = None
    previous: None = None


@router.get("/automation/performance/user/{int:id}", auth=scope("performance:read"), response=ScoreOut)
def user_performance(request: HttpRequest, id: Id) -> dict[str, Any]:
    """A person's score with all its inputs: your own, or with view_team a member's."""
    user = caller(request)
    person = user if id == user.pk else one(User.objects.visible_to(user).select_related("team"), id, "user")
    if person.pk != user.pk:
        need(user, "view_team", "see how others are doing")
    return scores.current(person, now=timezone.now())


@router.get("/automation/performance/team", auth=scope("performance:read"), response=TeamFigures)
def team_performance(request: HttpRequest) -> dict[str, Any]:
    """The team's average and how it moved, who is high, at risk, overloaded, or has room, and what gets done."""
    user = _lead(request)
    return team.figures(user.team, now=timezone.now())


@router.get("/automation/performance/high-performers", auth=scope("performance:read"), response=ScoredList)
def high_performers(
    request: HttpRequest, threshold: Annotated[Threshold, Query(80)], include_provisional: Provisional
) -> dict[str, Any]:
    """People strictly above the threshold, best first."""
    return _listed(request, team.high_performers, threshold, include_provisional)


@router.get("/automation/performance/at-risk", auth=scope("performance:read"), response=ScoredList)
def at_risk_performers(
    request: HttpRequest, threshold: Annotated[Threshold, Query(50)], include_provisional: Provisional
) -> dict[str, Any]:
    """People strictly below the threshold, lowest first."""
    return _listed(request, team.at_risk, threshold, include_provisional)


def _lead(request: HttpRequest) -> User:
    user = caller(request)
    need(user, "view_team", "see the team's figures")
    return user


def _listed(
    request: HttpRequest, find: Callable[..., list[dict[str, Any]]], threshold: float, include_provisional: bool
) -> dict[str, Any]:
    rows = find(
        _lead(request).team,
        now=timezone.now(),
        threshold=Decimal(str(threshold)),
        include_provisional=include_provisional,
    )
    return {"threshold": threshold, "results": rows}
