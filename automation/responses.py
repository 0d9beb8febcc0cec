"""How fast a team answers: from what a contact did to the task that followed being done."""

from datetime import datetime, timedelta
from statistics import median

from django.db.models import OuterRef, Subquery

from automation.models import Firing
from domain import calendars
from people.models import Team
from work.models import Assignment

SAMPLE = 1000
"""So many of the newest finished tasks are looked at, however much a team does."""


def medians(team: Team, *, now: datetime) -> tuple[timedelta | None, timedelta | None]:
    """The median from signal to done of tasks finished this week, and of those of the week before; one query.

    Of tasks that a rule made of an activity; None where there is none.
    """
    start, _ = calendars.week_of(now, calendars.first_zone(team.timezone).zone)
    signal = Firing.objects.filter(task=OuterRef("task"), activity__isnull=False).order_by("pk")
    done = Assignment.objects.filter(
        user__team=team, outcome=Assignment.COMPLETED, ended_at__gte=start - timedelta(days=7), ended_at__lte=now
    )
    rows = done.annotate(signal=Subquery(signal.values("activity__occurred_at")[:1])).filter(signal__isnull=False)
    newest = [*rows.order_by("-ended_at").values_list("ended_at", "signal")[:SAMPLE]]
    this = [ended_at - occurred_at for ended_at, occurred_at in newest if ended_at and ended_at >= start]
    before = [ended_at - occurred_at for ended_at, occurred_at in newest if ended_at and ended_at < start]
    return (median(this) if this else None), (median(before) if before else None)
