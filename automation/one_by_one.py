"""Due rows of a team, in small committed batches under its queue, each row in a savepoint of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from automation import occurring

BATCH = 100
MOST = 2_000
"""Rows of one team that a sweep takes on at a time."""


@dataclass
class Done:
    """How many rows did something, were passed over, and failed."""

    made: int = 0
    skipped: int = 0
    failed: int = 0


def each(
    team_id: int, pks: Sequence[int], begin: Callable[[], Callable[[int], bool]], *, park: Callable[[int], object]
) -> Done:
    """Runs a step over the rows; `begin` makes it anew for each batch, so what it remembers never outlives the lock.

    A step reads its row again, since another worker may have dealt with it. A row that fails stops no other: `park`
    takes it out of the sweep's way, and leaves it to a job.
    """
    done = Done()
    for start in range(0, len(pks), BATCH):
        with occurring.alone(team_id):
            step = begin()
            for pk in pks[start : start + BATCH]:
                _guarded(step, pk, park, done)
    return done


def _guarded(step: Callable[[int], bool], pk: int, park: Callable[[int], object], done: Done) -> None:
    try:
        with transaction.atomic():
            made = step(pk)
    except Exception:
        park(pk)
        done.failed += 1
    else:
        done.made += made
        done.skipped += not made
