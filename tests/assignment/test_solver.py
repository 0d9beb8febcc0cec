"""The solver has a process of its own: whatever becomes of it, the plan found without it is carried out."""

import sys
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from assignment import runs, solver
from assignment.models import Run
from domain.matching import engine, exact
from people.models import Team
from tests import builders
from tests.domain.test_engine import make_problem, needs_highs
from work.models import Task

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PARTS = [
    make_problem([[(0, 60, 6)], [(0, 55, 5)]], [[8]]),
    make_problem([[(0, 60, 6), (1, 50, 6)], [(0, 55, 5)], [(0, 30, 3), (1, 31, 3)]], [[8], [7]]),
]


@pytest.fixture
def team() -> Team:
    """Two hours are left for tasks of one and a half and one and a quarter: a bound shares one of them out."""
    team = builders.make_team()
    builders.make_user(team=team)
    for hours in ("1.5", "1.25"):
        builders.make_task(
            team=team, estimated_hours=Decimal(hours), due_date=MONDAY.replace(hour=11), created_at=MONDAY
        )
    return team


@pytest.mark.django_db
@pytest.mark.database
@pytest.mark.parametrize(
    ("does", "fault"),
    [
        ("import os; os.abort()", "HiGHS has crashed (signal 6)"),
        ("raise SystemExit(3)", "HiGHS has ended (exit code 3)"),
        ("import signal; signal.pause()", "HiGHS took more than 0.3 s"),
        ("print('hello')", "HiGHS has answered nothing that can be read"),
        ("print('[1]')", "HiGHS has answered nothing that can be read"),
    ],
)
def test_a_solver_that_crashes_or_hangs_leaves_the_plan_and_says_why(
    team: Team, does: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "available", lambda: True)
    monkeypatch.setattr(solver, "COMMAND", [sys.executable, "-c", does])
    monkeypatch.setattr(solver, "SECONDS", 0.3 if "pause" in does else 60)
    run = runs.run(team, now=MONDAY)
    assert (run.state, run.solver, run.given) == (Run.DONE, engine.OWN, 1)
    assert run.fault.startswith(fault)
    assert Task.objects.filter(assignee__isnull=False).count() == 1


def test_a_solver_that_cannot_be_started_has_failed_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "COMMAND", ["/nowhere/python"])
    with solver.Solver() as asked, pytest.raises(exact.SolverFailed, match="cannot be started"):
        asked(PARTS[0], np.array([-1, -1]), 0)


def test_one_that_has_failed_is_not_asked_for_the_other_parts_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "COMMAND", [sys.executable, "-c", "raise SystemExit(3)"])
    with solver.Solver() as asked:
        for _ in range(2):
            with pytest.raises(exact.SolverFailed, match="exit code 3"):
                asked(PARTS[0], np.array([-1, -1]), 0)
            monkeypatch.setattr(solver, "COMMAND", ["/nowhere/python"])


@needs_highs
def test_it_answers_as_in_the_same_process_one_part_after_the_other() -> None:
    with solver.Solver() as asked:
        for problem in PARTS:
            start = engine.solve(problem).chosen
            apart, here = asked(problem, start, 0), exact.solve(problem, start, 0)
            assert (apart.chosen.tolist(), apart.bound) == (here.chosen.tolist(), here.bound)


@needs_highs
def test_what_goes_wrong_inside_is_told_and_the_next_part_is_asked_for() -> None:
    with solver.Solver() as asked:
        with pytest.raises(exact.SolverFailed, match="IndexError"):
            asked(PARTS[0], np.array([99, 99]), 0)
        assert asked(PARTS[1], np.array([-1, -1, -1]), 0).bound > 0


@needs_highs
@pytest.mark.django_db
@pytest.mark.database
def test_whoever_asks_for_a_plan_need_not_load_the_solver(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    run = runs.run(team, now=MONDAY)
    assert (run.solver, run.fault) == (exact.version(), "")
