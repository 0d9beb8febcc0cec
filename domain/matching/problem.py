"""Who could do what, as numbers: the generalised assignment problem that one batch of matching solves.

Tasks and people are positions 0..n-1 and 0..m-1; a pair that no hard rule forbids is an edge. Everything is a whole
number (quarter hours, thousandths of value), so the same problem has the same answer wherever it is solved.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

UNLIMITED = 1 << 40


@dataclass(frozen=True)
class Problem:
    """Choose at most one edge of each task; maximise the gains less what the load costs.

    Edges of task j stand at `first[j]` up to `first[j + 1]`, by person, each of them once. `gain` is the value of the
    whole pair, `hours` what it takes of the person. `bucket` of a task says by when its hours are needed: `room[i, b]`
    is what person i has left until the end of bucket b, the last bucket being all there is. `most` is how many more
    tasks a person may take. An hour of person i in step k of their load costs `step_price[k]`, which rises; the step
    holds `step_width[i, k]` hours.
    """

    first: Ints
    person: Ints
    gain: Ints
    hours: Ints
    bucket: Ints
    room: Ints
    most: Ints
    step_width: Ints
    step_price: Ints

    def __post_init__(self) -> None:
        if len(self.hours) and self.hours.min() < 1:
            raise ValueError("Every pair takes at least a quarter hour.")
        if (np.diff(self.step_price) < 0).any():
            raise ValueError("The price of load must not fall as the load rises.")
        # Hours that are due later need room later too, so no bucket has more room than those after it.
        tight = np.maximum(np.minimum.accumulate(self.room[:, ::-1], axis=1)[:, ::-1], 0)
        object.__setattr__(self, "room", np.ascontiguousarray(tight))
        if (self.step_width.sum(axis=1) < tight[:, -1]).any():
            raise ValueError("The steps of load must hold all the room that a person has.")
        before = np.cumsum(self.step_width, axis=1) - self.step_width
        object.__setattr__(self, "step_width", np.clip(tight[:, -1:] - before, 0, self.step_width))

    @property
    def tasks(self) -> int:
        return len(self.first) - 1

    @property
    def people(self) -> int:
        return len(self.room)

    @property
    def edges(self) -> int:
        return len(self.person)

    @property
    def buckets(self) -> int:
        return self.room.shape[1]

    def task_of_edge(self) -> Ints:
        return np.repeat(np.arange(self.tasks), np.diff(self.first))

    def edge_of(self, task: int, person: int) -> int | None:
        start, end = int(self.first[task]), int(self.first[task + 1])
        at = start + int(np.searchsorted(self.person[start:end], person))
        return at if at < end and self.person[at] == person else None

    def load_costs(self, person: int) -> Ints:
        """What the first 0, 1, 2, ... hours of the person's room cost together."""
        each = np.repeat(self.step_price, self.step_width[person])[: int(self.room[person, -1])]
        return np.concatenate(([0], np.cumsum(each)))

    def value(self, chosen: Ints) -> int:
        """The value of a plan that names an edge for each task, or -1. Raises ValueError when it breaks a limit."""
        taken = chosen[chosen >= 0]
        owner, hours, bucket = self.person[taken], self.hours[taken], self.bucket[chosen >= 0]
        load = np.zeros_like(self.room)
        np.add.at(load, (owner, bucket), hours)
        if (np.cumsum(load, axis=1) > self.room).any():
            raise ValueError("The plan gives somebody more than the hours they have.")
        if (np.bincount(owner, minlength=self.people) > self.most).any():
            raise ValueError("The plan gives somebody more tasks than they may hold.")
        cost = 0
        for step, price in enumerate(self.step_price.tolist()):
            before = self.step_width[:, :step].sum(axis=1)
            cost += price * int(np.clip(load.sum(axis=1) - before, 0, self.step_width[:, step]).sum())
        return int(self.gain[taken].sum()) - cost


def possible(problem: Problem) -> tuple[Problem, Ints]:
    """The same problem without the pairs that no plan can hold; and which edge of the whole each edge was."""
    task = problem.task_of_edge()
    fits = problem.hours <= problem.room[problem.person, problem.bucket[task]]
    edges = np.flatnonzero(fits & (problem.most[problem.person] > 0))
    first = np.searchsorted(edges, problem.first)
    person, gain, hours = problem.person[edges], problem.gain[edges], problem.hours[edges]
    return replace(problem, first=first, person=person, gain=gain, hours=hours), edges


def components(problem: Problem) -> Iterator[tuple[Ints, Ints]]:
    """The parts that share nobody: (tasks, people) of each, by their first person. Tasks without edges are in none."""
    mark = np.arange(problem.people)
    having = np.flatnonzero(np.diff(problem.first) > 0)
    if not len(having):
        return
    task = problem.task_of_edge()
    lowest = np.full(problem.tasks, problem.people)
    while True:
        lowest[having] = np.minimum.reduceat(mark[problem.person], problem.first[having])
        after = mark.copy()
        np.minimum.at(after, problem.person, lowest[task])
        after = after[after]
        if (after == mark).all():
            break
        mark = after
    order = having[np.argsort(lowest[having], kind="stable")]
    marks, starts = np.unique(lowest[order], return_index=True)
    for each, tasks in zip(marks, np.split(order, starts[1:]), strict=True):
        yield tasks, np.flatnonzero(mark == each)


def part(problem: Problem, tasks: Ints, people: Ints) -> tuple[Problem, Ints]:
    """The problem of some tasks and all the people who could do them; and which edge of the whole each edge was."""
    counts = np.diff(problem.first)[tasks]
    first = np.concatenate(([0], np.cumsum(counts)))
    edges = np.repeat(problem.first[tasks] - first[:-1], counts) + np.arange(first[-1])
    place = np.full(problem.people, -1)
    place[people] = np.arange(len(people))
    inner = Problem(
        first=first,
        person=place[problem.person[edges]],
        gain=problem.gain[edges],
        hours=problem.hours[edges],
        bucket=problem.bucket[tasks],
        room=problem.room[people],
        most=problem.most[people],
        step_width=problem.step_width[people],
        step_price=problem.step_price,
    )
    return inner, edges
