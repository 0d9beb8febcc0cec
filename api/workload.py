"""/automation/workload: how full people's weeks are, and moves that would even them out."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field

from api.auth import caller, need, scope
from api.errors import conflict
from api.fields import Id, Out, one
from assignment import rebalancing
from assignment.models import Suggestion
from people.models import User
from work import capacity
from work.models import Assignment

router = Router(tags=["workload"])


class DayOut(Out):
    on: date
    hours: float = Field(description="Working hours that tasks may fill; of today what is left")
    due_hours: float = Field(description="Of open work due that day; of today what is overdue as well")
    free_until: float = Field(description="All hours until the day's end less all work due by then; may be negative")


class CapacityOut(Out):
    user_id: int
    contracted_hours: float = Field(description="Working hours of the week less time off and holidays")
    busy_hours: float = Field(description="How many of these the busy times of their calendar take")
    max_hours: float = Field(description="The share of the rest that tasks may fill, by the person's focus factor")
    used_hours: float
    available_capacity: float
    is_overloaded: bool
    days: list[DayOut] = Field(description="The seven days from today on, in the person's zone")


class TeamStatus(Out):
    total_team_members: int
    total_capacity_hours: float
    total_utilized_hours: float
    utilization_rate: float = Field(description="Percent")
    overloaded_members: int
    available_capacity: float


class SuggestionOut(Out):
    id: int
    task_id: int
    from_user_id: int
    to_user_id: int
    hours: float
    loads: dict[str, float | None] = Field(description="Percent: from_before, from_after, to_before, to_after")
    reason: str
    state: str
    created_at: datetime


class Stuck(Out):
    user_id: int
    user: str
    reason: str


class Suggestions(Out):
    results: list[SuggestionOut]
    stuck: list[Stuck] = Field(description="Who stays overloaded, and why")
    next: None = None
    previous: None = None


class NotApplied(Out):
    id: int
    reason: str


class AllApplied(Out):
    applied: list[int]
    refused: list[NotApplied]


class Applied(Out):
    success: bool = True
    message: str
    suggestion_id: int
    task_id: int
    user_id: int


@router.get("/automation/workload/user/{int:id}/capacity", auth=scope("workload:read"), response=CapacityOut)
def user_capacity(request: HttpRequest, id: Id) -> dict[str, Any]:
    """Hours of a person's week: your own, or with view_team a member's."""
    user = caller(request)
    person = user if id == user.pk else one(User.objects.visible_to(user).select_related("team"), id, "user")
    if person.pk != user.pk:
        need(user, "view_team", "see how full others' weeks are")
    now = timezone.now()
    return capacity.week(person, now=now).as_dict() | {"days": capacity.days(person, now=now)}


@router.get("/automation/workload/team/status", auth=scope("workload:read"), response=TeamStatus)
def team_workload(request: HttpRequest) -> dict[str, Any]:
    """The team's week in hours."""
    user = caller(request)
    need(user, "view_team", "see the team's workload")
    status = capacity.team_status(user.team, now=timezone.now())
    return status | {"utilization_rate": round(status["utilization_rate"], 1)}


@router.get("/automation/workload/team/rebalance-suggestions", auth=scope("workload:read"), response=Suggestions)
def rebalance_suggestions(request: HttpRequest) -> dict[str, Any]:
    """The fewest moves that take the overload away, worked out now; each can be applied by its id."""
    user = caller(request)
    need(user, "view_team", "see what would even out the team's load")
    moves, stuck = rebalancing.suggestions(user.team, now=timezone.now())
    return {"results": moves, "stuck": stuck}


@router.post("/automation/workload/team/rebalance-suggestions/apply", auth=scope("workload:write"), response=AllApplied)
def apply_all_suggestions(request: HttpRequest) -> dict[str, Any]:
    """Applies all suggestions that stand; each that no longer fits is named with the reason, and the others go on."""
    user = caller(request)
    need(user, "manage_team", "move others' work")
    return rebalancing.apply_all(user.team, by=user, now=timezone.now())


@router.post(
    "/automation/workload/team/rebalance-suggestions/{int:id}/apply", auth=scope("workload:write"), response=Applied
)
def apply_suggestion(request: HttpRequest, id: Id) -> Applied:
    """Moves the task, if nothing has changed since; never overloads who receives it."""
    return _moved(request, id, rebalancing.apply, "Task moved")


@router.post(
    "/automation/workload/team/rebalance-suggestions/{int:id}/undo", auth=scope("workload:write"), response=Applied
)
def undo_suggestion(request: HttpRequest, id: Id) -> Applied:
    """Gives the task back to whom it came from, unless it was started, moved or finished since."""
    return _moved(request, id, rebalancing.undo, "Task moved back")


def _moved(request: HttpRequest, id: int, verb: Callable[..., Assignment], message: str) -> Applied:
    user = caller(request)
    need(user, "manage_team", "move others' work")
    suggestion = one(Suggestion.objects.visible_to(user), id, "suggestion")
    try:
        assignment = verb(suggestion, by=user, now=timezone.now())
    except rebalancing.Stale as stale:
        raise conflict(str(stale)) from None
    return Applied(message=message, suggestion_id=suggestion.pk, task_id=assignment.task_id, user_id=assignment.user_id)
