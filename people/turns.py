"""What is done with somebody's calendar elsewhere, in turns: read it, or put tasks into it, again and again.

There is one row a person. It counts its turns, and a job of an earlier turn leaves it alone. A turn ends with one
update that writes down what came of it and begins the next: only one job can win it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction

from jobs import queue
from jobs.models import Job
from people.audit import Kind
from people.models import User

LONGEST_WAIT = timedelta(hours=12)
TELL_AFTER = timedelta(days=1)
"""Of failing, unless somebody has to do something before it can go on."""

Step = Callable[[Any, datetime], None]


@dataclass(frozen=True)
class Turns:
    """Of one kind of row, which is named by its person and has the columns that are used here."""

    model: type[models.Model]
    audited: Kind
    job: str
    prefix: str
    """Of the job's key."""
    column: str
    """When the next turn comes."""
    first_wait: timedelta
    """After a failure; twice as long after each further one."""
    lost: str
    """What its person reads when a fault of ours ended a turn."""
    told: list[Step] = field(default_factory=list)

    def tell(self, step: Step) -> None:
        """Adds who hears that it has failed for a day, or stopped: step(row, now), in the transaction."""
        if step not in self.told:
            self.told.append(step)

    def put(self, row: Any, *, by: User, now: datetime) -> None:
        """The row instead of the one there is, whole. Stands in a transaction that begins the next turn, if any."""
        User.objects.select_for_update(no_key=True).get(pk=row.user_id)
        before: Any = self.model._default_manager.filter(pk=row.user_id).first()
        row.turn = before.turn if before is not None else 0
        with self.audited.changing(row, by=by, now=now):
            row.save(force_update=before is not None, force_insert=before is None)

    def end(self, user: User, *, by: User | None, now: datetime) -> bool:
        """Takes it away; False when there is none."""
        row = self.model._default_manager.filter(pk=user.pk).first()
        if row is None:
            return False
        with self.audited.changing(row, by=by, now=now):
            self.model._default_manager.filter(pk=user.pk).delete()
        return True

    def end_for(self, user: User, by: User | None, now: datetime) -> None:
        """A step of letting somebody go."""
        self.end(user, by=by, now=now)

    def begin(self, row: Any, *, at: datetime | None, now: datetime, **changes: Any) -> bool:
        """Ends this turn with what came of it and begins the next, for which there is no job without an instant.

        False when another job has.
        """
        with transaction.atomic():
            mine = self.model._default_manager.filter(pk=row.pk, turn=row.turn)
            if not mine.update(**changes, turn=row.turn + 1, **{self.column: at}):
                return False
            row.turn += 1
            setattr(row, self.column, at)
            if at is not None:
                key = f"{self.prefix}:{row.pk}:{int(row.made_at.timestamp() * 1_000_000)}:{row.turn}"
                args, team_id = [row.pk, row.turn], row.user.team_id
                request = queue.Request(self.job, args, key=key, run_at=at, team_id=team_id, user_id=row.pk)
                queue.enqueue(request, now=now)
        return True

    def fail(self, row: Any, why: str, *, now: datetime, stops: bool = False, **changes: Any) -> None:
        """Says why, and comes again after a longer wait, unless somebody has to do something first: then it stops.

        Its person is told once, of stopping at once, else after a day of failures.
        """
        row.error, row.failures = why[:255], row.failures + 1
        row.failing_since = row.failing_since or now
        tells = row.told_at is None and (stops or now - row.failing_since >= TELL_AFTER)
        row.told_at = now if tells else row.told_at
        changes |= {name: getattr(row, name) for name in ("error", "failures", "failing_since", "told_at")}
        wait = min(self.first_wait * 2 ** min(row.failures - 1, 10), LONGEST_WAIT)
        with transaction.atomic():
            if self.begin(row, at=None if stops else now + wait, now=now, **changes) and tells:
                for step in self.told:
                    step(row, now)

    def give_up(self, job: Job, now: datetime) -> None:
        """A job that failed for a reason of our own, whose process died each time or that somebody cancelled: the next
        turn comes still. Of a cancelled one nobody was asked, so it is no failure.
        """
        row = self._after(job, turns=0)
        if row is None:
            return
        if job.state == Job.REVOKED:
            self.begin(row, at=max(job.run_at, now) + self.first_wait, now=now, error=job.error[:255])
        else:
            self.fail(row, self.lost, now=now)

    def take_up_again(self, job: Job, now: datetime) -> None:
        """Such a job that is to run after all: the turn that was begun in its place comes when it was to run, unless
        there were others since.
        """
        row = self._after(job, turns=1)
        if row is not None and row.error in (job.error, self.lost):
            self.begin(row, at=max(job.run_at, now), now=now)

    def _after(self, job: Job, *, turns: int) -> Any:
        """The row, so many turns after that of this job; None when no turn is to come, or it was another's job."""
        if job.name != self.job:
            return None
        rows = self.model._default_manager.select_related("user").exclude(**{self.column: None})
        return rows.filter(pk=job.args[0], turn=job.args[1] + turns).first()
