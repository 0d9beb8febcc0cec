"""What the audit log keeps of people: teams with their hours, members with theirs and their skills, tokens."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from people.audit import Facts, Kind, columns_of
from people.models import ApiToken, CalendarFeed, Skill, Team, User

WEEK = ("weekday", "starts", "ends")


def _rows(rows: Any, *names: str) -> Iterable[Facts]:
    return list(rows.order_by(*names).values(*names))


def _of_team(team: Team) -> Facts:
    return {"working_spans": _rows(team.working_spans, *WEEK), "days_off": _rows(team.days_off, "on", "name")}


def _of_member(user: User) -> Facts:
    levels = user.skill_levels.order_by("skill__name").values_list("skill__name", "level")
    return {
        "skills": dict(levels),
        "working_spans": _rows(user.working_spans, *WEEK),
        "time_off": _rows(user.time_off, "starts_on", "ends_on", "reason"),
    }


def _of_skill(skill: Skill) -> Facts:
    return {"requires": dict(skill.requirements.order_by("needs__name").values_list("needs__name", "min_level"))}


TEAM = Kind(
    "team",
    columns_of(Team, without=("calendar_digest", "followed_zones")),
    parts=_of_team,
    team_of=attrgetter("pk"),
)
MEMBER = Kind(
    "member",
    columns_of(User, without=("last_login", "date_joined")),
    secrets=frozenset({"password"}),
    parts=_of_member,
)
SKILL = Kind("skill", columns_of(Skill), parts=_of_skill)
TOKEN = Kind(
    "token",
    columns_of(ApiToken, without=("digest", "hint", "last_used_at")),
    name_of=attrgetter("name"),
    team_of=attrgetter("user.team_id"),
)
FEED = Kind(
    "calendar_feed",
    columns_of(CalendarFeed, without=("digest",)),
    name_of=attrgetter("user.username"),
    team_of=attrgetter("user.team_id"),
)
BUSY = Kind(
    "busy_times",
    ("kind", "address", "file_name", "made_at"),
    secrets=frozenset({"address"}),
    name_of=attrgetter("user.username"),
    team_of=attrgetter("user.team_id"),
)
