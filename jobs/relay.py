"""The relay: publishes again what is due and whose message was lost. Any number may run at once."""

import logging
from datetime import datetime

from django.db.models import F

from jobs import broker, hooks, queue
from jobs.models import Job

log = logging.getLogger("nextmove.jobs")

LIMIT = 500


def relay(*, now: datetime, limit: int = LIMIT) -> int:
    """Publishes due rows, only while the broker's queue is short: a row queued behind others is not lost.

    Returns the number published. The wait between two publications of a row is constant; the backlog is the brake.
    """
    rows = list(Job.objects.due(now)[:limit])
    if not rows or broker.backlog() >= limit:
        return 0
    Job.objects.filter(pk__in=[row.pk for row in rows], state=Job.PENDING).update(
        send_at=now + queue.GRACE, sends=F("sends") + 1
    )
    return sum(queue.publish(row) for row in rows)


def ring_for_waiting(drain: hooks.Drain, *, now: datetime) -> int:
    """Rings for every team with waiting work, in case its own bell was lost; not while the broker's queue is long.

    Rung each second for workers that are away, bells would fill the broker.
    """
    teams = list(drain.pending(now))
    if not teams or broker.backlog() >= LIMIT:
        return 0
    return sum(broker.publish(drain.task, [team_id]) for team_id in teams)
