"""/api/teams/{id}/hours and /api/users/{id}/hours: when a team and its people work, and when they are off."""

from collections.abc import Callable
from datetime import date, time
from typing import Annotated, Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import by_field
from api.fields import UNSET, Id, In, LocalTime, Out, one
from people import timetables
from people.models import Team, User

router = Router(tags=["people"])

Name = Annotated[str, StringConstraints(max_length=100)]


class SpanIn(In):
    weekday: Annotated[int, Field(ge=0, le=6, description="0 is Monday")]
    starts: LocalTime
    ends: LocalTime


class DayOffIn(In):
    on: date
    name: Name = ""


class AwayIn(In):
    starts_on: date
    ends_on: date = Field(description="The last day away")
    reason: Name = ""


class SpanOut(Out):
    weekday: int
    starts: time
    ends: time


class DayOffOut(Out):
    on: date
    name: str


class AwayOut(Out):
    starts_on: date
    ends_on: date
    reason: str


class TeamHoursIn(In):
    working_spans: list[SpanIn] = Field(UNSET, max_length=50, description="The whole week; empty for the default one")
    days_off: list[DayOffIn] = Field(UNSET, max_length=500, description="All of them, beside public holidays")


class TeamHoursOut(Out):
    working_spans: list[SpanOut] = Field(description="Empty: Monday to Friday, 09:00 to 17:00")
    days_off: list[DayOffOut]


class UserHoursIn(In):
    working_spans: list[SpanIn] = Field(UNSET, max_length=50, description="The whole week; empty for the team's")
    time_off: list[AwayIn] = Field(UNSET, max_length=500, description="All of it")


class UserHoursOut(Out):
    working_spans: list[SpanOut] = Field(description="Empty: the team's week")
    time_off: list[AwayOut]


@router.get("/api/teams/{int:id}/hours", auth=scope("team:read"), response=TeamHoursOut)
def team_hours(request: HttpRequest, id: Id) -> dict[str, Any]:
    """When your team works."""
    return _team_hours(one(Team.objects.filter(pk=caller(request).team_id), id, "team"))


@router.put("/api/teams/{int:id}/hours", auth=scope("team:write"), response=TeamHoursOut)
def set_team_hours(request: HttpRequest, id: Id, payload: TeamHoursIn) -> dict[str, Any]:
    """Replaces what is sent. Due dates that follow working time move with it within a minute."""
    user = caller(request)
    team = one(Team.objects.filter(pk=user.team_id), id, "team")
    need(user, "manage_team", "change the team's hours")
    _set(timetables.of_team, team, user, payload.model_dump(exclude_unset=True))
    return _team_hours(team)


@router.get("/api/users/{int:id}/hours", auth=scope("team:read"), response=UserHoursOut)
def user_hours(request: HttpRequest, id: Id) -> dict[str, Any]:
    """When a person of your team works and is away."""
    return _user_hours(one(User.objects.visible_to(caller(request)), id, "user"))


@router.put("/api/users/{int:id}/hours", auth=scope("team:write"), response=UserHoursOut)
def set_user_hours(request: HttpRequest, id: Id, payload: UserHoursIn) -> dict[str, Any]:
    """Replaces what is sent: your own, or with manage_team a member's."""
    user = caller(request)
    person = one(User.objects.visible_to(user), id, "user")
    if person.pk != user.pk:
        need(user, "manage_team", "change others' hours")
    _set(timetables.of_person, person, user, payload.model_dump(exclude_unset=True))
    return _user_hours(person)


def _set(verb: Callable[..., None], whose: Team | User, by: User, sent: dict[str, Any]) -> None:
    """What a row breaks is said with its place in the body."""
    try:
        verb(whose, by=by, now=timezone.now(), **sent)
    except timetables.BadRow as wrong:
        place = f"{wrong.what}/{wrong.number}"
        said = wrong.errors.items()
        raise by_field({place if name == NON_FIELD_ERRORS else f"{place}/{name}": why for name, why in said}) from None


def _team_hours(team: Team) -> dict[str, Any]:
    return {
        "working_spans": list(team.working_spans.order_by("weekday", "starts")),
        "days_off": list(team.days_off.order_by("on")),
    }


def _user_hours(person: User) -> dict[str, Any]:
    return {
        "working_spans": list(person.working_spans.order_by("weekday", "starts")),
        "time_off": list(person.time_off.order_by("starts_on")),
    }
