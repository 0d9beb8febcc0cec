"""A team's week in whole numbers, and the room that is left in it while moves are made."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from domain.balancing.model import Load
from domain.matching import Work, rejection

THOUSANDTHS_OF_A_QUARTER = 250


@dataclass(frozen=True)
class Task:
    """A task as the search sees it. `due` is an index into the rows of hours; `takers` are indices of people."""

    id: int
    giver: int
    size: int
    due: int
    takers: tuple[int, ...]


Move = tuple[Task, int]


@dataclass(frozen=True)
class Found:
    """Moves, and the overload that stays in thousandths of an hour."""

    left: int
    moves: tuple[Move, ...]

    @property
    def rank(self) -> tuple[int, int]:
        return self.left, len(self.moves)


class Problem:
    """The team in whole thousandths of an hour: estimates have two decimals, and their medians three."""

    def __init__(self, team: Sequence[Load]) -> None:
        self.team = team
        self.capacity = [math.floor(load.capacity * 1000) for load in team]
        self.booked = [thousandths(load.booked) for load in team]
        over = {at: self.booked[at] - most for at, most in enumerate(self.capacity) if self.booked[at] > most}
        self.givers = sorted(over, key=lambda at: (-over[at], at))
        self.over = over
        every = [movable.work for at in self.givers for movable in team[at].tasks]
        self.dues: list[datetime] = sorted({work.due for work in every if work.due is not None and not work.overdue})
        self.rows = [self._rows(at) for at in range(len(team))]
        self.may_take = [len(every) if load.person.may_take is None else load.person.may_take for load in team]
        self.tasks = {at: self._tasks(at) for at in self.givers}

    def _rows(self, at: int) -> list[int]:
        """What more this person may be given that is due by each of `dues`, and at all."""
        person, room = self.team[at].person, max(0, self.capacity[at] - self.booked[at])
        by = [person.free_for(due) * THOUSANDTHS_OF_A_QUARTER for due in self.dues]
        return [*by, min(room, person.free_q * THOUSANDTHS_OF_A_QUARTER)]

    def due_of(self, work: Work) -> int:
        """From which row on its hours count; what is overdue or without a date only has to fit into the week."""
        return len(self.dues) if work.due is None or work.overdue else bisect_left(self.dues, work.due)

    def _tasks(self, giver: int) -> list[Task]:
        """Those that somebody could take, the largest first."""
        found = []
        for movable in self.team[giver].tasks:
            work, size, due = movable.work, thousandths(movable.hours), self.due_of(movable.work)
            takers = tuple(
                at
                for at, load in enumerate(self.team)
                if at not in self.over and min(self.rows[at][due:]) >= size and rejection(work, load.person, {}) is None
            )
            if takers:
                found.append(Task(work.id, giver, size, due, takers))
        return sorted(found, key=lambda task: (-task.size, task.id))


class Room:
    """Who could still take what, while moves are made and taken back."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rows = [list(row) for row in problem.rows]
        self.may_take = list(problem.may_take)
        self.booked = list(problem.booked)

    def takers(self, task: Task) -> list[int]:
        """Whoever could take this now, by how full their week then is."""
        able = [at for at in task.takers if self.may_take[at] > 0 and min(self.rows[at][task.due :]) >= task.size]
        return sorted(able, key=lambda at: (Fraction(self.booked[at] + task.size, self.problem.capacity[at]), at))

    def move(self, task: Task, taker: int, sign: int = 1) -> None:
        """Makes the move, or takes it back with -1."""
        row = self.rows[taker]
        for at in range(task.due, len(row)):
            row[at] -= sign * task.size
        self.may_take[taker] -= sign
        self.booked[taker] += sign * task.size
        self.booked[task.giver] -= sign * task.size


def thousandths(hours: Decimal) -> int:
    """Up: work is never rounded away."""
    return math.ceil(hours * 1000)
