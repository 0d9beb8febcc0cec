"""The engine of matching: no limit is ever broken, its bound holds, and small problems are solved as by brute force."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.matching import engine, exact, prices
from domain.matching.problem import UNLIMITED, Problem, components, part, possible
from domain.matching.standing import NOBODY, Standing

needs_highs = pytest.mark.skipif(not exact.available(), reason="HiGHS is not installed (requirements/solver.txt)")
LITTLE = engine.Effort(all_starts=True, looks=10_000, renewals=1_000)


def make_problem(edges: list[list[tuple[int, int, int]]], room: list[list[int]], **changes) -> Problem:
    """`edges[task]` lists (person, gain, hours)."""
    flat = [edge for of_task in edges for edge in sorted(of_task)]
    people = len(room)
    plain = {
        "first": np.cumsum([0, *map(len, edges)]),
        "person": np.array([edge[0] for edge in flat], dtype=np.int64),
        "gain": np.array([edge[1] for edge in flat], dtype=np.int64),
        "hours": np.array([edge[2] for edge in flat], dtype=np.int64),
        "bucket": np.zeros(len(edges), dtype=np.int64),
        "room": np.array(room, dtype=np.int64),
        "most": np.full(people, UNLIMITED),
        "step_width": np.array([[of[-1] // 2, of[-1] - of[-1] // 2] for of in room], dtype=np.int64),
        "step_price": np.array([0, 2]),
    }
    return Problem(**{**plain, **changes})


@st.composite
def problems(draw, tasks: int = 5, people: int = 3) -> Problem:
    count = draw(st.integers(1, people))
    pair = st.tuples(st.integers(3, 40), st.integers(1, 6))
    of_task = st.dictionaries(st.integers(0, count - 1), pair, max_size=count)
    edges = [
        [(person, gain * hours, hours) for person, (gain, hours) in task.items()]
        for task in draw(st.lists(of_task, min_size=1, max_size=tasks))
    ]
    buckets = draw(st.integers(1, 3))
    room = draw(
        st.lists(st.lists(st.integers(-2, 14), min_size=buckets, max_size=buckets), min_size=count, max_size=count)
    )
    widths = [[max(0, max(of)) // 2, max(0, max(of)) - max(0, max(of)) // 2] for of in room]
    most = draw(st.lists(st.sampled_from([0, 1, 2, UNLIMITED]), min_size=count, max_size=count))
    bucket = draw(st.lists(st.integers(0, buckets - 1), min_size=len(edges), max_size=len(edges)))
    return make_problem(
        edges,
        room,
        bucket=np.array(bucket),
        most=np.array(most),
        step_width=np.array(widths),
        step_price=np.array(sorted(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))))),
    )


def every_plan(problem: Problem) -> int:
    """The best value of all plans there are."""
    choices = [[NOBODY, *range(problem.first[task], problem.first[task + 1])] for task in range(problem.tasks)]
    best = 0
    for plan in itertools.product(*choices):
        try:
            best = max(best, problem.value(np.array(plan)))
        except ValueError:
            continue
    return best


@given(problems())
@settings(max_examples=60, deadline=None)
def test_no_plan_is_above_the_bound_and_the_plan_breaks_no_limit(problem: Problem):
    plan = engine.solve(problem, effort=LITTLE)
    assert problem.value(plan.chosen) == plan.value  # raises when a limit is broken
    assert plan.value <= every_plan(problem) <= plan.bound


@needs_highs
@given(problems())
@settings(max_examples=60, deadline=None)
def test_with_highs_small_problems_are_solved_as_by_brute_force(problem: Problem):
    plan = engine.solve(problem, prove=exact.solve, effort=LITTLE, tolerance=0)
    assert not plan.fault
    assert plan.value == every_plan(problem)


@given(problems(tasks=12, people=4))
@settings(max_examples=50, deadline=None)
def test_nobody_is_idle_beside_a_task_that_would_gain(problem: Problem):
    standing = Standing(problem)
    standing.restore(engine.solve(problem, effort=LITTLE).chosen.tolist())
    for task, chosen in enumerate(standing.chosen):
        for edge in range(problem.first[task], problem.first[task + 1]):
            assert chosen != NOBODY or not standing.fits(task, edge) or standing.gain_of(edge) <= 0


@given(problems(tasks=12, people=4), st.data())
@settings(max_examples=50, deadline=None)
def test_a_standing_knows_what_fits_without_counting_anew(problem: Problem, data: st.DataObject):
    standing = Standing(problem)
    for _ in range(data.draw(st.integers(0, 25))):
        task = data.draw(st.integers(0, problem.tasks - 1))
        if standing.chosen[task] != NOBODY:
            for edge, out in itertools.product(range(problem.edges), range(problem.tasks)):
                _check_instead(standing, problem, edge, out)
            standing.take(task)
            continue
        for edge in range(problem.first[task], problem.first[task + 1]):
            tried = list(standing.chosen)
            tried[task] = edge
            assert standing.fits(task, edge) == _allowed(problem, tried)
            if standing.fits(task, edge):
                assert standing.value + standing.gain_of(edge) == problem.value(np.array(tried))
                standing.put(task, edge)
                break
        assert standing.value == problem.value(np.array(standing.chosen))


def _check_instead(standing: Standing, problem: Problem, edge: int, out: int) -> None:
    task = int(problem.task_of_edge()[edge])
    if standing.chosen[task] != NOBODY or standing.chosen[out] == NOBODY or task == out:
        return
    if problem.person[standing.chosen[out]] != problem.person[edge]:
        return
    tried = list(standing.chosen)
    tried[task], tried[out] = edge, NOBODY
    load = standing.load[problem.person[edge]]
    fits = standing.fits_instead(task, edge, out) and load - problem.hours[standing.chosen[out]] >= 0
    assert fits == _allowed(problem, tried)


def _allowed(problem: Problem, plan: list[int]) -> bool:
    try:
        problem.value(np.array(plan))
    except ValueError:
        return False
    return True


@given(problems(tasks=8, people=4))
@settings(max_examples=50, deadline=None)
def test_what_is_rolled_back_is_as_it_was(problem: Problem):
    standing = Standing(problem)
    plan = engine.solve(problem, effort=LITTLE).chosen.tolist()
    standing.restore(plan)
    before = (
        standing.value,
        list(standing.load),
        [list(held) for held in standing.held],
        list(map(list, standing.room)),
    )
    standing.mark()
    for task in range(problem.tasks):
        if standing.chosen[task] != NOBODY:
            standing.take(task)
    standing.rollback()
    after = (
        standing.value,
        list(standing.load),
        [list(held) for held in standing.held],
        list(map(list, standing.room)),
    )
    assert after == before
    assert standing.chosen == plan


@needs_highs
@given(problems(tasks=12, people=4))
@settings(max_examples=30, deadline=None)
def test_prices_of_hours_due_dates_and_counts_come_near_the_relaxation(every: Problem):
    problem, _ = possible(every)
    least = exact.relaxed(problem)
    bound = prices.find(problem).bound
    assert bound >= int(least - 1e-6)
    assert bound <= least * 1.02 + 2


@needs_highs
def test_prices_of_many_due_dates_come_near_the_relaxation():
    """Twenty people, 58 due dates and far more work than there are hours: an early hour pays 58 prices."""
    chance = np.random.default_rng(5)
    tasks, people, dates = 2000, 20, 58
    bucket = np.sort(chance.integers(0, dates, tasks))
    hours = np.repeat(chance.integers(4, 20, tasks), people)
    worth = np.repeat(chance.choice([340, 400, 500, 700], tasks) + 200 - 6 * bucket, people)
    worth += 40 * chance.integers(0, 6, tasks * people)
    room = np.minimum(160, 24 + 8 * np.arange(dates))
    problem = make_problem(
        [[] for _ in range(tasks)],
        [room.tolist()] * people,
        first=np.arange(0, tasks * people + 1, people),
        person=np.tile(np.arange(people), tasks),
        gain=worth * hours,
        hours=hours,
        bucket=bucket,
        step_width=np.full((people, 10), 16),
        step_price=7 * np.arange(10),
    )
    assert 1 <= prices.find(problem).bound / exact.relaxed(problem) <= 1.003


def test_parts_that_share_nobody_are_apart():
    problem = make_problem([[(0, 10, 2)], [(2, 10, 2)], [], [(0, 8, 2), (1, 8, 2)]], [[9], [9], [9]])
    found = [(tasks.tolist(), people.tolist()) for tasks, people in components(problem)]
    assert found == [([0, 3], [0, 1]), ([1], [2])]
    inner, edges = part(problem, np.array([0, 3]), np.array([0, 1]))
    assert (inner.tasks, inner.people, edges.tolist()) == (2, 2, [0, 2, 3])


def test_a_person_never_gets_more_tasks_than_they_may_hold():
    problem = make_problem([[(0, 50, 1)], [(0, 40, 1)], [(0, 30, 1)]], [[20]], most=np.array([2]))
    assert engine.solve(problem).chosen.tolist() == [0, 1, NOBODY]


def test_what_is_due_first_takes_hours_from_what_is_due_later():
    """6 h until today's end, 8 h until tomorrow's: 4 h today and 5 h tomorrow do not fit together."""
    problem = make_problem(
        [[(0, 40, 4)], [(0, 60, 5)]], [[6, 8]], bucket=np.array([0, 1]), step_width=np.array([[4, 4]])
    )
    assert engine.solve(problem).chosen.tolist() == [NOBODY, 1]


def test_a_solver_that_fails_leaves_the_plan_and_says_why():
    def broken(*_args):
        raise exact.SolverFailed("HiGHS ended as Unknown.")

    # Two tasks that almost fill one person: the bound shares one of them out, so the plan is not proven.
    problem = make_problem([[(0, 60, 6)], [(0, 55, 5)]], [[8]])
    plan = engine.solve(problem, prove=broken)
    assert plan.value == 56
    assert plan.fault == "HiGHS ended as Unknown."
    assert plan.solver == engine.OWN


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hours": np.array([0])}, "at least a quarter hour"),
        ({"step_price": np.array([2, 0])}, "must not fall"),
        ({"step_width": np.array([[1, 1]])}, "must hold all the room"),
    ],
)
def test_a_problem_that_makes_no_sense_is_refused(changes: dict, reason: str):
    problem = make_problem([[(0, 10, 2)]], [[9]])
    with pytest.raises(ValueError, match=reason):
        replace(problem, **changes)


def test_every_process_and_hash_seed_finds_the_same_plan():
    code = (
        "import json, numpy as np\n"
        "from tests.domain.test_engine import large\n"
        "from domain.matching import engine\n"
        "plan = engine.solve(large())\n"
        "print(json.dumps([plan.value, plan.bound, plan.passes, plan.chosen.tolist()]))\n"
    )
    here = engine.solve(large())
    for seed in ("1", "2"):
        answer = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(answer.stdout) == [here.value, here.bound, here.passes, here.chosen.tolist()]


def large() -> Problem:
    """40 tasks for 6 people, a little more than they have hours for."""
    edges = [
        [
            (who, (100 + 37 * task % 400 + 13 * who % 70) * (2 + task % 9), 2 + task % 9)
            for who in {task % 6, task % 4, 5}
        ]
        for task in range(40)
    ]
    return make_problem(edges, [[40]] * 6)


def test_a_solver_that_cannot_be_loaded_has_failed_like_any_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "highspy", None)
    problem = make_problem([[(0, 5, 1), (1, 4, 1)], [(0, 6, 2)]], [[2], [2]])
    with pytest.raises(exact.SolverFailed, match="cannot be loaded"):
        exact.solve(problem, np.array([NOBODY, NOBODY]), 0)
