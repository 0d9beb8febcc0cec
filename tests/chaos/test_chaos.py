"""`make chaos`: 200 events while processes and servers die, before the long tiers. It takes minutes, so `make test`
leaves it out."""

import dataclasses

import pytest

from tests import own_servers, servers
from tests.chaos import control, faults, trial
from tests.chaos.inside import Wishes

SHORT = Wishes(
    exceptions=0.01,
    doubled=0.2,
    delayed=0.1,
    most_delay_seconds=3.0,
    grace_seconds=3.0,
    retry_seconds=1.0,
    lease_seconds=15.0,
    plans_seconds=8.0,
)
"""The product's waits, so short that a run of half a minute meets the ends of all of them."""
pytestmark = pytest.mark.chaos
EVENTS, SECONDS = 200, 25.0
LONG = {"poison job", "broker down 60 s", "clock 5 min wrong"}
"""Faults that take longer than this tier."""


def tried(place: str, **more: object) -> trial.Outcome:
    """A run of the small tier; skipped aloud where its servers are not installed."""
    chosen = tuple(fault.name for fault in faults.of(place) if fault.name not in LONG)
    plan = trial.Plan(place, EVENTS, SECONDS, every_seconds=1.5, wishes=SHORT, seed=1, only=chosen, is_warm=True)
    try:
        return trial.run(dataclasses.replace(plan, **more))  # type: ignore[arg-type] (named by their fields)
    except own_servers.NotInstalled as missing:
        if servers.required():
            pytest.fail(f"NEXTMOVE_TEST_REQUIRE=all, and {missing}")
        pytest.skip(str(missing))


@pytest.mark.parametrize(("place", "without_keys"), [("embedded", False), ("redis", True)])
def test_nothing_is_lost_or_doubled(place: str, without_keys: bool) -> None:
    """On PostgreSQL + Redis without the domain's unique keys, so that the queue alone is judged."""
    outcome = tried(place, without_keys=without_keys)
    verdict = outcome.verdict
    assert outcome.kills > 0
    assert verdict.off == {}
    assert (verdict.webhooks_lost, verdict.webhooks_doubled) == (0, 0), verdict
    assert (verdict.letters_lost, verdict.letters_doubled) == (0, 0), verdict


def test_plain_celery_is_seen_to_lose_or_double() -> None:
    try:
        outcome = control.run(events=EVENTS, seconds=15.0, every_seconds=0.7, seed=1, late=False)
    except own_servers.NotInstalled as missing:
        if servers.required():
            pytest.fail(f"NEXTMOVE_TEST_REQUIRE=all, and {missing}")
        pytest.skip(str(missing))
    assert outcome.lost + outcome.doubled > 0, outcome
