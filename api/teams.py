"""/api/teams and /api/skills: one's own team, and what its work asks for."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.db.models import ProtectedError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, conflict, invalid, pointing_to
from api.fields import UNSET, Id, In, Level, Out, named, one
from api.paging import Cursor, Limit, Page, page
from people import skills
from people.audited import SKILL, TEAM
from people.models import Skill, SkillRequirement, Team, User

router = Router(tags=["people"])


SkillName = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Weight = Annotated[int, Field(ge=0, le=1000)]


class WeightsPatch(In):
    """What an hour of a task is worth, in thousandths. The first four sum to 1000 once saved."""

    priority: Weight = UNSET
    urgency: Weight = Field(UNSET, description="How soon it is due")
    skill: Weight = Field(UNSET, description="How well the person's skills match")
    continuity: Weight = Field(UNSET, description="That the person knows the contact")
    balance: Weight = Field(
        UNSET,
        description="How strongly work is spread: what an hour in the last tenth of a full week costs. It counts only "
        "up to 0.9 of the lowest value in question, so no weight leaves work undone",
    )


class WeightsOut(Out):
    priority: int
    urgency: int
    skill: int
    continuity: int
    balance: int


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
    weights: WeightsPatch = Field(UNSET, description="How matching weighs work; what is left out stays")


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
    weights: WeightsOut


class Requires(In):
    skill_id: Id
    min_level: Level = 1


class SkillPatch(In):
    name: SkillName = UNSET
    requires: list[Requires] = Field(
        UNSET, max_length=50, description="Skills that whoever has this one's work needs too; all of them"
    )


class SkillIn(SkillPatch):
    name: SkillName


class SkillOut(Out):
    id: int
    name: str
    requires: list[Requires]


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
    fields = payload.model_dump(exclude_unset=True)
    fields |= {f"weight_{name}": share for name, share in fields.pop("weights", {}).items()}
    for name, value in fields.items():
        setattr(team, name, value)
    try:
        team.weights  # noqa: B018
    except ValueError as wrong:
        raise invalid("/weights", "weights", str(wrong)) from None
    team.full_clean()
    with TEAM.changing(team, by=user, now=timezone.now()):
        team.save()
    return team


def _need_superuser(user: User, to_do: str) -> None:
    if not user.is_superuser:
        raise Problem(403, f"Only a superuser may {to_do}.")


def shown_skills(rows: Sequence[Skill]) -> list[SkillOut]:
    """Skills with what they ask for: one query more, whatever their number."""
    asked: dict[int, list[Requires]] = {}
    for row in SkillRequirement.objects.filter(skill__in=rows).order_by("needs__name"):
        asked.setdefault(row.skill_id, []).append(Requires(skill_id=row.needs_id, min_level=row.min_level))
    return [SkillOut(id=skill.pk, name=skill.name, requires=asked.get(skill.pk, [])) for skill in rows]


@router.get("/api/skills", auth=scope("team:read"), response=Page[SkillOut])
def list_skills(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The skills your team works with."""
    rows = Skill.objects.visible_to(caller(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=shown_skills)


@router.post("/api/skills", auth=scope("team:write"), response={201: SkillOut})
def create_skill(request: HttpRequest, payload: SkillIn) -> Status[SkillOut]:
    """Adds a skill."""
    user = caller(request)
    need(user, "manage_team", "add skills")
    return Status(201, _save_skill(Skill(team=user.team), payload, user))


@router.get("/api/skills/{int:id}", auth=scope("team:read"), response=SkillOut)
def get_skill(request: HttpRequest, id: Id) -> SkillOut:
    """One skill."""
    return shown_skills([one(Skill.objects.visible_to(caller(request)), id, "skill")])[0]


@router.patch("/api/skills/{int:id}", auth=scope("team:write"), response=SkillOut)
def update_skill(request: HttpRequest, id: Id, payload: SkillPatch) -> SkillOut:
    """Renames a skill, or changes what it asks for. Skills that would ask for each other in a circle are refused."""
    user = caller(request)
    skill = one(Skill.objects.visible_to(user), id, "skill")
    need(user, "manage_team", "change skills")
    return _save_skill(skill, payload, user)


@router.delete("/api/skills/{int:id}", auth=scope("team:write"), response={204: None})
def delete_skill(request: HttpRequest, id: Id) -> Status[None]:
    """Removes a skill that no task and no other skill asks for."""
    user = caller(request)
    skill = one(Skill.objects.visible_to(user), id, "skill")
    need(user, "manage_team", "remove skills")
    try:
        skills.remove(skill, by=user, now=timezone.now())
    except skills.InUse as used:
        raise conflict(str(used), code="in_use") from None
    return Status(204, None)


def _save_skill(skill: Skill, payload: SkillPatch, user: User) -> SkillOut:
    if "name" in payload.model_fields_set:
        skill.name = payload.name
    others = Skill.objects.filter(team_id=skill.team_id, name__iexact=skill.name).exclude(pk=skill.pk)
    if other := others.first():
        raise conflict(f"The team has the skill {other.name} already, as {other.pk}.", pointer="/name")
    skill.full_clean()
    with SKILL.changing(skill, by=user, now=timezone.now()):
        skill.save()
        if "requires" in payload.model_fields_set:
            _require(skill, payload.requires, user)
    return shown_skills([skill])[0]


def _require(skill: Skill, wanted: list[Requires], user: User) -> None:
    known = Skill.objects.visible_to(user).in_bulk([row.skill_id for row in wanted])
    for index, row in enumerate(wanted):
        if row.skill_id not in known:
            named(Skill.objects.none(), row.skill_id, f"/requires/{index}/skill_id", "skill")
    with pointing_to("requires"):
        skills.require(skill, {known[row.skill_id]: row.min_level for row in wanted})
