"""Daily scores as a small drawing, made on the server: a line over the days, and the same in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from people import speech
from performance import trends
from web.templatetags.face import figure

WIDTH, HEIGHT, MARGIN = 300, 64, 4
"""In units of the drawing, which is stretched to its place; the line keeps its breadth."""


@dataclass(frozen=True)
class Day:
    on: date
    score: float


@dataclass(frozen=True)
class Sparkline:
    """A trend to be drawn. `path` is the line, broken on days without a score; `newest` the point it ends in.

    `high` and `low` are where the lines of 80 and 50 lie. `words` say what the drawing shows, `days` each point of it,
    the newest first.
    """

    path: str
    newest: str
    high: str
    low: str
    words: str
    days: Sequence[Day]


def of(trend: Iterable[Mapping[str, Any]], *, until: date) -> Sparkline | None:
    """The last 90 days of scores of 0 to 100, as `performance.trends` gives them; None when there is none."""
    runs = _runs(trend)
    days = [day for run in runs for day in run]
    if not days:
        return None
    return Sparkline(
        path=" ".join(_line(run, until) for run in runs),
        newest=_line(days[-1:], until),
        high=_y(80),
        low=_y(50),
        words=_words(days),
        days=days[::-1],
    )


def _runs(trend: Iterable[Mapping[str, Any]]) -> list[list[Day]]:
    """Days with a score, parted where one without enough data lies between."""
    runs: list[list[Day]] = [[]]
    for point in trend:
        if point["performance_score"] is not None:
            runs[-1].append(Day(date.fromisoformat(point["on"]), point["performance_score"]))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(run: Sequence[Day], until: date) -> str:
    """A path through the days. One day alone is a line without length, whose round ends make a dot."""
    points = [f"{_x(day.on, until)} {_y(day.score)}" for day in run]
    return f"M{points[0]} L{' L'.join(points[1:] or points)}"


def _x(on: date, until: date) -> str:
    share = 1 - (until - on).days / (trends.DAYS - 1)
    return f"{MARGIN + share * (WIDTH - 2 * MARGIN):.1f}"


def _y(score: float) -> str:
    return f"{MARGIN + (1 - score / 100) * (HEIGHT - 2 * MARGIN):.1f}"


def _words(days: Sequence[Day]) -> str:
    first, last, scores = days[0], days[-1], [day.score for day in days]
    if len(days) == 1:
        return _("%(score)s on %(day)s, the first score kept.") % {"score": figure(last.score), "day": _day(last.on)}
    return _("From %(first)s on %(since)s to %(last)s on %(until)s; lowest %(low)s, highest %(high)s.") % {
        "first": figure(first.score),
        "since": _day(first.on),
        "last": figure(last.score),
        "until": _day(last.on),
        "low": figure(min(scores)),
        "high": figure(max(scores)),
    }


def _day(on: date) -> str:
    return speech.dated(on, "j M")
