"""Killed at any line, nothing is lost and nothing doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.killpoints import POINTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.database
def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    name = f"{os.environ.get('NEXTMOVE_TEST_RUN', os.getpid())}_kill"
    done = subprocess.run(
        [sys.executable, "-m", "tests.jobs.killpoints"],
        cwd=ROOT,
        env=os.environ | {"GATEWAY": str(tmp_path / "gateway"), "NEXTMOVE_TEST_RUN": name},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = {one["point"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert set(outcomes) == set(POINTS)
    assert {point for point, one in outcomes.items() if not one["killed"]} == set()
    assert {p: one["found"] for p, one in outcomes.items()} == {p: one["expected"] for p, one in outcomes.items()}
