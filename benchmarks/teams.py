"""Teams and their work, made up by one seed: what the assignment benchmarks measure on.

Skills in small numbers for each person, tasks that ask for one of them, hours spread as real ones are (median 3 h, from
a quarter hour to 16), people with half to one and a half of the usual hours. `demand` is the hours asked for over the
hours there are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.matching.problem import UNLIMITED, Ints, Problem
from domain.matching.values import STEPS

_PRIORITIES, _SHARES = (100, 200, 400, 700, 1000), (0.1, 0.25, 0.35, 0.2, 0.1)
_HIGHEST_PRICE = 200
_FEW = (2, 6)
_MANY = (5, 20)


@dataclass(frozen=True)
class Size:
    tasks: int
    people: int

    @property
    def candidates(self) -> tuple[int, int]:
        """How many people could do a task: least and most."""
        return _FEW if self.tasks < 1000 else _MANY

    def __str__(self) -> str:
        return f"{self.tasks} x {self.people}"


def team(size: Size, *, seed: int, demand: float) -> Problem:
    chance = np.random.default_rng(seed)
    levels = _levels(size.people, chance)
    pools = [pool for skill in levels.T for least in (1, 2, 3) if len(pool := _reaching(skill, least)) > 1]
    hours = np.clip(np.round(np.exp(chance.normal(np.log(3.0), 0.8, size.tasks)) * 4), 1, 64).astype(np.int64)
    base = chance.choice(_PRIORITIES, size=size.tasks, p=_SHARES) + chance.integers(0, 301, size.tasks)
    people, worth = [], []
    for task in range(size.tasks):
        pool = pools[int(chance.integers(len(pools)))]
        some = min(int(chance.integers(size.candidates[0], size.candidates[1] + 1)), len(pool))
        chosen = np.sort(chance.choice(len(pool), size=some, replace=False))
        known = 100 * (chance.random(some) < 0.1)
        people.append(pool[chosen][:, 0])
        worth.append(base[task] + 40 * pool[chosen][:, 1] + chance.integers(0, 101, some) + known)
    counts = np.array([len(each) for each in people])
    per_hour = np.concatenate(worth)
    edge_hours = np.repeat(hours, counts)
    capacity = _capacity(size.people, hours.sum() / demand, chance)
    return Problem(
        first=np.concatenate(([0], np.cumsum(counts))),
        person=np.concatenate(people),
        gain=per_hour * edge_hours,
        hours=edge_hours,
        bucket=np.zeros(size.tasks, dtype=np.int64),
        room=capacity[:, None],
        most=np.full(size.people, UNLIMITED),
        step_width=np.repeat(capacity[:, None] // STEPS, STEPS, axis=1),
        step_price=np.array([_HIGHEST_PRICE * (2 * step + 1) // (2 * STEPS) for step in range(STEPS)]),
    )


def _levels(people: int, chance: np.random.Generator) -> Ints:
    """Two to five skills for each person, at levels 1 to 5; 0 is none."""
    skills = min(60, people // 6) if people >= 30 else 4
    levels = np.zeros((people, skills), dtype=np.int64)
    for person in range(people):
        own = chance.choice(skills, size=min(skills, int(chance.integers(2, 6))), replace=False)
        levels[person, own] = chance.integers(1, 6, len(own))
    return levels


def _reaching(skill: Ints, least: int) -> Ints:
    """The people who reach the level, each with how far they are above it."""
    who = np.flatnonzero(skill >= least)
    return np.stack((who, skill[who] - least), axis=1)


def _capacity(people: int, hours: float, chance: np.random.Generator) -> Ints:
    weights = chance.uniform(0.5, 1.5, people)
    return np.maximum(STEPS, np.round(weights / weights.sum() * hours / STEPS) * STEPS).astype(np.int64)


def published(path: Path) -> tuple[Problem, int]:
    """A published assignment problem in which every job must be done at the least cost, and what a job not done costs.

    The file holds the numbers of agents and jobs, then costs, hours and capacities (Beasley's OR-Library). A job is
    worth `worth` less its cost; that is so much that leaving one undone never pays.
    """
    numbers = np.array(path.read_text().split(), dtype=np.int64)
    agents, jobs = int(numbers[0]), int(numbers[1])
    cost = numbers[2 : 2 + agents * jobs].reshape(agents, jobs)
    hours = numbers[2 + agents * jobs : 2 + 2 * agents * jobs].reshape(agents, jobs)
    capacity = numbers[2 + 2 * agents * jobs :][:agents]
    worth = int(4 * cost.max())
    problem = Problem(
        first=np.arange(0, agents * jobs + 1, agents),
        person=np.tile(np.arange(agents), jobs),
        gain=(worth - cost.T).ravel(),
        hours=hours.T.ravel(),
        bucket=np.zeros(jobs, dtype=np.int64),
        room=capacity[:, None],
        most=np.full(agents, UNLIMITED),
        step_width=capacity[:, None],
        step_price=np.zeros(1, dtype=np.int64),
    )
    return problem, worth
