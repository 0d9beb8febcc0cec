"""/api/teams and /api/skills: one's own team, and what its work asks for."""

from typing import Annotated, Any, Literal

from django.db.models import ProtectedError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, conflict
from api.fields import UNSET, Id, In, Out, one
from api.paging import Cursor, Limit, Page, page
from people.audited import SKILL, TEAM
from people.models import Skill, Team, User

router = Router(tags=["people"])


class TeamPatch(In):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = UNSET
    timezone: Annotated[str, StringConstraints(min_length=1, max_length=64)] = UNSET
    country: Annotated[str, StringConstraints(max_length=2)] = Field(
        UNSET, description="Whose public holidays count, such as DE; empty for none"
    )
    region: Annotated[str, StringConstraints(max_length=20)] = UNSET
    overdue_lead_hours: Annotated[int, Field(ge=0, le=8784)] = Field(
        UNSET, description="After so many hours overdue a task is told to the leads"
    )
    touches_per_day: Annotated[int, Field(ge=1, le=10_000)] = Field(
        UNSET, description="Cadence touches planned for one owner's day, at most"
    )
    scoring: Literal["classic", "fair"] = Field(UNSET, description="How performance is scored")


class TeamIn(TeamPatch):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class TeamOut(Out):
    id: int
    name: str
    timezone: str
    country: str
    region: str
    overdue_lead_hours: int
    touches_per_day: int
    scoring: str


class SkillIn(In):
    name: Annotated[str, StringConstraints(min_length=1, max_length=60)]


class SkillOut(Out):
    id: int
    name: str


@router.get("/api/teams", auth=scope("team:read"), response=Page[TeamOut])
def list_teams(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Your team: everybody is in one. Superusers see all."""
    rows = Team.objects.visible_to(caller(request))
    return page(
        request, rows, limit=limit, cursor=cursor, shown=lambda found: [TeamOut.model_validate(row) for row in found]
    )


@router.get("/api/teams/{int:id}", auth=scope("team:read"), response=TeamOut)
def get_team(request: HttpRequest, id: Id) -> Team:
    """Your team."""
    return one(Team.objects.visible_to(caller(request)), id, "team")


@router.post("/api/teams", auth=scope("team:write"), response={201: TeamOut})
def create_team(request: HttpRequest, payload: TeamIn) -> Status[Team]:
    """Adds a team to the installation; superusers only."""
    _need_superuser(caller(request), "add a team")
    return Status(201, _save_team(Team(), payload, caller(request)))


@router.delete("/api/teams/{int:id}", auth=scope("team:write"), response={204: None})
def delete_team(request: HttpRequest, id: Id) -> Status[None]:
    """Removes a team that nobody is in and nothing belongs to; superusers only."""
    user = caller(request)
    team = one(Team.objects.visible_to(user), id, "team")
    _need_superuser(user, "remove a team")
    if team.is_default:
        raise conflict("The default team stays: it takes whoever is made without one.", code="in_use")
    try:
        with TEAM.changing(team, by=user, now=timezone.now()):
            team.delete()
    except ProtectedError:
        raise conflict("People or rows belong to this team: move them to another first.", code="in_use") from None
    return Status(204, None)


@router.patch("/api/teams/{int:id}", auth=scope("team:write"), response=TeamOut)
def update_team(request: HttpRequest, id: Id, payload: TeamPatch) -> Team:
    """Renames the team or moves it to another time zone."""
    user = caller(request)
    team = one(Team.objects.visible_to(user), id, "team")
    if team.pk != user.team_id:
        _need_superuser(user, "change another team")
    else:
        need(user, "manage_team", "change the team")
    return _save_team(team, payload, user)


def _save_team(team: Team, payload: TeamPatch, user: User) -> Team:
    for name, value in payload.model_dump(exclude_unset=True).items():
        setattr(team, name, value)
    team.full_clean()
    with TEAM.changing(team, by=user, now=timezone.now()):
        team.save()
    return team


def _need_superuser(user: User, to_do: str) -> None:
    if not user.is_superuser:
        raise Problem(403, f"Only a superuser may {to_do}.")


@router.get("/api/skills", auth=scope("team:read"), response=Page[SkillOut])
def list_skills(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The skills your team works with."""
    rows = Skill.objects.visible_to(caller(request))
    return page(
        request, rows, limit=limit, cursor=cursor, shown=lambda found: [SkillOut.model_validate(row) for row in found]
    )


@router.post("/api/skills", auth=scope("team:write"), response={201: SkillOut})
def create_skill(request: HttpRequest, payload: SkillIn) -> Status[Skill]:
    """Adds a skill."""
    user = caller(request)
    need(user, "manage_team", "add skills")
    return Status(201, _save_skill(Skill(team=user.team), payload.name, user))


@router.get("/api/skills/{int:id}", auth=scope("team:read"), response=SkillOut)
def get_skill(request: HttpRequest, id: Id) -> Skill:
    """One skill."""
    return one(Skill.objects.visible_to(caller(request)), id, "skill")


@router.patch("/api/skills/{int:id}", auth=scope("team:write"), response=SkillOut)
def update_skill(request: HttpRequest, id: Id, payload: SkillIn) -> Skill:
    """Renames a skill."""
    user = caller(request)
    skill = one(Skill.objects.visible_to(user), id, "skill")
    need(user, "manage_team", "rename skills")
    return _save_skill(skill, payload.name, user)


@router.delete("/api/skills/{int:id}", auth=scope("team:write"), response={204: None})
def delete_skill(request: HttpRequest, id: Id) -> Status[None]:
    """Removes a skill that no task asks for."""
    user = caller(request)
    skill = one(Skill.objects.visible_to(user), id, "skill")
    need(user, "manage_team", "remove skills")
    try:
        with SKILL.changing(skill, by=user, now=timezone.now()):
            skill.delete()
    except ProtectedError:
        raise conflict("Tasks ask for this skill: rename it, or finish them first.", code="in_use") from None
    return Status(204, None)


def _save_skill(skill: Skill, name: str, user: User) -> Skill:
    others = Skill.objects.filter(team_id=skill.team_id, name__iexact=name).exclude(pk=skill.pk)
    if other := others.first():
        raise conflict(f"The team has the skill {other.name} already, as {other.pk}.", pointer="/name")
    skill.name = name
    skill.full_clean()
    with SKILL.changing(skill, by=user, now=timezone.now()):
        skill.save()
    return skill
