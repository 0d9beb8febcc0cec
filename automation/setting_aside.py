"""The one bad record of a batch: it becomes a job of its own, with its retries and its end, and stops no other."""

import logging
from datetime import datetime, timedelta
from typing import Any

from jobs import queue

log = logging.getLogger("nextmove.automation")

FIRST_WAIT = timedelta(seconds=60)
TAKE_UP_JOB = "automation.tasks.take_up"


def set_aside(name: str, args: list[Any], *, key: str, team_id: int, now: datetime) -> None:
    """Call it where the exception was caught: logs it, and writes the job that tries the record again by itself."""
    log.warning("%s(%s) failed and becomes a job", name, ", ".join(map(str, args)), exc_info=True)
    request = queue.Request(name, args, key=key, team_id=team_id, run_at=now + FIRST_WAIT)
    queue.enqueue(request, now=now)


def put_aside(kind: str, pk: int, at: datetime, *, team_id: int, now: datetime) -> None:
    """The same for a row that a sweep took out of its own way; `sweeps.take_up` puts it back and tries it again.

    `at` is the instant for which it was due. Call it with the write that takes it out: a row is put aside once.
    """
    key = f"{kind}:{pk}:{at:%Y%m%dT%H%M%S%f}:{now:%Y%m%dT%H%M%S%f}"
    set_aside(TAKE_UP_JOB, [kind, pk, at.isoformat()], key=key, team_id=team_id, now=now)
