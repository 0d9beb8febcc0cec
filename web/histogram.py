"""How scores are spread, as bars made on the server, with the same as a table."""

from collections.abc import Iterable
from dataclasses import dataclass

BANDS = 10
WIDTH, HEIGHT, GAP = 300, 96, 4
"""In units of the drawing."""


@dataclass(frozen=True)
class Bar:
    """One band of ten points: from `low` up to `high`, with `people` in it; the last holds 100 as well."""

    low: int
    high: int
    people: int
    x: str
    y: str
    width: str
    height: str


def of(scores: Iterable[float]) -> list[Bar]:
    """Bars of scores from 0 to 100; none without scores."""
    counts = [0] * BANDS
    for score in scores:
        counts[min(BANDS - 1, max(0, int(score * BANDS / 100)))] += 1
    most = max(counts)
    return [_bar(at, people, most) for at, people in enumerate(counts)] if most else []


def _bar(at: int, people: int, most: int) -> Bar:
    step, height = WIDTH / BANDS, HEIGHT * people / most
    return Bar(
        low=at * 100 // BANDS,
        high=(at + 1) * 100 // BANDS,
        people=people,
        x=f"{at * step + GAP / 2:.1f}",
        y=f"{HEIGHT - height:.1f}",
        width=f"{step - GAP:.1f}",
        height=f"{height:.1f}",
    )
