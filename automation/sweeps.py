"""Due work that lives in columns: what is looked at, in which order, and how far behind it is.

Each sweep reads a partial index in which a team's due rows lie together, in small committed batches, so any number of
workers may sweep at once, a killed one loses nothing, and tables may grow.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError

from automation import cadence, overdue, recurring, reminders, silence, timers, waiting
from automation.due_rows import Due
from automation.programmes import enrolments

log = logging.getLogger("nextmove.automation")


@dataclass(frozen=True)
class Sweep:
    """One kind of due work. `due(now, team_id)` says since when, by team; of all teams when the team is None."""

    name: str
    due: Callable[[datetime, int | None], Due]
    run: Callable[[int, datetime], dict[str, Any]]


SWEEPS: tuple[Sweep, ...] = (
    Sweep("reminders", reminders.due_since, lambda team, now: reminders.send(now=now, team_id=team)),
    Sweep("waiting", waiting.due_since, lambda team, now: waiting.run_due(team, now=now)),
    Sweep("enrolments", enrolments.due_since, lambda team, now: enrolments.run_due(team, now=now)),
    Sweep("rules", timers.due_since, lambda team, now: timers.run_due(team, now=now)),
    Sweep("overdue", overdue.due_since, lambda team, now: overdue.run_due(team, now=now)),
    Sweep("series", recurring.due_since, lambda team, now: recurring.run_due(team, now=now)),
    Sweep("touches", cadence.due_since, lambda team, now: cadence.schedule_due(team, now=now)),
    Sweep("silence", silence.due_since, lambda team, now: silence.run_due(team, now=now)),
)

PUT_ASIDE: dict[str, Callable[..., bool]] = {
    reminders.ASIDE: reminders.take_up,
    timers.ASIDE: timers.take_up,
    timers.PLAN_ASIDE: timers.take_up_plan,
    overdue.CONTACT_ASIDE: overdue.take_up_contact,
    overdue.TASK_ASIDE: overdue.take_up_task,
    recurring.ASIDE: recurring.take_up,
    cadence.TOUCH_ASIDE: cadence.take_up,
    cadence.PLAN_ASIDE: cadence.take_up_unplanned,
}
"""What tries one row again that its sweep put aside, by the word its job carries."""


def due_teams(now: datetime) -> list[int]:
    """Teams for which any sweep has something to do."""
    return sorted({team for sweep in SWEEPS for team in sweep.due(now, None)})


def run(team_id: int, *, now: datetime) -> dict[str, Any]:
    """Every sweep that has something for the team, once; what each of them did, by name.

    Whether it has is asked when its turn comes: what one sweep does may be due work for the next. One that fails as a
    whole is logged and stops no other, unless the database is away.
    """
    done: dict[str, Any] = {}
    for sweep in SWEEPS:
        try:
            if sweep.due(now, team_id):
                done[sweep.name] = sweep.run(team_id, now)
        except DatabaseError:
            raise
        except Exception:
            log.exception("%s of team %s could not be swept", sweep.name, team_id)
    return done


def lags(now: datetime) -> dict[str, timedelta]:
    """How long what is due longest has been due, by sweep; zero when nothing is."""
    found = {sweep.name: min(sweep.due(now, None).values(), default=now) for sweep in SWEEPS}
    return {name: now - oldest for name, oldest in found.items()}


def take_up(kind: str, pk: int, at: datetime, *, now: datetime) -> bool:
    """Tries a row again that its sweep put aside; False when there is nothing left to do about it. Raises its fault."""
    return PUT_ASIDE[kind](pk, at, now=now)
