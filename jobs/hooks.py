"""What higher rooms register here, so that this room never imports them. `config` wires it when Django starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.models import Job


@dataclass(frozen=True)
class Drain:
    """A queue that is a column of some table: which teams have work, and the Celery task that does one team's."""

    task: str
    pending: Callable[[datetime], Iterable[int]]
    every_seconds: float


@dataclass(frozen=True)
class TeamClock:
    """A team's time zone, and since when it exists: no period that began before that is made up for."""

    team_id: int
    zone: str
    since: datetime


drains: list[Drain] = []
dead_callbacks: list[Callable[["Job", datetime], None]] = []
over_callbacks: list[Callable[["Job", datetime], None]] = []
again_callbacks: list[Callable[["Job", datetime], None]] = []
team_callbacks: list[Callable[[], Iterable[TeamClock]]] = []


def register(drain: Drain) -> None:
    """Adds a queue; the first one registered is what `bell.ring` points at."""
    if drain.task not in [known.task for known in drains]:
        drains.append(drain)


def on_dead(callback: Callable[["Job", datetime], None]) -> None:
    """Called in the transaction that gives a job up, so what it writes exists exactly once."""
    if callback not in dead_callbacks:
        dead_callbacks.append(callback)


def on_over(callback: Callable[["Job", datetime], None]) -> None:
    """Called in the transaction that gives a job up or cancels it, so that what it was to do does not wait for it."""
    if callback not in over_callbacks:
        over_callbacks.append(callback)


def on_again(callback: Callable[["Job", datetime], None]) -> None:
    """Called in the transaction that puts such a job back, so that what ended with it is there to be done."""
    if callback not in again_callbacks:
        again_callbacks.append(callback)


def teams(callback: Callable[[], Iterable[TeamClock]]) -> None:
    """Tells the scheduler which teams there are and where they live."""
    if callback not in team_callbacks:
        team_callbacks.append(callback)


def known_teams() -> list[TeamClock]:
    return [team for callback in team_callbacks for team in callback()]
