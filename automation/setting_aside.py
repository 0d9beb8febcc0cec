"""The one bad record of a batch: it becomes a job of its own, with its retries and its end, and stops no other."""

import logging
from datetime import datetime, timedelta
from typing import Any

from jobs import queue

log = logging.getLogger("nextmove.automation")

FIRST_WAIT = timedelta(seconds=60)


def set_aside(name: str, args: list[Any], *, key: str, team_id: int, now: datetime) -> None:
    """Call it where the exception was caught: logs it, and writes the job that tries the record again by itself."""
    log.warning("%s(%s) failed and becomes a job", name, ", ".join(map(str, args)), exc_info=True)
    request = queue.Request(name, args, key=key, team_id=team_id, run_at=now + FIRST_WAIT)
    queue.enqueue(request, now=now)
