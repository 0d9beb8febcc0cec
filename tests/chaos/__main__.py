"""`make chaos`: the long tiers, one after the other, and the JSON of what came of them, from which the tables of the
page are made (see `page`). It takes about an hour and a half.

    python -m tests.chaos [TIER ...] [--seed NUMBER] [--share 0.1] [--into FILE] [--logs FOLDER]
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests import own_servers, processes, servers
from tests.chaos import control, page, recovery, trial
from tests.chaos.inside import Wishes

WISHES = Wishes(
    exceptions=0.01,
    doubled=0.2,
    delayed=0.1,
    most_delay_seconds=30.0,
    grace_seconds=5.0,
    retry_seconds=2.0,
    lease_seconds=60.0,
    plans_seconds=120.0,
)
"""The product's waits shortened, so that there are more of their ends for a fault to fall on."""
EVERY_SECONDS = {"embedded": 2.5, "redis": 1.0, "rabbitmq": 1.0}
"""A restart costs less where another worker goes on meanwhile."""


def tier(place: str, events: int, seconds: float, *, seed: int, share: float, logs: Path | None) -> dict[str, Any]:
    plan = trial.Plan(
        place,
        round(events * share),
        seconds * share,
        EVERY_SECONDS[place],
        WISHES,
        seed,
        # Without the domain's unique keys the queue alone is judged.
        without_keys=place == "redis",
        is_warm=True,
    )
    return trial.run(plan, logs / place if logs else None).as_dict()


def plain(*, late: bool, seed: int, share: float, logs: Path | None) -> dict[str, Any]:
    return vars(control.run(events=round(500 * share), seconds=60 * share, every_seconds=1.0, seed=seed, late=late))


TIERS: dict[str, Callable[..., dict[str, Any]]] = {
    "embedded": partial(tier, "embedded", 5000, 600.0),
    "redis": partial(tier, "redis", 5000, 600.0),
    "rabbitmq": partial(tier, "rabbitmq", 1000, 240.0),
    "control, early": partial(plain, late=False),
    "control, late": partial(plain, late=True),
    "recovery": recovery.measure,
}


def main() -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.chaos")
    asked.add_argument("tiers", nargs="*", choices=[[], *TIERS], metavar="TIER", help=", ".join(TIERS))
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked.add_argument("--share", type=float, default=1.0, help="of the events and of the time")
    asked.add_argument("--into", type=Path, default=page.FIGURES)
    asked.add_argument("--logs", type=Path, help="a folder to keep what the parts said and the list of the faults")
    wishes = asked.parse_args()
    failed = 0
    for name in wishes.tiers or TIERS:
        print(f"== {name}, seed {wishes.seed} ==", flush=True)
        began = datetime.now(UTC)
        try:
            found = TIERS[name](seed=wishes.seed, share=wishes.share, logs=wishes.logs)
        except own_servers.NotInstalled as missing:
            print(f"NOT RUN: {missing}")
            failed += servers.required()
            continue
        except processes.TooLate as late:
            print(f"FAILED: {late}")
            failed += 1
            continue
        found |= {"ran_on": f"{began:%Y-%m-%d}", "commit": commit(), "cores": os.cpu_count()}
        print(json.dumps(found, indent=1))
        page.keep(wishes.into, name, found)
        for fault in page.faults(name, found):
            print(f"FAILED: {fault}")
            failed += 1
    return 1 if failed else 0


def commit() -> str:
    """What was run; with a + when files had been changed since."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip()


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(code)
