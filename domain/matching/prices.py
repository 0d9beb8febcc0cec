"""What an hour of each person is worth to all the work that wants it, and with it how good any plan can be at most.

Lagrangian relaxation: the limits of people become prices, each task then takes its best pair at these prices, and the
sum of both is no less than the value of any plan (Fisher, "The Lagrangian relaxation method", 1981). The prices
are found by subgradient steps; the bound is then worked out anew in whole numbers, so that it holds exactly.
"""

from dataclasses import dataclass, replace

import numpy as np

from domain.matching.problem import UNLIMITED, Floats, Ints, Problem

SCALE = 1000
"""Prices are in thousandths of a value per hour."""
_ROUNDS = 1500
_PATIENCE = 1_000_000  # edges looked at before a step is thought too long, within the next two
_SHORTEST, _LONGEST = 7, 30
_SMALLEST = 2e-6


@dataclass(frozen=True)
class Prices:
    """`hour[i, b]` is the price of an hour of person i for work of bucket b, `task[i]` that of one more task.

    Both in thousandths; `bound` is a value that no plan exceeds.
    """

    hour: Ints
    task: Ints
    bound: int

    def reduced(self, problem: Problem, *, share: int = 1) -> Ints:
        """What each edge gains above the price of its person, in thousandths; `share` 2 asks half the price."""
        bucket = problem.bucket[problem.task_of_edge()]
        paid = problem.hours * self.hour[problem.person, bucket] + self.task[problem.person]
        return SCALE * problem.gain - paid // share

    def of_limits(self, problem: Problem) -> int:
        """What all the hours and turns that people have come to above the price of load, in thousandths.

        With the best of each task above these prices, the sum is a value that no plan exceeds.
        """
        load, due = self.hour[:, -1], self.hour[:, :-1] - self.hour[:, 1:]
        worth = int((problem.step_width * np.maximum(0, load[:, None] - SCALE * problem.step_price)).sum())
        worth += int((due * problem.room[:, :-1]).sum())
        return worth + int((self.task * np.where(self.task > 0, problem.most, 0)).sum())


@dataclass
class _Multipliers:
    """One for all the hours of a person, one for the hours until each earlier bucket's end, one for their count."""

    load: Floats
    due: Floats
    count: Floats

    def hour(self) -> Floats:
        later = np.cumsum(self.due[:, ::-1], axis=1)[:, ::-1]
        return np.concatenate((later, np.zeros((len(self.load), 1))), axis=1) + self.load[:, None]

    def mixed(self, other: "_Multipliers") -> "_Multipliers":
        return _Multipliers(*((one + two) / 2 for one, two in zip(self.parts(), other.parts(), strict=True)))

    def moved(self, way: "_Multipliers", step: float) -> "_Multipliers":
        """Along a way that tells how much too much is wanted, as a share of what there is; never below nothing.

        An hour that is due early pays the prices of all later dates too: with many dates each moves by less.
        """
        steps = (step, step / max(1, self.due.shape[1]) ** 0.75, step)
        parts = zip(self.parts(), way.parts(), steps, strict=True)
        return _Multipliers(*(np.maximum(0, price + far * np.clip(lack, -2, 2)) for price, lack, far in parts))

    def parts(self) -> tuple[Floats, Floats, Floats]:
        return self.load, self.due, self.count


class _Dual:
    """The relaxed problem: its value at given multipliers, and which way they should go."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        task = problem.task_of_edge()
        self.place = problem.person * problem.buckets + problem.bucket[task]
        self.limited = problem.most < UNLIMITED
        self.most = np.where(self.limited, problem.most, 0)
        self.having = np.flatnonzero(np.diff(problem.first) > 0)
        self.starts = problem.first[self.having]
        self.lengths = np.diff(problem.first)[self.having]
        self.gain = problem.gain.astype(np.float64)
        self.hours = problem.hours.astype(np.float64)
        self.most_room = np.maximum(1, problem.room)

    def at(self, by: _Multipliers) -> tuple[float, _Multipliers]:
        problem, hour = self.problem, by.hour()
        reduced = hour.ravel()[self.place]
        reduced *= self.hours
        np.subtract(self.gain, reduced, out=reduced)
        if self.limited.any():
            reduced -= by.count[problem.person]
        best = np.maximum(np.maximum.reduceat(reduced, self.starts), 0)
        # What gains nothing is not wanted, so such a task is given a best that none of its edges reaches.
        aim = np.where(best > 0, best, np.inf)
        at = np.flatnonzero(reduced == np.repeat(aim, self.lengths))
        share = self._shares(at)
        hours = np.bincount(self.place[at], weights=share * self.hours[at], minlength=hour.size).reshape(hour.shape)
        count = np.bincount(problem.person[at], weights=share, minlength=problem.people)
        offered = problem.step_width * (by.load[:, None] > problem.step_price)
        value = (
            float(best.sum())
            + float((problem.step_width * np.maximum(0, by.load[:, None] - problem.step_price)).sum())
            + float((by.due * problem.room[:, :-1]).sum())
            + float((by.count * self.most).sum())
        )
        until = np.cumsum(hours, axis=1)
        return value, _Multipliers(
            (until[:, -1] - offered.sum(axis=1)) / self.most_room[:, -1],
            (until[:, :-1] - problem.room[:, :-1]) / self.most_room[:, :-1],
            np.where(self.limited, (count - self.most) / np.maximum(1, self.most), 0),
        )

    def _shares(self, wanted: Ints) -> Floats:
        """A task that wants several people alike asks each for its part."""
        row = np.searchsorted(self.starts, wanted, side="right") - 1
        return 1.0 / np.bincount(row)[row]


def find(problem: Problem, *, rounds: int = _ROUNDS) -> Prices:
    """Prices near the best ones; deterministic, after `rounds` steps at most."""
    people = problem.people
    start = 0.7 * float(problem.step_price[-1])
    best = here = _Multipliers(np.full(people, start), np.zeros((people, problem.buckets - 1)), np.zeros(people))
    if not problem.edges:
        return _certified(problem, replace(best, load=np.zeros(people)))
    dual = _Dual(problem)
    step = _first_step(problem, dual)
    fine, finest = step / 100, step / 10_000
    patience = _LONGEST  # with due dates there are many more prices to be found
    if problem.buckets == 1:
        patience = min(_LONGEST, max(_SHORTEST, _PATIENCE // problem.edges))
    least = before = np.inf
    way, waited, idle, started = None, 0, 0, False
    for _ in range(rounds):
        value, wanted = dual.at(here)
        waited = 0 if value < least * (1 - 1e-5) else waited + 1
        if value < least:
            least, best = value, here
        if waited > patience:
            step, waited, here = 0.6 * step, 0, best
            gained = before < np.inf and before - least > _SMALLEST * least
            idle, started, before = 0 if gained else idle + 1, started or gained, least
            if (started and idle > 3 and step < fine) or step < finest:
                break
        way = wanted if way is None else way.mixed(wanted)
        here = here.moved(way, step)
    return _certified(problem, best)


def _first_step(problem: Problem, dual: _Dual) -> float:
    """A price step of about what the people of a task differ in per hour, for that is what prices have to outweigh."""
    per_hour = problem.gain / problem.hours
    spread = np.maximum.reduceat(per_hour, dual.starts) - np.minimum.reduceat(per_hour, dual.starts)
    return max(1.0, float(spread.mean()))


def _certified(problem: Problem, found: _Multipliers) -> Prices:
    """The same prices in whole thousandths, and the bound they prove, without any rounding."""
    load, due, count = (np.rint(SCALE * part).astype(np.int64) for part in (found.load, found.due, found.count))
    later = np.cumsum(due[:, ::-1], axis=1)[:, ::-1]
    hour = np.concatenate((later, np.zeros((len(load), 1), np.int64)), axis=1) + load[:, None]
    prices = Prices(hour=hour, task=np.where(problem.most < UNLIMITED, count, 0), bound=0)
    bound = prices.of_limits(problem)
    having = np.flatnonzero(np.diff(problem.first) > 0)
    if len(having):
        best = np.maximum.reduceat(prices.reduced(problem), problem.first[having])
        bound += int(np.maximum(0, best).sum())
    return replace(prices, bound=bound // SCALE)
