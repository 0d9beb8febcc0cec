"""The check of the locks finds what it is there for."""

import tomllib

import pytest

from tests import locks

HASH = "    --hash=sha256:00\n"
PROJECT = tomllib.loads(
    '[project]\ndependencies = ["django~=5.2.0"]\n[dependency-groups]\nbuild = []\ndev = ["ruff~=0.17"]\n'
    'solver = ["highspy~=1.16"]\n'
)
RUN = f"django==5.2.9 \\\n{HASH}"
DEV = f"{RUN}ruff==0.17.1 \\\n{HASH}"
SOLVER = f"highspy==1.16.0 \\\n{HASH}"


def test_fitting_locks_have_no_fault():
    assert locks.faults(PROJECT, RUN, DEV, SOLVER) == []


@pytest.mark.parametrize(
    ("run", "dev", "fault"),
    [
        (RUN.replace("5.2.9", "6.0.1"), DEV.replace("5.2.9", "6.0.1"), "django~=5.2.0 is not pinned in its range"),
        (RUN, RUN, "ruff~=0.17 is not pinned"),
        (RUN, DEV.replace("5.2.9", "5.2.8"), "django: run.txt and dev.txt pin it differently"),
        (RUN.replace(HASH, ""), DEV, "django==5.2.9 has no hash"),
        (f"--index-url https://example.invalid\n{RUN}", DEV, "names a place"),
    ],
)
def test_each_fault_is_named(run: str, dev: str, fault: str):
    assert any(fault in said for said in locks.faults(PROJECT, run, dev, SOLVER))


@pytest.mark.parametrize(
    ("solver", "fault"),
    [
        (f"numpy==2.4.6 \\\n{HASH}", "solver.txt: highspy~=1.16 is not pinned"),
        (f"{SOLVER}django==5.2.8 \\\n{HASH}", "django: run.txt and solver.txt pin it differently"),
    ],
)
def test_the_lock_of_the_solver_is_looked_at_too(solver: str, fault: str):
    assert any(fault in said for said in locks.faults(PROJECT, RUN, DEV, solver))
