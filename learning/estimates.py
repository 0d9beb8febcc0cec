"""How long work really takes: asked of a team's finished tasks, beside whatever a person estimated."""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from domain.learning import estimates
from domain.learning.estimates import KEPT, Done, Forecast, Level, Work
from learning import settings
from learning.models import EstimateFit
from people.models import Team
from work.models import WITH_HOURS, Task

STOOD = Q(created_at__lt=F("completed_at")) & (
    Q(estimated_at=None) | Q(estimated_at__lt=Coalesce("started_at", "completed_at"))
)
"""Estimates that were there before the work began; whoever changes one later knows more of the hours."""
LATEST = 5_000
"""Finished tasks that a fit walks through: the band settles within some hundred of them."""


def fit(team: Team, *, now: datetime) -> int:
    """Learns how wide bands have to be and what sums come to, from the latest finished tasks; how many these were."""
    done = list(_done(team))
    history = estimates.replay(done)
    width, scale = history.spread(estimated=True)
    width_without, scale_without = history.spread(estimated=False)
    with transaction.atomic():
        settings.enter(team.pk)
        EstimateFit.objects.update_or_create(
            team=team,
            defaults={
                "built_at": now,
                "tasks": len(done),
                "width": width,
                "scale": scale,
                "width_without": width_without,
                "scale_without": scale_without,
                "report": history.report().as_dict(),
            },
        )
    return len(done)


def of_task(task: Task) -> Forecast | None:
    """What the task will take in all, as finished ones tell; None where estimates are not to be learned from.

    Five queries at most, each of the latest tasks of a level by an index.
    """
    if not settings.of(task.team_id).estimates:
        return None
    fitted = EstimateFit.objects.filter(team=task.team_id).first() or EstimateFit()
    estimate = float(task.estimated_hours) if task.estimated_hours else None
    return estimates.forecast(
        [Level(name, _logs(task, which, estimated=estimate is not None)) for name, which in _levels(task, estimate)],
        estimate=estimate,
        width=fitted.width if estimate is not None else fitted.width_without,
        scale=fitted.scale if estimate is not None else fitted.scale_without,
    )


def _levels(task: Task, estimate: float | None) -> Iterator[tuple[str, Q]]:
    """The levels that the task has, widest first, as domain.learning.estimates tells them."""
    team = Q(team=task.team_id)
    yield estimates.WORKSPACE, team
    yield estimates.KIND, team & Q(kind=task.kind)
    if task.assignee_id is not None:
        if estimate is not None:
            yield estimates.PERSON, team & Q(assignee=task.assignee_id)
        yield estimates.PERSON_KIND, team & Q(assignee=task.assignee_id, kind=task.kind)


def _logs(task: Task, which: Q, *, estimated: bool) -> list[float]:
    """Of the latest; an estimate that was written when the work had begun already counts as none, as in a fit."""
    rows = _finished().filter(which).exclude(pk=task.pk).order_by("-completed_at", "-pk")
    if estimated:
        rows = rows.filter(STOOD, estimated_hours__gt=0)
    pairs: Any = rows.values_list("actual_hours", "estimated_hours")[:KEPT]
    return sorted(math.log(actual / estimate) if estimated else math.log(actual) for actual, estimate in pairs)


def _finished() -> QuerySet[Task]:
    """Asked for as their indexes are made: without the status, which all that were completed share."""
    return Task.objects.filter(WITH_HOURS, actual_hours__gt=0)


def _done(team: Team) -> Iterator[Done]:
    columns = ("kind", "assignee", "estimated_hours", "actual_hours", "created_at", "estimated_at", "completed_at")
    rows: Any = _finished().filter(team=team).annotate(stood=STOOD).order_by("-completed_at", "-pk")
    for kind, person, estimate, actual, created_at, estimated_at, completed_at, stood in rows.values_list(
        *columns, "stood"
    )[:LATEST]:
        known = float(estimate) if estimate and stood else None
        begun_at = estimated_at if known is not None and estimated_at is not None else created_at
        yield Done(Work(kind, person, known), float(actual), begun_at, completed_at)
