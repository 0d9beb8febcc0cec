"""Firings that wait, for a limit to leave room or a status to settle: judged when their time has come."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from automation import due_rows, engine, occurring
from automation.models import Firing, TaskAutomationRule
from automation.setting_aside import set_aside
from crm.models import Activity

BATCH = 100
MOST_BATCHES = 20
CONCLUDE_JOB = "automation.tasks.conclude_firing"


def due_since(now: datetime, team_id: int | None = None) -> due_rows.Due:
    found = _due(now) if team_id is None else _of_team(_due(now), team_id)
    each = found.values_list("rule__team_id", "due_at")
    return due_rows.united(*({team: at} for team, at in each if at is not None))


def run_due(team_id: int, *, now: datetime) -> dict[str, int]:
    """Judges what is due, in its order. What happened before its time is processed first, so it may still change it."""
    engine.drain(team_id, now=now)
    if Activity.objects.unprocessed().filter(team_id=team_id, received_at__lte=now).exists():
        return {"waited": 0}  # a long queue: there is more of it to read first
    waited = 0
    for _ in range(MOST_BATCHES):
        found, done = _run_batch(team_id, now)
        waited += done
        if found < BATCH:
            break
    return {"waited": waited}


def _run_batch(team_id: int, now: datetime) -> tuple[int, int]:
    """One transaction; how many were due, and how many of them were judged."""
    with occurring.alone(team_id, skip=True) as mine:
        if not mine:
            return 0, 0
        rows = _of_team(_due(now), team_id).order_by("due_at", "pk")
        batch = list(rows.select_related("rule__owner", "rule__team", "contact__owner", "activity", "cause")[:BATCH])
        rules: dict[int, TaskAutomationRule] = {}
        for firing in batch:  # one row a rule, so that it stops for all of them when it pauses itself
            firing.rule = rules.setdefault(firing.rule_id, firing.rule)
        return len(batch), sum(_conclude(firing, now) for firing in batch)


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


def _of_team(rows: QuerySet[Firing], team_id: int) -> QuerySet[Firing]:
    """By an expression, so that no database goes through all firings of the team's rules to find those that wait."""
    return rows.alias(whose=F("rule__team_id") + 0).filter(whose=team_id)


def _conclude(waited: Firing, now: datetime) -> int:
    try:
        with transaction.atomic():
            occurring.conclude_waiting(waited, now=now)
    except Exception:
        set_aside(CONCLUDE_JOB, [waited.pk], key=f"firing:{waited.pk}:conclude", team_id=waited.rule.team_id, now=now)
        Firing.objects.filter(pk=waited.pk, outcome=Firing.WAITING).update(due_at=None)
        return 0
    return 1
