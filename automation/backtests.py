"""Backtests that take their time: asked for, replayed by a job, looked at again later by whoever asked."""

import time
import uuid
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from automation import rules
from automation.models import Backtest, TaskAutomationRule
from automation.simulation import backtest, dry_run, telling
from jobs import pruning, queue, running
from jobs.models import Job
from people.models import User

JOB = "automation.tasks.replay_rule"
KEEP = timedelta(days=7)
MOST_SECONDS = 180
"""Below what Celery lets a job take."""
SAID_EVERY_SECONDS = 1.0


class Gone(Exception):
    """Nobody wants to know any more."""


def ask(rule: TaskAutomationRule, *, start: datetime, end: datetime, by: User, now: datetime) -> Backtest:
    """Has the rule, as it stands with changes that are not saved, replayed over [start, end) by a job.

    Asked twice it is replayed once while that is under way. Raises BadRule, BadSpan.
    """
    backtest.check_span(start, end)
    dry_run.sound(rule)
    content, same = rules.content_of(rule), rules.content_hash(rule)
    under_way = Backtest.objects.filter(rule_id=rule.pk, by=by, start=start, told__isnull=True, fault="")
    for row in under_way.filter(made_at__gt=now - timedelta(hours=1)).select_related("rule"):
        if rules.content_hash(_as_asked(row)) == same and not is_stuck(row):
            return row
    with transaction.atomic():
        pk = uuid.uuid4()
        key = f"backtest:{pk}"
        (job_id,) = queue.enqueue(queue.Request(JOB, [str(pk)], key=key, team_id=by.team_id, user_id=by.pk), now=now)
        return Backtest.objects.create(
            id=pk, rule_id=rule.pk, by=by, content=content, start=start, end=end, job_id=job_id, made_at=now
        )


def is_stuck(row: Backtest) -> bool:
    """Whether its job was given up or cancelled before it was over."""
    return not row.is_over and any(job.is_over for job in Job.objects.filter(pk=row.job_id))


def replay(pk: uuid.UUID) -> dict[str, Any]:
    """The job: finds what there is to find and keeps it. Done again it finds the same, or that it is over."""
    row = Backtest.objects.select_related("rule__owner", "rule__team").filter(pk=pk).first()
    if row is None or row.is_over:
        return {"skipped": "nobody waits for it any more"}
    mine = Backtest.objects.filter(pk=pk)
    try:
        told = telling.of_backtest(_as_asked(row), start=row.start, end=row.end, step=_said(row))
    except Gone:
        return {"skipped": "nobody waits for it any more"}
    except rules.BadRule as bad:
        mine.update(fault=" ".join(text for texts in bad.errors.values() for text in texts))
    except (backtest.BadSpan, backtest.TooLong) as refusal:
        mine.update(fault=str(refusal))
    else:
        mine.update(told=_without_names(told), share=1.0)
        return {"created": told["created"]}
    return {"created": None}


def told_of(row: Backtest) -> telling.Told | None:
    """What it found as `telling.of_backtest` tells it, without names and titles; None before it is over."""
    if row.told is None:
        return None
    by_day = [load | {"on": date.fromisoformat(load["on"])} for load in row.told["by_day"]]
    samples = [one | {"due_date": parse_datetime(one["due_date"])} for one in row.told["samples"]]
    return row.told | {"by_day": by_day, "samples": samples}


def stop(row: Backtest) -> None:
    """Nobody wants to know any more: what replays it notices within a second."""
    row.delete()


def prune(*, now: datetime) -> int:
    """Deletes those that were asked for over a week ago."""
    return pruning.prune(Backtest.objects.filter(made_at__lt=now - KEEP))


def _as_asked(row: Backtest) -> TaskAutomationRule:
    rule = row.rule
    asked = rules.LATER | row.content
    for field in TaskAutomationRule._meta.concrete_fields:
        if field.attname in asked:
            setattr(rule, field.attname, field.to_python(asked[field.attname]))
    return rule


def _said(row: Backtest) -> backtest.Step:
    """Keeps how far it is about once a second, and the job's lease with it."""
    limit, said = backtest.within(MOST_SECONDS), time.monotonic()

    def step(share: float) -> None:
        nonlocal said
        limit(share)
        if time.monotonic() - said >= SAID_EVERY_SECONDS:
            said = time.monotonic()
            with transaction.atomic():
                running.next_step()
                if not Backtest.objects.filter(pk=row.pk).update(share=share):
                    raise Gone

    return step


def _without_names(told: telling.Told) -> telling.Told:
    """Somebody may be erased before it is looked at: contacts are kept by their ids alone."""
    samples = [{name: one[name] for name in ("contact_id", "due_date")} for one in told["samples"]]
    return told | {"samples": [one for one in samples if one["due_date"] is not None]}
