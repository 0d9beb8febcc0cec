"""First plans: tasks one after the other, each to the person where it is worth most, in several orders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.matching.prices import SCALE, Prices
from domain.matching.problem import Ints, Problem
from domain.matching.standing import NOBODY, Standing, packed

_NEVER = -(1 << 62)


@dataclass(frozen=True)
class Start:
    """One construction: the order of the tasks, and what each edge is worth (None: as the plan stands)."""

    name: str
    order: list[int]
    worth: Sequence[int] | None


def starts(problem: Problem, prices: Prices, *, everything: bool) -> Iterator[Start]:
    """The two constructions that are best for many tasks and, if `everything` is asked for, two for few tasks."""
    full = prices.reduced(problem)
    yield Start("regret", _by_regret(problem, full), packed(full))
    yield Start("density", _by_density(problem, full), packed(full))
    if everything:
        half = prices.reduced(problem, share=2)
        yield Start("half prices", _by_density(problem, half), packed(half))
        yield Start("greedy", _by_density(problem, SCALE * problem.gain), None)


def fill(standing: Standing, order: Sequence[int], worth: Sequence[int] | Mapping[int, int] | None) -> None:
    """Gives every free task of the order to whom it is worth most among those it fits, as long as the plan gains."""
    first, chosen = standing.first, standing.chosen
    fits, gain_of = standing.fits, standing.gain_of
    for task in order:
        if chosen[task] != NOBODY:
            continue
        best, at = _NEVER, NOBODY
        for edge in range(first[task], first[task + 1]):
            if fits(task, edge):
                value = gain_of(edge) if worth is None else worth[edge]
                if value > best:
                    best, at = value, edge
        if at != NOBODY and gain_of(at) > 0:
            standing.put(task, at)


def _by_regret(problem: Problem, reduced: Ints) -> list[int]:
    """First what would lose most if its best person were taken by others; tasks that nobody could do are left out."""
    having, best, second = best_two(problem, reduced)
    regret = np.where(best > 0, best - np.maximum(second, 0), -1)
    return having[np.argsort(-regret, kind="stable")].tolist()


def _by_density(problem: Problem, reduced: Ints) -> list[int]:
    """First what gains most an hour; among equals what takes longer, as short work still fits later."""
    having = np.flatnonzero(np.diff(problem.first) > 0)
    if not len(having):
        return []
    per_hour = np.maximum.reduceat(reduced // problem.hours, problem.first[having])
    longest = np.maximum.reduceat(problem.hours, problem.first[having])
    return having[np.lexsort((-longest, -per_hour))].tolist()


def best_two(problem: Problem, worth: Ints) -> tuple[Ints, Ints, Ints]:
    """The tasks that have edges, and of each the highest and the second highest worth (very low when there is none)."""
    having = np.flatnonzero(np.diff(problem.first) > 0)
    if not len(having):
        return having, having, having
    starts = problem.first[having]
    best = np.maximum.reduceat(worth, starts)
    row = np.repeat(np.arange(len(having)), np.diff(problem.first)[having])
    places = np.flatnonzero(worth == best[row])
    _, at = np.unique(row[places], return_index=True)
    rest = worth.copy()
    rest[places[at]] = _NEVER
    return having, best, np.maximum.reduceat(rest, starts)
