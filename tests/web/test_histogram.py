"""How scores are spread, as bars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web import histogram


@pytest.mark.parametrize(("score", "band"), [(0, 0), (9.9, 0), (10, 1), (79.9, 7), (80, 8), (99.9, 9), (100, 9)])
def test_each_score_is_in_its_band(score: float, band: int) -> None:
    assert [bar.people for bar in histogram.of([score])] == [int(at == band) for at in range(10)]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_everybody_is_in_one_band_and_the_fullest_is_as_high_as_the_drawing(scores: list[float]) -> None:
    bars = histogram.of(scores)
    assert sum(bar.people for bar in bars) == len(scores)
    assert max(float(bar.height) for bar in bars) == histogram.HEIGHT
    assert all(float(bar.y) + float(bar.height) == pytest.approx(histogram.HEIGHT, abs=0.11) for bar in bars)


def test_nothing_is_drawn_of_nothing() -> None:
    assert histogram.of([]) == []
