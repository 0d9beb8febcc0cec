"""How the queue stands and whether anybody works: read by indexes, never by the whole table, up to a bounded number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs import queue
from jobs.models import Job, JobQuerySet

MOST = 1_000
"""What is counted at most; one more says that there are more."""
LATELY = timedelta(hours=1)
LATE = timedelta(minutes=5)
"""A job that is due for longer than this is a sign that nobody works."""
CLOCK_SILENT = timedelta(minutes=16)
"""The most frequent entry of the schedule comes every 15 minutes."""
MOST_FAILED = 99
"""What a glance counts at most."""


@dataclass(frozen=True)
class Pulse:
    """Counts go up to one more than MOST."""

    now: datetime
    due: int
    running: int
    retrying: int
    planned: int
    dead: int
    done: int
    """Within the last hour."""
    oldest_due_at: datetime | None
    last_done_at: datetime | None
    """Of whatever was done within the last hour, anybody's."""
    last_period_at: datetime | None
    """When the clock last made a periodic job, within the last hour."""

    @property
    def age(self) -> timedelta | None:
        """For how long the oldest that is due has waited."""
        return self.now - self.oldest_due_at if self.oldest_due_at is not None else None

    @property
    def is_stuck(self) -> bool:
        return self.age is not None and self.age > LATE

    @property
    def clock_is_silent(self) -> bool:
        return _is_silent(self.last_period_at, self.now)


@dataclass(frozen=True)
class Glance:
    """Whether all is well, for every page: in three queries, each of an index."""

    now: datetime
    failed: int
    """Up to one more than MOST_FAILED."""
    is_stuck: bool
    last_period_at: datetime | None

    @property
    def clock_is_silent(self) -> bool:
        return _is_silent(self.last_period_at, self.now)


def glance(seen: JobQuerySet, *, now: datetime) -> Glance:
    """Of the jobs in this queryset; the clock is the whole installation's."""
    # One that a broker was told of is looked at again a little later: its `send_at` is ahead of `now` by that much.
    looked_at = seen.filter(state=Job.PENDING, send_at__lte=now + queue.GRACE)
    return Glance(
        now=now,
        failed=len(seen.filter(state=Job.DEAD).values_list("pk")[: MOST_FAILED + 1]),
        is_stuck=looked_at.filter(run_at__lt=now - LATE, started_at__isnull=True).exists(),
        last_period_at=_last_period(now),
    )


def read(seen: Sequence[JobQuerySet], *, now: datetime) -> Pulse:
    """Of the jobs that these querysets hold together; the last signs of life are the whole installation's."""
    pending = _joined(seen, "send_at", "run_at", "started_at", "retries", state=Job.PENDING)
    due = [run_at for run_at, started_at, _ in pending if started_at is None and run_at <= now]
    since = now - LATELY
    anybodys = Job.objects.filter(state=Job.DONE, done_at__gte=since).order_by("-done_at")
    return Pulse(
        now=now,
        due=len(due),
        running=sum(started_at is not None for _, started_at, _ in pending),
        retrying=sum(started_at is None and retries > 0 for _, started_at, retries in pending),
        planned=sum(started_at is None and run_at > now for run_at, started_at, _ in pending),
        dead=len(_joined(seen, "created_at", state=Job.DEAD)),
        done=len(_joined(seen, "done_at", state=Job.DONE, done_at__gte=since)),
        oldest_due_at=min(due, default=None),
        last_done_at=anybodys.values_list("done_at", flat=True).first(),
        last_period_at=_last_period(now),
    )


def _is_silent(last_period_at: datetime | None, now: datetime) -> bool:
    """Also when it worked in what is the future now: since then somebody set the machine's clock back."""
    return last_period_at is None or abs(now - last_period_at) > CLOCK_SILENT


def _last_period(now: datetime) -> datetime | None:
    periodic = Job.objects.periodic().filter(created_at__gte=now - LATELY).order_by("-created_at")
    return periodic.values_list("created_at", flat=True).first()


def _joined(seen: Sequence[JobQuerySet], order: str, *columns: str, **which: object) -> list[tuple[datetime, ...]]:
    """The columns of up to MOST and one more rows, each row once however many querysets hold it."""
    found: dict[object, tuple[datetime, ...]] = {}
    for rows in seen:
        for pk, *values in rows.filter(**which).order_by(order).values_list("pk", *columns)[: MOST + 1]:
            found[pk] = tuple(values)
    return list(found.values())[: MOST + 1]
