"""Which days people are off, and what each of these days is called."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from people import holidays
from people.models import TeamDayOff, TimeOff, User

AWAY, TEAM, HOLIDAY = "away", "team", "holiday"


@dataclass(frozen=True)
class Absence:
    """A day off: the person's own, the team's, or a public holiday. `name` is empty where nobody gave it one."""

    kind: str
    name: str


def between(users: Iterable[User], *, first: date, last: date) -> dict[int, dict[date, Absence]]:
    """By person the days off of a stretch, both ends included, in two queries (users with their team loaded).

    Their own time off is named before the team's day off, and that before the public holiday on the same day.
    """
    people = list(users)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    own: dict[int, dict[date, Absence]] = {user.pk: {} for user in people}
    away = TimeOff.objects.filter(user_id__in=list(own), starts_on__lte=last, ends_on__gte=first).order_by("pk")
    for user_id, starts, ends, reason in away.values_list("user_id", "starts_on", "ends_on", "reason"):
        own[user_id] |= {day: Absence(AWAY, reason) for day in days if starts <= day <= ends}
    team_days: dict[int, dict[date, Absence]] = {}
    rows = TeamDayOff.objects.filter(team_id__in={user.team_id for user in people}, on__gte=first, on__lte=last)
    for team_id, on, name in rows.values_list("team_id", "on", "name"):
        team_days.setdefault(team_id, {})[on] = Absence(TEAM, name)
    return {user.pk: _public(user, days) | team_days.get(user.team_id, {}) | own[user.pk] for user in people}


def _public(user: User, days: Iterable[date]) -> dict[date, Absence]:
    country, region = holidays.effective(
        country=user.country, region=user.region, team_country=user.team.country, team_region=user.team.region
    )
    if not country:
        return {}
    named = {day: holidays.names(country, region, day.year).get(day) for day in days}
    return {day: Absence(HOLIDAY, name) for day, name in named.items() if name is not None}
