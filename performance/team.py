"""A team's figures: who does well, who may need help, who has too much or too little."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain import scoring
from people.models import Team, User
from performance import scores
from performance.models import ScoreSnapshot
from work import capacity

HIGH, AT_RISK = Decimal(80), Decimal(50)
UNDERUTILIZED = Decimal(50)


def newest(team: Team, *, now: datetime) -> list[ScoreSnapshot]:
    """The newest score of each active member, in the order they came; computed for those who have none yet."""
    people = {user.pk: user for user in scores.members(team)}
    kept = {row.user_id: row for row in ScoreSnapshot.objects.newest_of(User.objects.active().filter(team=team))}
    missing = [user for pk, user in people.items() if pk not in kept]
    if missing:
        kept |= {row.user_id: row for row in scores.compute_all(team, missing, now=now)}
    for pk, user in people.items():
        kept[pk].user = user
    return [kept[pk] for pk in people]


def high_performers(
    team: Team, *, now: datetime, threshold: Decimal = HIGH, include_provisional: bool = False
) -> list[dict[str, Any]]:
    """Strictly above the threshold, on the unrounded score; best first."""
    found = [row for row in _labelled(newest(team, now=now), include_provisional) if row.total > threshold]
    return [_line(row) for row in sorted(found, key=lambda row: (-row.total, row.user_id))]


def at_risk(
    team: Team, *, now: datetime, threshold: Decimal = AT_RISK, include_provisional: bool = False
) -> list[dict[str, Any]]:
    """Strictly below the threshold, on the unrounded score; lowest first."""
    found = [row for row in _labelled(newest(team, now=now), include_provisional) if row.total < threshold]
    return [_line(row) for row in sorted(found, key=lambda row: (row.total, row.user_id))]


def figures(team: Team, *, now: datetime) -> dict[str, Any]:
    """The team's page of figures; people without enough data are in no average and on no list."""
    rows = newest(team, now=now)
    people = User.objects.active().filter(team=team).select_related("team")
    weeks = capacity.weeks(people, now=now).values()
    totals = [row.total for row in rows if row.total is not None]
    average = sum(totals, Decimal(0)) / len(totals) if totals else None
    labelled = _labelled(rows, include_provisional=False)
    shown = scoring.shown(average)
    return {
        "team_average": None if shown is None else float(shown),
        "high_performers": [_line(row) for row in labelled if row.total > HIGH],
        "at_risk": [_line(row) for row in labelled if row.total < AT_RISK],
        "overloaded": [week.user_id for week in weeks if week.is_overloaded],
        "underutilized": [
            week.user_id for week in weeks if week.utilization is not None and week.utilization < UNDERUTILIZED
        ],
    }


def _labelled(rows: Iterable[ScoreSnapshot], include_provisional: bool) -> list[Any]:
    return [row for row in rows if row.total is not None and (include_provisional or not row.provisional)]


def _line(row: ScoreSnapshot) -> dict[str, Any]:
    total = scoring.shown(row.total)
    return {
        "user_id": row.user_id,
        "name": row.user.display_name,
        "performance_score": None if total is None else float(total),
        "provisional": row.provisional,
    }
