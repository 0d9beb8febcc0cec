"""The same problem given to HiGHS, where that is installed: for small parts, a plan that is proven best.

HiGHS is loaded here and nowhere else, and only when it is asked for; without it every plan still has its bound.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np

from domain.matching.problem import UNLIMITED, Floats, Ints, Problem
from domain.matching.standing import NOBODY

NODES, LOOKS = 2000, 200_000
"""At most so many nodes are looked at, and fewer of a large problem: so many pairs in all of them together."""


class SolverFailed(Exception):
    """HiGHS gave no answer that can be used; what was found without it stands."""


@dataclass(frozen=True)
class Proof:
    """A plan (an edge for each task, or -1) and a value that no plan exceeds."""

    chosen: Ints
    bound: int


@cache
def available() -> bool:
    return importlib.util.find_spec("highspy") is not None


def version() -> str:
    return f"HiGHS {metadata.version('highspy')}"


def solve(problem: Problem, start: Ints, tolerance: float) -> Proof:
    """Branch and bound from the plan `start`, until the gap is within `tolerance` or enough nodes were looked at.

    One thread and one seed, and no limit by time, so that the same problem has the same answer.
    Raises SolverFailed when it cannot be loaded, ends without a plan, or with one that breaks a limit.
    """
    try:
        import highspy

        solver = _loaded(problem, whole=True)
    except (ImportError, OSError) as fault:  # installed in part, or for another machine
        raise SolverFailed(f"HiGHS cannot be loaded: {fault}") from fault
    solver.setOptionValue("mip_rel_gap", tolerance)
    solver.setOptionValue("mip_abs_gap", 0.999)  # values are whole numbers
    solver.setOptionValue("mip_max_nodes", max(1, min(NODES, LOOKS // max(1, problem.edges))))
    known = highspy.HighsSolution()
    known.col_value = _columns_of(problem, start).tolist()
    solver.setSolution(known)
    solver.run()
    info = solver.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if not found or not np.isfinite(info.mip_dual_bound):
        raise SolverFailed(f"HiGHS ended as {solver.modelStatusToString(solver.getModelStatus())}.")
    taken = np.flatnonzero(np.asarray(solver.getSolution().col_value[: problem.edges]) > 0.5)
    chosen = np.full(problem.tasks, NOBODY)
    chosen[problem.task_of_edge()[taken]] = taken
    try:
        problem.value(chosen)
    except ValueError as fault:
        raise SolverFailed(str(fault)) from None
    # Downwards from a bound a little too low, never from one too high: its own rounding is within a millionth.
    return Proof(chosen, int(np.floor(-info.mip_dual_bound * (1 + 1e-9) + 1e-6)))


def relaxed(problem: Problem) -> float:
    """The value of the linear relaxation, where a task may be shared out: what every bound is measured against."""
    solver = _loaded(problem, whole=False)
    solver.run()
    return -float(solver.getInfo().objective_function_value)


def _loaded(problem: Problem, *, whole: bool) -> Any:
    import highspy
    from highspy._core import _Highs  # highspy.Highs prints a banner on standard output, whatever it is told

    solver = _Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("random_seed", 0)
    rows = _rows(problem)
    steps = problem.step_width.size
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = problem.edges + steps, len(rows.limit)
    model.col_cost_ = np.concatenate((-problem.gain, np.tile(problem.step_price, problem.people))).astype(float)
    model.col_lower_ = np.zeros(problem.edges + steps)
    model.col_upper_ = np.concatenate((np.ones(problem.edges), problem.step_width.ravel())).astype(float)
    model.row_lower_ = np.full(len(rows.limit), -highspy.kHighsInf)
    model.row_upper_ = rows.limit.astype(float)
    order = np.lexsort((rows.row, rows.column))
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.searchsorted(rows.column[order], np.arange(model.num_col_ + 1))
    model.a_matrix_.index_ = rows.row[order]
    model.a_matrix_.value_ = rows.factor[order].astype(float)
    if whole:
        integer, any_number = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        model.integrality_ = [integer] * problem.edges + [any_number] * steps
    solver.passModel(model)
    return solver


@dataclass(frozen=True)
class _Rows:
    """Factors by row and column, and what no row may exceed."""

    row: Ints
    column: Ints
    factor: Ints
    limit: Ints


def _rows(problem: Problem) -> _Rows:
    """Columns are the edges, then the steps of load of each person. Rows, in this order:

    a task goes to one person at most; a person's hours are on the steps of their load; hours due by the end of a
    bucket fit what is left until then; a person holds so many tasks at most.
    """
    people, buckets, steps = problem.people, problem.buckets, len(problem.step_price)
    edges, task = np.arange(problem.edges), problem.task_of_edge()
    load, due, count = problem.tasks, problem.tasks + people, problem.tasks + people * buckets
    entries = [
        (task, edges, np.ones_like(edges)),
        (load + problem.person, edges, problem.hours),
        (
            load + np.repeat(np.arange(people), steps),
            problem.edges + np.arange(people * steps),
            -np.ones(people * steps),
        ),
        (count + problem.person, edges, np.ones_like(edges)),
    ]
    for bucket in range(buckets - 1):
        within = edges[problem.bucket[task] <= bucket]
        entries.append((due + bucket * people + problem.person[within], within, problem.hours[within]))
    limit = np.concatenate(
        (np.ones(problem.tasks), np.zeros(people), problem.room[:, :-1].T.ravel(), np.minimum(problem.most, UNLIMITED))
    )
    row, column, factor = (np.concatenate(part).astype(np.int64) for part in zip(*entries, strict=True))
    return _Rows(row, column, factor, limit.astype(np.int64))


def _columns_of(problem: Problem, chosen: Ints) -> Floats:
    taken = chosen[chosen >= 0]
    edges = np.zeros(problem.edges)
    edges[taken] = 1
    load = np.bincount(problem.person[taken], weights=problem.hours[taken], minlength=problem.people)
    width = problem.step_width
    before = np.cumsum(width, axis=1) - width
    return np.concatenate((edges, np.clip(load[:, None] - before, 0, width).ravel()))
