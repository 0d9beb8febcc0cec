"""Killed at any line, nothing is lost and nothing doubled."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.killpoints import POINTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.database
@pytest.mark.long
def test_nothing_is_lost_or_doubled(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    name = f"{os.environ.get('NEXTMOVE_TEST_RUN', os.getpid())}_kill"
    done = subprocess.run(
        [sys.executable, "-m", "tests.jobs.killpoints"],
        cwd=ROOT,
        env=os.environ | {"GATEWAY": str(tmp_path / "gateway"), "NEXTMOVE_TEST_RUN": name},
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = {one["point"]: one for one in map(json.loads, done.stdout.splitlines())}
    record_property("figures", table(list(outcomes.values())))
    assert set(outcomes) == set(POINTS)
    assert {point for point, one in outcomes.items() if not one["killed"]} == set()
    assert {p: one["found"] for p, one in outcomes.items()} == {p: one["expected"] for p, one in outcomes.items()}


def table(outcomes: list[dict[str, Any]]) -> str:
    """Effects that are missing or too many after each kill, and those that there are."""
    lines = ["Killed at one line, started again", f"{'line':<42} {'lost':>4} {'doubled':>7}  effects"]
    for one in outcomes:
        off = [one["found"][name] - wanted for name, wanted in one["expected"].items()]
        lost, doubled = -sum(n for n in off if n < 0), sum(n for n in off if n > 0)
        effects = ", ".join(f"{n} {name}" for name, n in one["found"].items() if n)
        lines.append(f"{one['point']:<42} {lost:>4} {doubled:>7}  {effects}")
    return "\n".join(lines)
