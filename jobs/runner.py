"""The embedded runner: without a broker, one process reads the jobs table and calls the same Celery tasks.

One thread does what stays in the house, and one more each lane of what may take long (see `jobs.tasks.JobTask.lane`).
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import chain

from celery import current_app
from django.db import DatabaseError, connections
from django.utils import timezone

from jobs import hooks, presence, schedule
from jobs.models import Job, Worker

log = logging.getLogger("nextmove.jobs")

POLL_SECONDS = 0.25
BATCH = 50
PAUSE_AFTER_FAULT = 5.0
GRACE = timedelta(seconds=2)
"""After this a job whose runner was killed is taken up again; nobody else waits for it."""


def lanes() -> dict[str, list[str]]:
    """The names of the tasks of each lane."""
    found: dict[str, list[str]] = {}
    for name, task in current_app.tasks.items():
        if lane := getattr(task, "lane", ""):
            found.setdefault(lane, []).append(name)
    return found


def run_due(lane: str | None = None, *, stop: threading.Event | None = None) -> int:
    """Runs what is due now, oldest first; a failing job is written down and never stops the others.

    Of one lane, or with "" of the tasks that have none; of all when none is named.
    """
    due = Job.objects.due(timezone.now())
    if lane:
        due = due.filter(name__in=lanes()[lane])
    elif lane is not None:
        due = due.exclude(name__in=list(chain.from_iterable(lanes().values())))
    jobs = list(due[:BATCH])
    for job in jobs:
        if stop is not None and stop.is_set():
            break
        run_one(job)
    return len(jobs)


def run_one(job: Job) -> None:
    task = current_app.tasks.get(job.name)
    if task is None:
        # Nobody here knows the name: an older or newer release may. Looked at again after the relay's grace.
        log.error("no task is called %s; job %s waits", job.name, job.pk)
        Job.objects.filter(pk=job.pk, state=Job.PENDING).update(send_at=timezone.now() + timedelta(seconds=30))
        return
    try:
        task.run_row(job.pk, job.args, job.kwargs, grace=GRACE)
    except Exception as error:  # written on the row, and logged, by jobs.running
        log.debug("job %s: %r", job.pk, error)


class Runner:
    """The loops. `stop` may be set from a signal handler; they end at a job boundary."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.clock = schedule.Clock()
        self.next_tick = 0.0
        self.next_look: dict[str, float] = {}

    def forever(self) -> None:
        aside = [threading.Thread(target=self._lane, args=(lane,), name=f"lane-{lane}") for lane in lanes()]
        for thread in aside:
            thread.start()
        self._repeat(self._house)
        for thread in aside:
            thread.join()

    def once(self) -> int:
        """One round of all there is: how many things were done. A database that is away costs a round, no more."""
        return self._round() + self._guarded(run_due)

    def _house(self) -> int:
        return self._round() + self._guarded(partial(run_due, "", stop=self.stop))

    def _round(self) -> int:
        return self._guarded(self._clock) + self._guarded(self._drains)

    def _lane(self, lane: str) -> None:
        self._repeat(lambda: self._guarded(partial(run_due, lane, stop=self.stop)), lane)

    def _repeat(self, round: Callable[[], int], lane: str = "") -> None:
        """In the thread that calls it, with a connection of its own."""
        own = presence.Presence(Worker.RUNNER, lane)
        while not self.stop.is_set():
            own.show()
            if not round():
                self.stop.wait(POLL_SECONDS)
        own.leave()
        connections.close_all()

    def _guarded(self, step: Callable[[], int]) -> int:
        try:
            return step()
        except Exception:
            log.exception("runner: %s", getattr(step, "__name__", step))
            connections.close_all()
            self.stop.wait(1)
            return 0

    def _clock(self) -> int:
        if time.monotonic() < self.next_tick:
            return 0
        self.next_tick = time.monotonic() + 1
        return self.clock.tick(current_app.conf.beat_schedule or {}, now=timezone.now())

    def _drain_team(self, task: str, team_id: int) -> int:
        """One team's waiting work; what goes wrong there is no other team's business, nor of this round."""
        try:
            current_app.tasks[task](team_id)
        except DatabaseError:
            raise
        except Exception:
            log.exception("%s of team %s", task, team_id)
            self.next_look[task] = time.monotonic() + PAUSE_AFTER_FAULT
            return 0
        return 1

    def _drains(self) -> int:
        done = 0
        for drain in hooks.drains:
            if time.monotonic() < self.next_look.get(drain.task, 0.0):
                continue
            self.next_look[drain.task] = time.monotonic() + drain.every_seconds
            for team_id in drain.pending(timezone.now()):
                done += self._drain_team(drain.task, team_id)
        return done
