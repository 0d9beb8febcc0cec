"""A plan in the making: who has what, what fits where, and what a change would gain."""

from array import array
from bisect import bisect_left, insort
from collections.abc import Sequence

from domain.matching.problem import Ints, Problem

NOBODY = -1


class Standing:
    """Which edge each task has, and what is left of everybody; every change keeps all limits.

    Arrays of the standard library, as single numbers are read far more often than rows. The value is kept along.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.first = packed(problem.first)
        self.person = packed(problem.person)
        self.gain = packed(problem.gain)
        self.hours = packed(problem.hours)
        self.bucket = packed(problem.bucket)
        self.cost = [packed(problem.load_costs(one)) for one in range(problem.people)]
        self.clear()

    def clear(self) -> None:
        problem = self.problem
        self.chosen = [NOBODY] * problem.tasks
        # What each person holds, as (hours, task), in order: what makes room for a task is found by its hours.
        self.held: list[list[tuple[int, int]]] = [[] for _ in range(problem.people)]
        self.load = [0] * problem.people
        self.left: list[int] = problem.most.tolist()
        self._slack: list[list[int]] = problem.room.tolist()
        # Room for one more task of a bucket: the least slack there and in every later one.
        self.room: list[list[int]] = problem.room.tolist()
        self.value = 0
        self._trail: list[tuple[int, int]] = []

    def mark(self) -> None:
        """From here on `rollback` leads back to."""
        self._trail.clear()

    def rollback(self) -> None:
        """Undoes everything since the last mark."""
        trail, self._trail = self._trail, []
        for task, edge in reversed(trail):
            if edge == NOBODY:
                self.take(task)
            else:
                self.put(task, edge)
        self._trail.clear()

    def restore(self, chosen: Sequence[int]) -> None:
        self.clear()
        for edge_task, edge in enumerate(chosen):
            if edge != NOBODY:
                self.put(edge_task, edge)

    def fits(self, task: int, edge: int) -> bool:
        """Whether the task, held by nobody, may go where the edge leads."""
        who = self.person[edge]
        return self.left[who] > 0 and self.hours[edge] <= self.room[who][self.bucket[task]]

    def fits_instead(self, task: int, edge: int, out: int) -> bool:
        """Whether the task may go where the edge leads once the task `out`, held there, has left."""
        who, freed = self.person[edge], self.hours[self.chosen[out]]
        needed, at, since = self.hours[edge], self.bucket[task], self.bucket[out]
        if at >= since:
            return needed <= self.room[who][at] + freed
        slack = self._slack[who]
        return needed <= self.room[who][since] + freed and needed <= min(slack[at:since])

    def gain_of(self, edge: int) -> int:
        """What the edge would add as its person stands."""
        cost = self.cost[self.person[edge]]
        load = self.load[self.person[edge]]
        return self.gain[edge] - cost[load + self.hours[edge]] + cost[load]

    def loss_of(self, task: int) -> int:
        """What is lost when the task leaves whoever has it; 0 for a task that nobody has."""
        edge = self.chosen[task]
        if edge == NOBODY:
            return 0
        cost = self.cost[self.person[edge]]
        load = self.load[self.person[edge]]
        return self.gain[edge] - cost[load] + cost[load - self.hours[edge]]

    def nearest(self, who: int, hours: int, count: int) -> list[tuple[int, int]]:
        """Of what the person holds, the `count` at most of about these hours on either side, as (hours, task)."""
        held = self.held[who]
        at = bisect_left(held, (hours, 0))
        return held[max(0, at - count) : at + count]

    def put(self, task: int, edge: int) -> None:
        who, hours = self.person[edge], self.hours[edge]
        self.value += self.gain_of(edge)
        self._trail.append((task, NOBODY))
        self.chosen[task] = edge
        insort(self.held[who], (hours, task))
        self.load[who] += hours
        self.left[who] -= 1
        self._shift(who, self.bucket[task], -hours)

    def take(self, task: int) -> int:
        """Frees the task; returns the edge it had."""
        edge = self.chosen[task]
        who, hours = self.person[edge], self.hours[edge]
        self.value -= self.loss_of(task)
        self._trail.append((task, edge))
        self.chosen[task] = NOBODY
        held = self.held[who]
        del held[bisect_left(held, (hours, task))]
        self.load[who] -= hours
        self.left[who] += 1
        self._shift(who, self.bucket[task], hours)
        return edge

    def _shift(self, who: int, bucket: int, hours: int) -> None:
        slack, room = self._slack[who], self.room[who]
        for at in range(bucket, len(slack)):
            slack[at] += hours
        least = slack[-1]
        for at in range(len(slack) - 1, -1, -1):
            least = min(least, slack[at])
            room[at] = least


def packed(numbers: Ints) -> "array[int]":
    """Eight bytes a number, where a list takes forty."""
    return array("q", numbers.astype("int64").tobytes())
