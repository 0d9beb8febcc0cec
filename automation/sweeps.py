"""Due work that lives in columns: what is looked at, in which order, and how far behind it is.

Each sweep reads a partial index that is empty when nothing is due, in small committed batches, so any number of
workers may sweep at once and a killed one loses nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automation import cadence, enrolments, overdue, recurring, reminders, silence, timers, waiting
from automation.models import Enrolment
from people.models import Team
from work import due


@dataclass(frozen=True)
class Sweep:
    """One kind of due work. `oldest` is the instant of what is due longest, None when nothing is."""

    name: str
    teams: Callable[[datetime], Iterable[int]]
    run: Callable[[int, datetime], dict[str, Any]]
    oldest: Callable[[datetime], datetime | None]


def _calendar_teams(_now: datetime) -> set[int]:
    return {*due.derived_teams(), *enrolments.planning_teams()}


def _follow_calendars(team_id: int, now: datetime) -> dict[str, int]:
    """Nothing says that a calendar changed but itself: it is compared, in few queries."""
    team = Team.objects.get(pk=team_id)
    if not due.calendar_changed(team):
        return {"derived": 0}
    # The tasks' turn ends by noting that the change was followed, so the steps come first.
    moved = enrolments.rederive(Enrolment.objects.filter(team=team), now=now)
    return {"derived": moved + due.follow_calendars(team_id, now=now)}


SWEEPS: tuple[Sweep, ...] = (
    Sweep(
        "reminders", reminders.due_teams, lambda team, now: reminders.send(now=now, team_id=team), reminders.oldest_due
    ),
    Sweep("waiting", waiting.due_teams, lambda team, now: waiting.run_due(team, now=now), waiting.oldest_due),
    Sweep(
        "enrolments", enrolments.due_teams, lambda team, now: enrolments.run_due(team, now=now), enrolments.oldest_due
    ),
    Sweep("rules", timers.due_teams, lambda team, now: timers.run_due(team, now=now), timers.oldest_due),
    Sweep("overdue", overdue.due_teams, lambda team, now: overdue.run_due(team, now=now), overdue.oldest_due),
    Sweep("series", recurring.due_teams, lambda team, now: recurring.run_due(team, now=now), recurring.oldest_due),
    Sweep("touches", cadence.due_teams, lambda team, now: cadence.schedule_due(team, now=now), cadence.oldest_due),
    Sweep("silence", silence.due_teams, lambda team, now: silence.run_due(team, now=now), silence.oldest_due),
    Sweep(
        "calendars", lambda _: {*due.derived_teams(), *enrolments.planning_teams()}, _follow_calendars, lambda _: None
    ),
)


def due_teams(now: datetime) -> list[int]:
    """Teams for which any sweep has something to do."""
    return sorted({team for sweep in SWEEPS for team in sweep.teams(now)})


def run(team_id: int, *, now: datetime) -> dict[str, Any]:
    """Every sweep that has something for the team, once; what each of them did, by name."""
    done: dict[str, Any] = {}
    for sweep in SWEEPS:
        if team_id in set(sweep.teams(now)):
            done[sweep.name] = sweep.run(team_id, now)
    return done


def lags(now: datetime) -> dict[str, timedelta]:
    """How long what is due longest has been due, by sweep; zero when nothing is."""
    found = {sweep.name: sweep.oldest(now) for sweep in SWEEPS}
    return {name: now - oldest if oldest is not None else timedelta() for name, oldest in found.items()}
