"""How good and how costly plans of whole teams are: beside HiGHS, the least loaded, and published problems."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import teams
from benchmarks.costs import cpu_seconds
from benchmarks.teams import Size
from domain.matching import construction, engine, exact, prices
from domain.matching.pairing import STICKINESS
from domain.matching.problem import Ints, Problem
from domain.matching.standing import NOBODY, Standing

PUBLISHED = os.environ.get("NEXTMOVE_BENCH_GAP", "")
"""A folder of problems in OR-Library's format with published_optima.csv; without it they are not measured."""
SMALL, MIDDLE, LARGE, HUGE = Size(100, 10), Size(1000, 50), Size(10_000, 200), Size(100_000, 1000)
USUAL, CROWDED = 0.9, 1.05
SEEDS = 20

ALONE = """
import resource
from benchmarks import teams
from benchmarks.assignment import HUGE
from domain.matching import engine
plan = engine.solve(teams.team(HUGE, seed=1, demand={demand}))
print(plan.value / plan.bound, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def measure() -> Iterator[tuple[str, dict[str, float]]]:
    yield "assignment: value / best bound, no solver", dict(_quality())
    yield "assignment: value / least loaded", dict(_against_least_loaded())
    yield "assignment: after 5 % new tasks and one absence", _churn()
    if exact.available():
        yield "assignment: beside HiGHS", dict(_beside_highs())
    if exact.available() and PUBLISHED:
        yield "assignment: published problems", _published(Path(PUBLISHED))


def missing() -> list[str]:
    words = [] if exact.available() else ["bounds and proofs beside HiGHS: install requirements/solver.txt"]
    return words if PUBLISHED else [*words, "published problems: name their folder in NEXTMOVE_BENCH_GAP"]


def _quality() -> Iterator[tuple[str, float]]:
    for size in (MIDDLE, LARGE):
        for demand in (USUAL, CROWDED):
            plan = engine.solve(teams.team(size, seed=1, demand=demand))
            yield f"{size} at {demand}", plan.value / plan.bound
    most = 0.0
    for demand in (USUAL, CROWDED):
        value, memory = map(float, _alone(ALONE.format(demand=demand)).split())
        yield f"{HUGE} at {demand}", value
        most = max(most, memory)
    yield f"{HUGE} MB", most


def _alone(code: str) -> str:
    """What the code prints in a process of its own, whose memory is nobody else's."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def _against_least_loaded() -> Iterator[tuple[str, float]]:
    for size in (SMALL, LARGE):
        problem = teams.team(size, seed=1, demand=USUAL)
        yield f"{size} / least loaded", engine.solve(problem).value / problem.value(least_loaded(problem))


def least_loaded(problem: Problem) -> Ints:
    """Each task, as they come, to whoever is able and has the smallest share of their hours spoken for."""
    first, person, hours = problem.first.tolist(), problem.person.tolist(), problem.hours.tolist()
    room, load = problem.room[:, -1].tolist(), [0] * problem.people
    chosen = np.full(problem.tasks, NOBODY)
    for task in range(problem.tasks):
        fitting = [
            (load[person[edge]] / room[person[edge]], person[edge], edge)
            for edge in range(first[task], first[task + 1])
            if load[person[edge]] + hours[edge] <= room[person[edge]]
        ]
        if fitting:
            _, who, edge = min(fitting)
            chosen[task] = edge
            load[who] += hours[edge]
    return chosen


def _beside_highs() -> Iterator[tuple[str, float]]:
    worst = 1.0
    for size in (SMALL, MIDDLE, LARGE):
        for demand in (USUAL, CROWDED):
            problem = teams.team(size, seed=1, demand=demand)
            worst = max(worst, prices.find(problem).bound / exact.relaxed(problem))
    yield "bound / LP optimum", worst
    problem = teams.team(LARGE, seed=1, demand=USUAL)
    yield (
        "CPU of prices and starts / LP",
        cpu_seconds(lambda: _first_plans(problem)) / cpu_seconds(lambda: exact.relaxed(problem)),
    )
    proven = [engine.solve(teams.team(SMALL, seed=seed, demand=USUAL), prove=exact.solve) for seed in range(SEEDS)]
    yield f"{SMALL} with HiGHS, worst of {SEEDS}", min(plan.value / plan.bound for plan in proven)


def _first_plans(problem: Problem) -> None:
    found, standing = prices.find(problem), Standing(problem)
    for start in construction.starts(problem, found, everything=False):
        standing.clear()
        construction.fill(standing, start.order, start.worth)


def _churn() -> dict[str, float]:
    """1050 tasks are planned; 30 get done, 50 come, one person is away: how many of the others move, at what loss."""
    every = teams.team(Size(1100, 50), seed=5, demand=0.95)
    chance = np.random.default_rng(9)
    before = _of(every, np.arange(1050))
    holder = np.full(1100, NOBODY)
    chosen = engine.solve(before).chosen
    holder[:1050] = np.where(chosen == NOBODY, NOBODY, before.person[chosen])
    left = np.setdiff1d(np.arange(1100), chance.choice(1050, 30, replace=False))
    away = int(np.argsort(every.room[:, -1])[25])  # of the usual hours
    after = _of(every, left, away=away)
    held = holder[left]
    sticky = _of(every, left, away=away, extra=STICKINESS * (held[after.task_of_edge()] == after.person))
    free, kept = engine.solve(after), engine.solve(sticky)
    now = np.where(kept.chosen == NOBODY, NOBODY, after.person[kept.chosen])
    staying = (held != NOBODY) & (held != away)
    return {
        "moved %": 100 * float((now[staying] != held[staying]).mean()),
        "value lost %": 100 * (1 - after.value(kept.chosen) / free.value),
    }


def _of(problem: Problem, tasks: Ints, *, away: int = NOBODY, extra: Ints | int = 0) -> Problem:
    """The problem of some of the tasks, one person away, with so much more an hour for some pairs."""
    counts = np.diff(problem.first)[tasks]
    edges = np.concatenate([np.arange(problem.first[task], problem.first[task + 1]) for task in tasks])
    room = problem.room.copy()
    if away != NOBODY:
        room[away] = 0
    return Problem(
        first=np.concatenate(([0], np.cumsum(counts))),
        person=problem.person[edges],
        gain=problem.gain[edges] + extra * problem.hours[edges],
        hours=problem.hours[edges],
        bucket=problem.bucket[tasks],
        room=room,
        most=problem.most,
        step_width=problem.step_width,
        step_price=problem.step_price,
    )


def _published(folder: Path) -> dict[str, float]:
    """Problems in which every job must be done: proven with HiGHS, and by our own search alone."""
    with (folder / "published_optima.csv").open(newline="") as rows:
        known = {row["Path"]: int(row["Best known solution value"]) for row in csv.DictReader(rows)}
    proven, asked, worst = 0, 0, 0.0
    for name, best in known.items():
        problem, worth = teams.published(folder / name)
        kind = Path(name).name[0]
        if kind in "gab":
            asked += 1
            plan = engine.solve(problem, prove=exact.solve, tolerance=0)
            proven += worth * problem.tasks - plan.value == best and plan.bound == plan.value
        elif problem.tasks <= 200:
            plan = engine.solve(problem, tolerance=0)
            worst = max(worst, 100 * ((worth * problem.tasks - plan.value) / best - 1))
    return {"reached and proven": proven / asked, "own search, % above best": worst}
