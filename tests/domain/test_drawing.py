"""Drawing by name: the same everywhere, uniform, and as often as the weights say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.learning import drawing


def test_the_same_names_draw_the_same_in_every_process_and_release():
    """Who is in which arm or held out must not change when the product is updated."""
    assert drawing.share("best-time-holdout", 3, 41) == 0.09217546515560593
    assert drawing.pick((0.25, 0.25, 0.5), 7, "salt", 12) == 0


def test_names_and_their_order_count():
    assert len({drawing.share(*names) for names in [(1, 2), (2, 1), (12,), ("1", "2", "")]}) == 4


def test_shares_are_uniform():
    drawn = np.sort([drawing.share("a", number) for number in range(20_000)])
    # Kolmogorov-Smirnov: for uniform numbers beyond 1.95 / sqrt(n) once in a thousand such lists
    assert np.abs(drawn - (np.arange(20_000) + 0.5) / 20_000).max() < 1.95 / 20_000**0.5


def test_each_is_picked_as_often_as_its_weight_says():
    weights = (0.5, 0.3, 0.2)
    counts = np.bincount([drawing.pick(weights, "b", number) for number in range(20_000)])
    assert np.abs(counts / 20_000 - weights).max() < 0.012


@given(st.lists(st.just(0.0) | st.floats(0.001, 1), min_size=1, max_size=5).filter(any), st.integers())
def test_what_weighs_nothing_is_never_picked(weights, number):
    assert weights[drawing.pick(weights, number)] > 0
