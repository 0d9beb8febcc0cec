"""/api/teams/{id}/hours and /api/users/{id}/hours: when a team and its people work, and when they are off."""

from collections.abc import Iterable
from datetime import date, time
from typing import Annotated, Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import by_field
from api.fields import UNSET, Id, In, LocalTime, Out, one
from people.audited import MEMBER, TEAM
from people.models import Team, TeamDayOff, TeamSpan, TimeOff, User, WorkingSpan

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
    sent = payload.model_dump(exclude_unset=True)
    with TEAM.changing(team, by=user, now=timezone.now()):
        if "working_spans" in sent:
            spans = [TeamSpan(team=team, **span) for span in sent["working_spans"]]
            _replace(TeamSpan.objects.filter(team=team), spans, sent_as="working_spans")
        if "days_off" in sent:
            days = {day["on"]: day for day in sent["days_off"]}
            rows = [TeamDayOff(team=team, **day) for day in days.values()]
            _replace(TeamDayOff.objects.filter(team=team), rows, sent_as="days_off")
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
    sent = payload.model_dump(exclude_unset=True)
    with MEMBER.changing(person, by=user, now=timezone.now()):
        if "working_spans" in sent:
            spans = [WorkingSpan(user=person, **span) for span in sent["working_spans"]]
            _replace(WorkingSpan.objects.filter(user=person), spans, sent_as="working_spans")
        if "time_off" in sent:
            away = [TimeOff(user=person, **stretch) for stretch in sent["time_off"]]
            _replace(TimeOff.objects.filter(user=person), away, sent_as="time_off")
    return _user_hours(person)


def _replace(kept: Any, rows: Iterable[Any], *, sent_as: str) -> None:
    """The rows instead of those there were; what a row breaks is said with its place in the body."""
    kept.delete()
    for number, row in enumerate(rows):
        try:
            row.full_clean()
        except ValidationError as wrong:
            place = f"{sent_as}/{number}"
            said = wrong.message_dict.items()
            raise by_field(
                {place if name == NON_FIELD_ERRORS else f"{place}/{name}": why for name, why in said}
            ) from None
        row.save()


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
