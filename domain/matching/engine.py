"""One plan for a whole problem: prices, several first plans, local search and, where it is small enough, a proof."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from domain.matching import construction, exact, improvement, prices
from domain.matching.prices import Prices
from domain.matching.problem import Ints, Problem, components, part, possible
from domain.matching.standing import NOBODY, Standing

VERSION = 4
"""Rises when the same input may give another plan."""
OWN = "own search"
CLOSE_ENOUGH = 5e-4
"""A gap at which no more is looked for: what is left is far below what estimates of hours are good for."""
_EXACT_EDGES = 10_000
_SMALL, _MIDDLE = 20_000, 200_000
_PASSES = 20

Prove = Callable[[Problem, Ints, float], exact.Proof]


@dataclass(frozen=True)
class Plan:
    """Which edge each task has (-1: none), what that is worth, and what no plan could exceed.

    `prices` are those that were found: what an hour of each person is worth to other work. Their own `bound` may be
    above that of the plan, which a solver may have lowered.
    """

    chosen: Ints
    value: int
    bound: int
    passes: int
    solver: str
    prices: Prices
    fault: str = ""
    version: int = VERSION

    @property
    def gap(self) -> float:
        """How far the value may be from the best at most, as a share of the bound."""
        return 0.0 if self.bound <= self.value else (self.bound - self.value) / self.bound


@dataclass(frozen=True)
class Effort:
    """What may be spent on one part, counted in pairs looked at: on the first plans, and on renewing the best."""

    all_starts: bool
    looks: int
    renewals: int


def effort_for(problem: Problem) -> Effort:
    """Small parts are cheap to search and gain most from it, as they have few tasks to fill the gaps with."""
    if problem.edges <= _SMALL:
        return Effort(all_starts=True, looks=1_500_000, renewals=min(600_000, 2000 * problem.edges))
    return Effort(all_starts=False, looks=1_000_000 if problem.edges <= _MIDDLE else 400_000, renewals=0)


def solve(
    problem: Problem, *, prove: Prove | None = None, effort: Effort | None = None, tolerance: float = CLOSE_ENOUGH
) -> Plan:
    """The best plan found, with a gap of `tolerance` being good enough; the same problem has the same plan.

    Parts that share nobody are solved one by one. `prove` is asked for those of up to 10,000 edges that are not close
    enough; when it fails, the plan found without it stands and `fault` says why.
    """
    whole = np.full(problem.tasks, NOBODY)
    hour, turn = np.zeros_like(problem.room), np.zeros(problem.people, dtype=np.int64)
    value = bound = priced = passes = 0
    solvers, faults = set(), []
    able, kept = possible(problem)
    for tasks, people in components(able):
        inner, edges = part(able, tasks, people)
        plan = _solve_part(inner, prove, effort or effort_for(inner), tolerance)
        whole[tasks] = np.where(plan.chosen == NOBODY, NOBODY, kept[edges[plan.chosen]])
        hour[people], turn[people] = plan.prices.hour, plan.prices.task
        value, bound, passes = value + plan.value, bound + plan.bound, passes + plan.passes
        priced += plan.prices.bound
        solvers.add(plan.solver)
        faults += [plan.fault] if plan.fault else []
    solver = " and ".join(sorted(solvers - {OWN})) or OWN
    found = Prices(hour=hour, task=turn, bound=priced)
    return Plan(whole, value, bound, passes, solver, found, faults[0] if faults else "")


def _solve_part(problem: Problem, prove: Prove | None, effort: Effort, tolerance: float) -> Plan:
    found = prices.find(problem)
    standing = Standing(problem)
    passes = _best_start(standing, found, effort)
    bound, solver, fault = found.bound, OWN, ""
    if effort.renewals and not _close(standing.value, bound, tolerance):
        worth = found.reduced(problem).tolist()
        passes += improvement.renew(standing, worth, enough=bound, allowance=improvement.Allowance(effort.renewals))
    chosen, value = np.array(standing.chosen), standing.value
    if prove is not None and problem.edges <= _EXACT_EDGES and not _close(value, bound, tolerance):
        try:
            proof = prove(problem, chosen, tolerance)
        except exact.SolverFailed as failed:
            fault = str(failed)
        else:
            solver, bound = exact.version(), min(bound, proof.bound)
            if (better := problem.value(proof.chosen)) > value:
                chosen, value = proof.chosen, better
    return Plan(chosen, value, max(bound, value), passes, solver, found, fault)


def _best_start(standing: Standing, found: Prices, effort: Effort) -> int:
    """Leaves the best of the first plans, improved, in `standing`; the passes made."""
    problem, best, passes = standing.problem, (-1, [NOBODY] * standing.problem.tasks), 0
    allowance = improvement.Allowance(effort.looks)
    for start in construction.starts(problem, found, everything=effort.all_starts):
        standing.clear()
        construction.fill(standing, start.order, start.worth)
        if effort.all_starts:
            passes += improvement.improve(standing, start.order, passes=_PASSES, allowance=allowance)
        if standing.value > best[0]:
            best = standing.value, list(standing.chosen)
    standing.restore(best[1])
    if not effort.all_starts:
        order = _by_loss(problem, found, np.array(standing.chosen))
        passes += improvement.improve(standing, order, passes=_PASSES, allowance=allowance)
    return passes


def _by_loss(problem: Problem, found: Prices, chosen: Ints) -> list[int]:
    """The tasks that, at these prices, could stand better than they do; those that lose most come first."""
    reduced = found.reduced(problem)
    having = np.flatnonzero(np.diff(problem.first) > 0)
    best = np.maximum(np.maximum.reduceat(reduced, problem.first[having]), 0)
    loss = best - np.where(chosen[having] == NOBODY, 0, reduced[chosen[having]])
    worst = np.argsort(-loss, kind="stable")
    return having[worst[loss[worst] > 0]].tolist()


def _close(value: int, bound: int, tolerance: float) -> bool:
    return bound - value <= tolerance * bound
