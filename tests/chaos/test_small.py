"""200 events over HTTP, and at every line where it is dangerous a process that ends there by itself."""

import random
from pathlib import Path

import pytest

from tests import processes
from tests.chaos import effects, installation, lines
from tests.chaos.driver import Driver
from tests.chaos.inside import Wishes

EVENTS, SEED = 200, 1
pytestmark = pytest.mark.long


def test_whatever_line_a_process_ends_at_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    wishes = Wishes(exceptions=0.02, retry_seconds=1.0, lease_seconds=4.0, seed=SEED, lines=str(tmp_path / "lines"))
    lines.lay_out(tmp_path / "lines")
    with installation.running("embedded", tmp_path / "place", events=EVENTS, wishes=wishes, is_warm=True) as here:
        driver = Driver(here.site, here.database, here.teams, EVENTS, seconds=1.0, rng=random.Random(SEED))
        driver.start()
        try:
            processes.until(lambda: driver.is_done, seconds=240, why="not all was answered")
            processes.until(here.is_quiet, seconds=240, why="not all was done")
        except processes.TooLate as late:
            raise processes.TooLate(f"{late}\n{here.logs()}") from None
        finally:
            driver.given_up.set()
        told_by_api = here.told_by_api()
        here.stop()
        verdict = effects.judge(range(EVENTS), here.database, here.gateway, told_by_api=told_by_api)
    assert lines.left(tmp_path / "lines") == [], "each line was met as often as it was to be"
    assert verdict.off == {}
    assert (verdict.webhooks_lost, verdict.webhooks_doubled) == (0, 0), verdict
    assert (verdict.letters_lost, verdict.letters_doubled) == (0, 0), verdict
