"""Local search: a plan gets better by moves and exchanges, until none helps or the allowed looks are spent."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.matching.construction import fill
from domain.matching.problem import Problem
from domain.matching.standing import NOBODY, Standing

_NEAREST = 5
"""So many tasks of about the same hours are tried on either side: others rarely make room that fits."""


@dataclass
class Allowance:
    """How many pairs a search may still look at; counted, not timed, so that every machine finds the same plan."""

    looks: int

    @property
    def spent(self) -> bool:
        return self.looks <= 0


@dataclass(frozen=True)
class _Exchange:
    """A task goes where `edge` leads, `out` leaves there and goes where `way` leads, or to nobody."""

    gain: int
    edge: int
    out: int = NOBODY
    way: int = NOBODY


def improve(standing: Standing, order: list[int], *, passes: int, allowance: Allowance) -> int:
    """Makes the best change of each task in turn as long as any gains; the number of passes that changed something."""
    largest = _largest_gains(standing)
    for number in range(passes):
        changed = False
        for task in order:
            if allowance.spent:
                return number + changed
            changed |= _better(standing, task, largest, allowance)
        if not changed:
            return number
    return passes


def renew(standing: Standing, worth: Sequence[int], *, enough: int, allowance: Allowance) -> int:
    """Frees what a few people hold and gives it anew at prices shaken a little, until the value is `enough`.

    What is worse is taken back. Ruin and recreate (Schrimpf and others, 2000), its chances drawn from one fixed seed.
    Returns the number of rounds.
    """
    chance = random.Random(0)  # noqa: S311
    largest = _largest_gains(standing)
    spread = max(1, int(np.std(worth)))
    sharing = _sharing(standing.problem)
    rounds = 0
    while not allowance.spent and standing.value < enough:
        rounds += 1
        before = standing.value
        standing.mark()
        who = chance.randrange(len(standing.held))
        group = {who, *chance.sample(sharing[who], min(len(sharing[who]), chance.choice((1, 1, 2))))}
        free = [task for task, edge in enumerate(standing.chosen) if edge == NOBODY and largest[task]]
        for one in sorted(group):
            for _, task in list(standing.held[one]):
                if chance.random() < 0.7:
                    standing.take(task)
                    free.append(task)
        shaken = {
            edge: worth[edge] + int(chance.gauss(0, 0.1) * spread)
            for task in free
            for edge in range(standing.first[task], standing.first[task + 1])
        }
        allowance.looks -= 2 * len(shaken)  # what freeing and filling cost, about
        fill(standing, _regret_order(standing, free, shaken), shaken)
        improve(standing, free, passes=2, allowance=allowance)
        if standing.value < before:
            standing.rollback()
    return rounds


def _regret_order(standing: Standing, tasks: list[int], worth: Mapping[int, int]) -> list[int]:
    def regret(task: int) -> int:
        values = sorted((worth[edge] for edge in range(standing.first[task], standing.first[task + 1])), reverse=True)
        return values[0] - values[1] if len(values) > 1 else abs(values[0])

    return sorted(tasks, key=regret, reverse=True)


def _sharing(problem: Problem) -> list[list[int]]:
    """For each person the others who could do some of the same tasks."""
    sharing: list[set[int]] = [set() for _ in range(problem.people)]
    for task in range(problem.tasks):
        people = problem.person[problem.first[task] : problem.first[task + 1]].tolist()
        for one in people:
            sharing[one].update(people)
    return [sorted(others - {one}) for one, others in enumerate(sharing)]


def _largest_gains(standing: Standing) -> list[int]:
    first, gain = standing.first, standing.gain
    return [max(gain[first[task] : first[task + 1]], default=0) for task in range(len(standing.chosen))]


def _better(standing: Standing, task: int, largest: list[int], allowance: Allowance) -> bool:
    """Makes the best change of one task, if one gains."""
    lost = standing.loss_of(task)
    if lost >= largest[task]:
        return False
    had = standing.take(task) if standing.chosen[task] != NOBODY else NOBODY
    best = _move(standing, task, had, lost, allowance)
    if best is None:
        best = _exchange(standing, task, had, lost, largest, allowance)
    if best is None:
        if had != NOBODY:
            standing.put(task, had)
        return False
    if best.out != NOBODY:
        standing.take(best.out)
    standing.put(task, best.edge)
    if best.way != NOBODY:
        standing.put(best.out, best.way)
    return True


def _move(standing: Standing, task: int, had: int, lost: int, allowance: Allowance) -> _Exchange | None:
    best, at = lost, NOBODY
    start, end = standing.first[task], standing.first[task + 1]
    allowance.looks -= end - start
    for edge in range(start, end):
        if edge != had and standing.fits(task, edge):
            value = standing.gain_of(edge)
            if value > best:
                best, at = value, edge
    return None if at == NOBODY else _Exchange(best - lost, at)


def _exchange(
    standing: Standing, task: int, had: int, lost: int, largest: list[int], allowance: Allowance
) -> _Exchange | None:
    """The best way to put a free task in the place of another, which goes elsewhere or to nobody."""
    person, gain, hours, first, chosen = standing.person, standing.gain, standing.hours, standing.first, standing.chosen
    fits, fits_instead, gain_of = standing.fits, standing.fits_instead, standing.gain_of
    best, found = 0, None
    for edge in range(first[task], first[task + 1]):
        if edge == had or gain[edge] <= lost:
            continue
        who = person[edge]
        cost, load = standing.cost[who], standing.load[who]
        for freed, out in standing.nearest(who, hours[edge], _NEAREST):
            allowance.looks -= 1
            held = chosen[out]
            after = load - freed + hours[edge]
            if after >= len(cost):
                continue
            change = gain[edge] - lost - gain[held] - cost[after] + cost[load]
            if change + largest[out] <= best or not fits_instead(task, edge, out):
                continue
            if change > best:
                best, found = change, _Exchange(change, edge, out)
            for way in range(first[out], first[out + 1]):
                if way != held and change + gain[way] > best and fits(out, way):
                    value = change + gain_of(way)
                    if value > best:
                        best, found = value, _Exchange(value, edge, out, way)
    return found
