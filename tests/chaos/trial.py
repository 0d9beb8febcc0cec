"""One run: an installation, a driver, faults; then quiet, and the judgement."""

import contextlib
import dataclasses
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests import processes
from tests.chaos import effects, faults, installation
from tests.chaos.database import AWAY
from tests.chaos.driver import Driver
from tests.chaos.inside import Wishes

SETTLING_SECONDS = 420.0
"""How long nothing at all may be done. Above the waits of the product's own, and of a clock that was ahead."""


@dataclass(frozen=True)
class Plan:
    """What is tried. `seconds` is how long the events take to be posted."""

    place: str
    events: int
    seconds: float
    every_seconds: float
    wishes: Wishes
    seed: int
    without_keys: bool = False
    only: tuple[str, ...] = ()
    """Faults by name; all of the place when empty."""
    settling_seconds: float = SETTLING_SECONDS
    is_warm: bool = False
    """Whether parts are forks of one image; else each start is a program's."""


@dataclass
class Outcome:
    plan: Plan
    verdict: effects.Verdict
    faults: dict[str, int]
    """From outside, by name."""
    inner: dict[str, int]
    """Exceptions thrown and messages disturbed."""
    kills: int
    unanswered: int
    seconds: float
    settled_seconds: float
    answer_ms: dict[str, float]
    poisoned: tuple[int, int]
    """Poisoned jobs, and how many of them were given up."""
    retries: int
    crashes: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "place": self.plan.place,
            "events": self.plan.events,
            "seed": self.plan.seed,
            "unique_keys_of_the_domain": not self.plan.without_keys,
            "faults": self.faults | self.inner,
            "kills": self.kills,
            "unanswered_and_repeated": self.unanswered,
            "seconds": round(self.seconds, 1),
            "quiet_after_seconds": round(self.settled_seconds, 1),
            "answer_ms": {name: round(value, 1) for name, value in self.answer_ms.items()},
            "poisoned": list(self.poisoned),
            "retries": self.retries,
            "crashes": self.crashes,
            **self.verdict.as_dict(),
        }


def run(plan: Plan, folder: Path | None = None) -> Outcome:
    """Raises own_servers.NotInstalled, and TooLate with the logs when it does not come to rest."""
    with tempfile.TemporaryDirectory(prefix="nextmove-chaos-") as scratch:
        place = Path(scratch) if folder is None else folder
        with installation.running(
            plan.place,
            place,
            events=plan.events,
            wishes=dataclasses.replace(plan.wishes, seed=plan.seed),
            without_keys=plan.without_keys,
            is_warm=plan.is_warm,
        ) as here:
            return _torment(plan, here, place)


def _torment(plan: Plan, here: installation.Installation, folder: Path) -> Outcome:
    rng = random.Random(plan.seed)
    chosen = [one for one in faults.of(plan.place) if not plan.only or one.name in plan.only]
    driver = Driver(here.site, here.database, here.teams, plan.events, plan.seconds, rng)
    torment = faults.Torment(here, chosen, random.Random(plan.seed), plan.every_seconds, folder / "faults.jsonl")
    began = time.monotonic()
    driver.start()
    torment.start()
    try:
        try:
            _until(here, lambda: time.monotonic() - began > plan.seconds and driver.posted == plan.events, plan)
        finally:
            torment.stop()
        calm = time.monotonic()
        _until(here, lambda: driver.is_done, plan)
        _until(here, here.is_quiet, plan)
    except processes.TooLate as late:
        raise processes.TooLate(f"{late}; seed {plan.seed}, {dict(torment.counts)}\n{here.logs()}") from None
    finally:
        driver.given_up.set()
    settled = time.monotonic() - calm
    assert not torment.errors, torment.errors
    told_by_api = here.told_by_api()
    here.stop()  # so that nothing moves while it is counted
    verdict = effects.judge(range(plan.events), here.database, here.gateway, told_by_api=told_by_api)
    count = here.database.one
    return Outcome(
        plan=plan,
        verdict=verdict,
        faults=dict(sorted(torment.counts.items())),
        inner=dict(sorted(Counter(here.notes.read_text().splitlines()).items())) if here.notes.exists() else {},
        kills=torment.kills,
        unanswered=driver.unanswered,
        seconds=time.monotonic() - began,
        settled_seconds=settled,
        answer_ms=percentiles([took for _, took in driver.answered]),
        poisoned=(
            count("SELECT COUNT(*) FROM jobs_job WHERE name = 'chaos.poison'"),
            count("SELECT COUNT(*) FROM jobs_job WHERE name = 'chaos.poison' AND state = 'dead'"),
        ),
        retries=count("SELECT COALESCE(SUM(retries), 0) FROM jobs_job"),
        crashes=count("SELECT COALESCE(SUM(crashes), 0) FROM jobs_job"),
    )


def _until(here: installation.Installation, what: Callable[[], bool], plan: Plan) -> None:
    """Waits for as long as anything is being done: a slow machine is no failure, one that stands still is."""
    done, since = -1, time.monotonic()
    while not what():
        with contextlib.suppress(*AWAY):
            now = here.done()
            done, since = (now, time.monotonic()) if now != done else (done, since)
        if time.monotonic() - since > plan.settling_seconds:
            raise processes.TooLate(f"nothing was done for {plan.settling_seconds} s, and it is not all that is to do")
        time.sleep(0.2)


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=100)
    return {"p50": 1000 * cuts[49], "p99": 1000 * cuts[98], "most": 1000 * max(seconds)}
