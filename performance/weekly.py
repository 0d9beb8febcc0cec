"""How a team's work went this week, beside the week before: given out by itself, and finished in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Q

from domain import calendars
from people.models import Team
from work.models import Assignment

BY_HAND = ("manual", "completed", "reopened", "by_hand")
"""Methods of an assignment that somebody chose; all others were worked out."""


@dataclass(frozen=True)
class Week:
    """Counts of one local week of the team; shares in percent, None of nothing."""

    assigned: int
    by_itself: int
    with_due: int
    on_time: int

    @property
    def by_itself_share(self) -> Decimal | None:
        return _share(self.by_itself, self.assigned)

    @property
    def on_time_share(self) -> Decimal | None:
        return _share(self.on_time, self.with_due)


def weeks(team: Team, *, now: datetime) -> tuple[Week, Week]:
    """This week up to now and the whole of the one before, in two queries."""
    start, _ = calendars.week_of(now, calendars.first_zone(team.timezone).zone)
    since, of_team = start - timedelta(days=7), Assignment.objects.filter(user__team=team)
    given = of_team.filter(assigned_at__gte=since, assigned_at__lte=now)
    ended = of_team.filter(outcome=Assignment.COMPLETED, ended_at__gte=since, ended_at__lte=now, due_date__isnull=False)
    counts = given.aggregate(**_split("assigned", "assigned_at", start), **_split("auto", "assigned_at", start, ~_HAND))
    counts |= ended.aggregate(**_split("due", "ended_at", start), **_split("in_time", "ended_at", start, _IN_TIME))
    this, before = (
        Week(*(counts[f"{name}_{which}"] for name in ("assigned", "auto", "due", "in_time")))
        for which in ("this", "before")
    )
    return this, before


_HAND, _IN_TIME = Q(method__in=BY_HAND), Q(ended_at__lte=F("due_date"))


def _split(name: str, column: str, start: datetime, which: Q | None = None) -> dict[str, Count]:
    """Counts of this week and of the one before, of all rows or of some."""
    this = Q(**{f"{column}__gte": start})
    some = which if which is not None else Q()
    return {f"{name}_this": Count("pk", filter=this & some), f"{name}_before": Count("pk", filter=~this & some)}


def _share(part: int, whole: int) -> Decimal | None:
    return Decimal(100 * part) / whole if whole else None
