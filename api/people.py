"""/api/users and /api/me: who is in the team and what they can do."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, by_field, conflict
from api.fields import UNSET, Id, In, Level, Out, Share, named, one
from api.paging import Cursor, Limit, Page, page
from api.teams import TeamOut
from notifications.models import Notification
from people import deactivation, members, rights
from people.models import Skill, User, UserSkill

router = Router(tags=["people"])

Role = Literal["member", "lead", "manager"]
Zone = Annotated[str, StringConstraints(max_length=64)]
PersonName = Annotated[str, StringConstraints(max_length=150)]


class SkillLevel(In):
    skill_id: Id
    level: Level


class SkillLevelOut(Out):
    skill_id: int
    name: str
    level: int


class UserPatch(In):
    username: Annotated[str, StringConstraints(min_length=1, max_length=150)] = UNSET
    email: Annotated[str, StringConstraints(max_length=254)] = UNSET
    first_name: PersonName = UNSET
    last_name: PersonName = UNSET
    role: Role = UNSET
    timezone: Zone = UNSET
    language: Annotated[str, StringConstraints(max_length=10)] = Field(
        UNSET, description="`en` or `de`: of pages and of what is sent to them; empty: pages as their browser asks"
    )
    country: Annotated[str, StringConstraints(max_length=2)] = Field(
        UNSET, description="Whose public holidays count; the team's when empty"
    )
    region: Annotated[str, StringConstraints(max_length=20)] = UNSET
    focus_factor: Share = Field(
        UNSET, description="The share of their working hours that tasks may fill; the rest is for all else"
    )
    wip_limit: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        None, description="How many open tasks they may hold before they are given no more by themselves; null: any"
    )
    skills: list[SkillLevel] = Field(UNSET, max_length=100, description="All of them: those left out are removed")


class UserIn(UserPatch):
    username: Annotated[str, StringConstraints(min_length=1, max_length=150)] = Field(examples=["ada"])
    role: Role = "member"
    password: Annotated[str, StringConstraints(max_length=128, strip_whitespace=False)] | None = Field(
        None, description="At least 10 characters; without one they cannot sign in yet"
    )


class UserOut(Out):
    id: int
    username: str
    name: str
    first_name: str
    last_name: str
    email: str
    role: str
    timezone: str
    language: str
    country: str
    region: str
    focus_factor: float
    wip_limit: int | None
    is_active: bool
    team_id: int
    skills: list[SkillLevelOut]


class Me(UserOut):
    team: TeamOut
    rights: list[str]
    is_superuser: bool
    unread_notifications: int


def shown(rows: Sequence[User]) -> list[UserOut]:
    """People with their skills: one query more, whatever their number."""
    levels: dict[int, list[SkillLevelOut]] = {}
    for row in UserSkill.objects.filter(user__in=rows).select_related("skill").order_by("skill__name"):
        level = SkillLevelOut(skill_id=row.skill_id, name=row.skill.name, level=row.level)
        levels.setdefault(row.user_id, []).append(level)
    return [
        UserOut(
            id=user.pk,
            username=user.username,
            name=user.display_name,
            first_name=user.first_name,
            last_name=user.last_name,
            email=user.email,
            role=user.role,
            timezone=user.timezone,
            language=user.language,
            country=user.country,
            region=user.region,
            focus_factor=float(user.focus_factor),
            wip_limit=user.wip_limit,
            is_active=user.is_active,
            team_id=user.team_id,
            skills=levels.get(user.pk, []),
        )
        for user in rows
    ]


@router.get("/api/me", auth=scope(""), response=Me)
def me(request: HttpRequest) -> Me:
    """Who you are, and what you may do."""
    user = caller(request)
    return Me(
        **shown([user])[0].model_dump(),
        team=TeamOut.model_validate(user.team),
        rights=list(rights.RIGHTS.get(user.role, ())),
        is_superuser=user.is_superuser,
        unread_notifications=Notification.objects.visible_to(user).unread().count(),
    )


@router.get("/api/users", auth=scope("team:read"), response=Page[UserOut])
def list_users(
    request: HttpRequest, limit: Limit, cursor: Cursor, is_active: Annotated[bool | None, Query(None)]
) -> dict[str, Any]:
    """The people of your team."""
    rows = User.objects.visible_to(caller(request))
    if is_active is not None:
        rows = rows.filter(is_active=is_active)
    return page(request, rows, limit=limit, cursor=cursor, shown=shown)


@router.post("/api/users", auth=scope("team:write"), response={201: UserOut})
def create_user(request: HttpRequest, payload: UserIn) -> Status[UserOut]:
    """Adds somebody to your team."""
    manager = _manager(request, "add people")
    user = User(team=manager.team)
    _fill(user, payload, manager)
    return Status(201, shown([user])[0])


@router.get("/api/users/{int:id}", auth=scope("team:read"), response=UserOut)
def get_user(request: HttpRequest, id: Id) -> UserOut:
    """One of your team."""
    return shown([one(User.objects.visible_to(caller(request)), id, "user")])[0]


@router.patch("/api/users/{int:id}", auth=scope("team:write"), response=UserOut)
def update_user(request: HttpRequest, id: Id, payload: UserPatch) -> UserOut:
    """Changes what is sent."""
    manager, user = _managed(request, id, "change people")
    if user.manages and payload.role not in (None, User.MANAGER) and not _has_other_manager(user):
        raise conflict("A team keeps one manager: make somebody else one first.", pointer="/role", code="last_manager")
    _fill(user, payload, manager)
    return shown([user])[0]


@router.delete("/api/users/{int:id}", auth=scope("team:write"), response={204: None})
def deactivate_user(request: HttpRequest, id: Id) -> Status[None]:
    """Lets somebody go: they can no longer sign in, their open work returns to the queue, their rules pass on."""
    manager, user = _managed(request, id, "let people go")
    try:
        deactivation.deactivate(user, by=manager, now=timezone.now())
    except deactivation.StillNeeded as last:
        raise conflict(str(last)) from None
    return Status(204, None)


def _manager(request: HttpRequest, to_do: str) -> User:
    user = caller(request)
    need(user, "manage_team", to_do)
    return user


def _managed(request: HttpRequest, id: int, to_do: str) -> tuple[User, User]:
    """The manager and the person; a superuser's account is not a manager's to change."""
    user = caller(request)
    person = one(User.objects.visible_to(user).select_related("team"), id, "user")
    need(user, "manage_team", to_do)
    if not rights.may_change_account(user, person):
        raise Problem(403, "This person runs the installation: only another superuser may change their account.")
    return user, person


def _has_other_manager(user: User) -> bool:
    others = User.objects.active().filter(team_id=user.team_id, role=User.MANAGER).exclude(pk=user.pk)
    return others.exists()


def _fill(user: User, payload: UserPatch, manager: User) -> None:
    fields = payload.model_dump(exclude_unset=True, exclude={"skills", "password"})
    for name, value in fields.items():
        setattr(user, name, value)
    if user._state.adding:
        _set_password(user, getattr(payload, "password", None))
    levels = _levels(payload.skills, manager) if "skills" in payload.model_fields_set else None
    try:
        members.save(user, by=manager, now=timezone.now(), skills=levels)
    except members.Taken as taken:
        raise conflict(str(taken), pointer=f"/{taken.field}") from None


def _set_password(user: User, password: str | None) -> None:
    try:
        members.set_password(user, password)
    except ValidationError as weak:
        raise by_field({"password": weak.messages}) from None


def _levels(skills: list[SkillLevel], manager: User) -> dict[Skill, int]:
    levels = {row.skill_id: row.level for row in skills}
    known = Skill.objects.visible_to(manager).in_bulk(levels)
    for index, row in enumerate(skills):
        if row.skill_id not in known:
            named(Skill.objects.none(), row.skill_id, f"/skills/{index}/skill_id", "skill")
    return {known[pk]: level for pk, level in levels.items()}
