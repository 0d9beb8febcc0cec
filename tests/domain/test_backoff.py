"""How long somebody else's server is left alone after a failure."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.backoff import LONGEST_ASKED, WAITS, wait_after

FAILURES = st.integers(1, len(WAITS))
ASKED = st.none() | st.timedeltas(timedelta(0), timedelta(days=400))


@given(FAILURES, st.text(), ASKED)
def test_a_wait_is_the_schedules_a_little_longer_or_what_was_asked(failures: int, seed: str, asked: object) -> None:
    wait = wait_after(failures, seed=seed, asked=asked)
    own = wait_after(failures, seed=seed)
    least = WAITS[failures - 1]
    assert least <= own <= 1.1 * least
    assert wait == (own if asked is None else max(own, min(asked, LONGEST_ASKED)))
    assert wait == wait_after(failures, seed=seed, asked=asked), "the same each time"


def test_waits_grow_and_then_it_is_given_up() -> None:
    assert list(WAITS) == sorted(WAITS)
    assert sum(WAITS, timedelta(0)) < timedelta(days=4)
    assert wait_after(len(WAITS) + 1, seed="x", asked=timedelta(hours=1)) is None


def test_what_failed_together_does_not_come_again_together() -> None:
    waits = {wait_after(3, seed=str(seed)) for seed in range(100)}
    assert len(waits) == 100
    assert max(waits) - min(waits) > 0.08 * WAITS[2]
