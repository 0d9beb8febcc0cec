"""The fewest moves: two simple plans, and a search from the better of them."""

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate

from domain.balancing.problem import Found, Move, Problem, Room, Task

NODES = 50_000
"""Partial plans looked at, at most: a count and not a time, so that the same team has the same plan."""
MOST_MOVES = 60
"""Beyond this so few partial plans lead nowhere, and the best of the simple plans stands."""


def best(problem: Problem) -> tuple[Found, bool]:
    """The most overload taken away with the fewest moves that were found, and whether that is proven to be so."""
    start = min((_simple(problem, choose) for choose in (_fewest, _closest)), key=lambda found: found.rank)
    return _Search(problem, start).run()


Choice = Callable[[Task, int], tuple[bool, int, int]]
"""Which task of somebody with so much too much goes first: the least."""


def _fewest(task: Task, over: int) -> tuple[bool, int, int]:
    """The smallest task that ends the overload, else the largest."""
    enough = task.size >= over
    return not enough, task.size if enough else -task.size, task.id


def _closest(task: Task, over: int) -> tuple[bool, int, int]:
    """The largest task that does not overshoot, else the smallest."""
    beyond = task.size > over
    return beyond, task.size if beyond else -task.size, task.id


def _simple(problem: Problem, choose: Choice) -> Found:
    """One person after the other, the most overloaded first, and one task after the other, to whoever is least full."""
    room = Room(problem)
    moves: list[Move] = []
    total = 0
    for giver in problem.givers:
        over, tasks = problem.over[giver], list(problem.tasks[giver])
        while over > 0:
            possible = ((task, room.takers(task)) for task in sorted(tasks, key=lambda task: choose(task, over)))
            task, takers = next(((task, takers) for task, takers in possible if takers), (None, []))
            if task is None:
                break
            room.move(task, takers[0])
            moves.append((task, takers[0]))
            tasks.remove(task)
            over -= task.size
        total += max(0, over)
    return Found(total, tuple(moves))


class _OutOfNodes(Exception):
    """So many partial plans were looked at as may be."""


class _Search:
    """Depth first over who gives which tasks to whom, leaving out what cannot be better than the best plan so far.

    A person's tasks are tried from the largest down. Their overload cannot fall below what their tasks that are left
    to try come to, nor all overload below what all others have room for; and as few of the largest of these tasks as
    would do are the fewest moves.
    """

    def __init__(self, problem: Problem, best: Found) -> None:
        self.problem, self.best = problem, best
        self.room = Room(problem)
        self.free = sum(row[-1] for at, row in enumerate(problem.rows) if at not in problem.over)
        self.sums = {at: list(accumulate((t.size for t in problem.tasks[at]), initial=0)) for at in problem.givers}
        self.moves: list[Move] = []
        self.nodes = 0
        self.kind = self._kinds()
        # Of the people after each place in the order: overload, the least that stays of it, and the moves to that.
        self.later = [(0, 0, 0)]
        for giver in reversed(problem.givers):
            over, left, moves = self.later[0]
            own_left, own_moves = self._least(giver, 0, problem.over[giver])
            self.later.insert(0, (over + problem.over[giver], left + own_left, moves + own_moves))

    def run(self) -> tuple[Found, bool]:
        """The best plan, and whether it is proven so."""
        givers = self.problem.givers
        if not givers or self._hopeless(0, 0, self.problem.over[givers[0]], 0):
            return self.best, True
        if len(self.best.moves) > MOST_MOVES:
            return self.best, False
        try:
            self._person(0, 0)
        except _OutOfNodes:
            return self.best, False
        return self.best, True

    def _kinds(self) -> list[frozenset[int]]:
        """Of each person the tasks they could take: people with the same, and the same hours, need trying once."""
        able: list[set[int]] = [set() for _ in self.problem.team]
        for tasks in self.problem.tasks.values():
            for task in tasks:
                for at in task.takers:
                    able[at].add(task.id)
        return [frozenset(tasks) for tasks in able]

    def _least(self, giver: int, start: int, over: int) -> tuple[int, int]:
        """With this person's tasks from `start` on: the least overload that stays, and the fewest moves to that."""
        sums = self.sums[giver]
        left = max(0, over - (sums[-1] - sums[start]))
        return left, bisect_left(sums, sums[start] + over - left, lo=start) - start

    def _hopeless(self, place: int, start: int, over: int, left: int) -> bool:
        """Whether nothing better can come of what is left to decide."""
        own_left, own_moves = self._least(self.problem.givers[place], start, over)
        later_over, later_left, later_moves = self.later[place + 1]
        by_tasks = left + own_left + later_left
        bound = max(by_tasks, left + over + later_over - self.free)
        if bound != self.best.left:
            return bound > self.best.left
        fewest = len(self.moves)
        if by_tasks == bound:
            fewest += own_moves + later_moves
        return fewest >= len(self.best.moves)

    def _person(self, place: int, left: int) -> None:
        if place == len(self.problem.givers):
            self.best = min(self.best, Found(left, tuple(self.moves)), key=lambda found: found.rank)
            return
        self._tasks(place, 0, self.problem.over[self.problem.givers[place]], left)

    def _tasks(self, place: int, start: int, over: int, left: int) -> None:
        """Decides on the person's tasks from `start` on, `over` thousandths being too much still."""
        self.nodes += 1
        if self.nodes > NODES or len(self.moves) > MOST_MOVES:
            raise _OutOfNodes
        if over <= 0:
            self._person(place + 1, left)
            return
        tasks = self.problem.tasks[self.problem.givers[place]]
        for at in range(start, len(tasks)):
            if self._hopeless(place, at, over, left):
                return
            task = tasks[at]
            if at > start and _alike(task, tasks[at - 1]):
                continue
            tried = set()
            for taker in self.room.takers(task):
                state = self.kind[taker], tuple(self.room.rows[taker]), self.room.may_take[taker]
                if state in tried:
                    continue
                tried.add(state)
                self._try(place, at, over, left, taker)
        self._person(place + 1, left + over)

    def _try(self, place: int, at: int, over: int, left: int, taker: int) -> None:
        task = self.problem.tasks[self.problem.givers[place]][at]
        self.room.move(task, taker)
        self.moves.append((task, taker))
        self.free -= task.size
        self._tasks(place, at + 1, over - task.size, left)
        self.free += task.size
        self.moves.pop()
        self.room.move(task, taker, -1)


def _alike(one: Task, other: Task) -> bool:
    return (one.size, one.due, one.takers) == (other.size, other.due, other.takers)
