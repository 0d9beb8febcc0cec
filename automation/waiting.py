"""Firings that wait, for a limit to leave room or a status to settle: judged when their time has come."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from automation import engine, occurring
from automation.models import Firing
from automation.setting_aside import set_aside

LIMIT = 100
CONCLUDE_JOB = "automation.tasks.conclude_firing"


def due_teams(now: datetime) -> list[int]:
    return sorted(set(_due(now).values_list("rule__team_id", flat=True)))


def oldest_due(now: datetime) -> datetime | None:
    return _due(now).order_by("due_at").values_list("due_at", flat=True).first()


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Judges what is due, in its order. What happened before its time is processed first, so it may still change it."""
    engine.drain(team_id, now=now)
    with occurring.alone(team_id, skip=True) as mine:
        if not mine:
            return {"waited": 0}
        rows = _due(now).filter(rule__team_id=team_id).order_by("due_at", "pk")
        locked = rows.select_related("rule__owner", "rule__team", "contact__owner", "activity", "cause")
        return {"waited": sum(_conclude(firing, now) for firing in locked[:LIMIT])}


def conclude_one(firing_id: int, *, now: datetime) -> Firing | None:
    """One firing that was set aside, tried again by its job; None when it does not wait any more."""
    waited = Firing.objects.select_related("rule__team").filter(pk=firing_id, outcome=Firing.WAITING).first()
    if waited is None:
        return None
    with occurring.alone(waited.rule.team_id):
        return occurring.conclude_waiting(waited, now=now)


def _due(now: datetime) -> QuerySet[Firing]:
    """Reads only the partial index on what waits."""
    return Firing.objects.filter(outcome=Firing.WAITING, due_at__lte=now)


def _conclude(waited: Firing, now: datetime) -> int:
    try:
        with transaction.atomic():
            occurring.conclude_waiting(waited, now=now)
    except Exception:
        set_aside(CONCLUDE_JOB, [waited.pk], key=f"firing:{waited.pk}:conclude", team_id=waited.rule.team_id, now=now)
        Firing.objects.filter(pk=waited.pk, outcome=Firing.WAITING).update(due_at=None)
        return 0
    return 1
