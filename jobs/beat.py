"""`celery beat`: the clock and the relay in one. Run two of them for availability; they cannot double anything."""

import logging
import time
from typing import Any

from celery.beat import Scheduler as CeleryScheduler
from django.db import connections
from django.utils import timezone

from jobs import hooks, presence, relay, schedule
from jobs.models import Worker

log = logging.getLogger("nextmove.jobs")

TICK_SECONDS = 0.5


class Scheduler(CeleryScheduler):
    """No file and no lock: a period becomes one row, whoever gets there first."""

    max_interval = TICK_SECONDS

    def setup_schedule(self) -> None:
        self.clock = schedule.Clock()
        self.next_look: dict[str, float] = {}
        self.presence = presence.Presence(Worker.BEAT)

    @property
    def schedule(self) -> dict[str, Any]:
        """Read at each tick, so that entries added to `app.conf.beat_schedule` count."""
        return dict(self.app.conf.beat_schedule or {})

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ARG002 (Celery's)
        for step in (self.presence.show, self._periods, self._relay, self._ring):
            try:
                step()
            except Exception as error:  # database or broker away: the next tick repeats everything
                log.warning("beat: %r", error)
                connections.close_all()
        return TICK_SECONDS

    def _periods(self) -> None:
        self.clock.tick(self.schedule, now=timezone.now())

    def _relay(self) -> None:
        while relay.relay(now=timezone.now()) >= relay.LIMIT:
            pass

    def _ring(self) -> None:
        for drain in hooks.drains:
            if time.monotonic() >= self.next_look.get(drain.task, 0.0):
                self.next_look[drain.task] = time.monotonic() + max(drain.every_seconds, 1.0)
                relay.ring_for_waiting(drain, now=timezone.now())

    def sync(self) -> None:
        """Nothing is kept outside the database."""

    def close(self) -> None:
        self.presence.leave()
