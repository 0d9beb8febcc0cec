"""A team's figures: who does well, who may need help, who has too much or too little."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q

from domain import scoring
from people.models import Team, User
from performance import scores, trends
from performance.models import ScoreSnapshot
from work import capacity
from work.models import Assignment

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
    weeks = capacity.weeks([row.user for row in rows], now=now).values()
    labelled = _labelled(rows, include_provisional=False)
    average = scoring.shown(scores.average([row.total for row in rows if row.total is not None]))
    return {
        "team_average": None if average is None else float(average),
        "high_performers": [_line(row) for row in labelled if row.total > HIGH],
        "at_risk": [_line(row) for row in labelled if row.total < AT_RISK],
        "overloaded": [week.user_id for week in weeks if week.is_overloaded],
        "underutilized": [
            week.user_id for week in weeks if week.utilization is not None and week.utilization < UNDERUTILIZED
        ],
        "throughput": throughput(team, now=now),
        "on_time_share": _on_time_share(rows),
        "trend": trends.of_team(team, until=scores.local_day(team, now)),
    }


def throughput(team: Team, *, now: datetime) -> dict[str, int]:
    """How many tasks the team's people finished in the last seven days, and in the seven before."""
    week = timedelta(days=7)
    ended = Assignment.objects.filter(
        user__team=team, outcome=Assignment.COMPLETED, ended_at__gt=now - 2 * week, ended_at__lte=now
    )
    last = Q(ended_at__gt=now - week)
    return ended.aggregate(last_7_days=Count("pk", filter=last), previous_7_days=Count("pk", filter=~last))


def _on_time_share(rows: Iterable[ScoreSnapshot]) -> float | None:
    """Percent in time of what had a due date, of the finished tasks in these scores; one decimal."""
    inputs = [row.details["inputs"] for row in rows if "inputs" in row.details]
    with_due = sum(one["with_due"] for one in inputs)
    share = scoring.shown(Decimal(100 * sum(one["on_time"] for one in inputs)) / with_due) if with_due else None
    return None if share is None else float(share)


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
