"""How scores moved: a person's and the team's, a point a day for which one was kept."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from domain import scoring
from people.models import Team, User
from performance.models import ScoreSnapshot, TeamScore

DAYS = 90


def of_person(user: User, *, until: date) -> list[dict[str, Any]]:
    """The scores kept in the last 90 days up to this one, oldest first; None on days without enough data."""
    kept = ScoreSnapshot.objects.filter(user=user, on__gt=until - timedelta(days=DAYS), on__lte=until)
    return [_point(on, total) for on, total in kept.order_by("on").values_list("on", "total")]


def of_team(team: Team, *, until: date) -> list[dict[str, Any]]:
    """The team's averages of these days, as they were last computed for everybody on each of them."""
    kept = TeamScore.objects.filter(team=team, on__gt=until - timedelta(days=DAYS), on__lte=until)
    return [_point(on, average) for on, average in kept.order_by("on").values_list("on", "average")]


def _point(on: date, total: Decimal | None) -> dict[str, Any]:
    shown = scoring.shown(total)
    return {"on": on.isoformat(), "performance_score": None if shown is None else float(shown)}
