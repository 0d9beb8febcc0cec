"""What rules do as small drawings, made on the server, each with the same in words or as a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from people import speech

SPARK_DAYS = 8
MOST_COLUMNS = 62
"""Days that a chart shows one by one; more are drawn by the week."""
STEP, BREADTH, HEIGHT = 10, 7, 100
"""In units of the drawing, which is stretched to its place."""


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Spark:
    """The tasks of the last days as bars. `words` say the same."""

    bars: list[Bar]
    words: str
    width: int = SPARK_DAYS * STEP
    total: int = 0


def spark(by_day: Iterable[Mapping[str, Any]], *, until: date) -> Spark:
    """The last eight days up to `until`, of figures by day as `automation.statistics` gives them."""
    made = {day["on"]: day["tasks_created"] for day in by_day}
    counts = [made.get(until - timedelta(days=back), 0) for back in reversed(range(SPARK_DAYS))]
    most = max(*counts, 1)
    bars = [_bar(at, count * 22 / most if count else 1, 24) for at, count in enumerate(counts)]
    total = sum(counts)
    words = ngettext("%(n)s task in the last 8 days", "%(n)s tasks in the last 8 days", total) % {"n": total}
    return Spark(bars, f"{words}: {', '.join(map(str, counts))}", total=total)


@dataclass(frozen=True)
class Column:
    """A day, or a week from its Monday: tasks that fall due, their hours, and the hours of those who get them."""

    on: date
    tasks: int
    hours: float
    capacity: float
    room: Bar
    load: Bar
    over: bool


@dataclass(frozen=True)
class LoadChart:
    columns: list[Column]
    width: int
    top: float
    by_week: bool
    words: str


def loads(rows: Sequence[Mapping[str, Any]]) -> LoadChart | None:
    """Hours of work by the day it falls due against the working hours, of all owners together; None without any."""
    if not rows:
        return None
    first, last = rows[0]["on"], rows[-1]["on"]
    by_week = (last - first).days >= MOST_COLUMNS
    found: dict[date, list[float]] = {}
    at = _start(first, by_week)
    while at <= last:
        found[at] = [0, 0, 0]
        at += timedelta(days=7 if by_week else 1)
    for row in rows:
        sums = found[_start(row["on"], by_week)]
        for place, name in enumerate(("tasks", "hours", "capacity_hours")):
            sums[place] += row[name]
    top = max(1.0, *(max(hours, capacity) for _, hours, capacity in found.values()))
    columns = [
        Column(
            on,
            int(tasks),
            hours,
            capacity,
            room=_bar(place, capacity / top * HEIGHT, HEIGHT),
            load=_bar(place, hours / top * HEIGHT, HEIGHT),
            over=hours > capacity,
        )
        for place, (on, (tasks, hours, capacity)) in enumerate(found.items())
    ]
    return LoadChart(columns, len(columns) * STEP, top, by_week, _words(columns))


def _start(on: date, by_week: bool) -> date:
    return on - timedelta(days=on.weekday()) if by_week else on


def _bar(place: int, height: float, whole: int) -> Bar:
    return Bar(place * STEP + (STEP - BREADTH) / 2, round(whole - height, 1), round(height, 1))


def _words(columns: Sequence[Column]) -> str:
    busiest = max(columns, key=lambda column: column.hours)
    over = sum(column.over for column in columns)
    told = _("%(tasks)s tasks from %(since)s to %(until)s; most on %(busiest)s.") % {
        "tasks": sum(column.tasks for column in columns),
        "since": speech.dated(columns[0].on, "j M"),
        "until": speech.dated(columns[-1].on, "j M"),
        "busiest": speech.dated(busiest.on, "j M"),
    }
    if not over:
        return told
    more = ngettext(
        "On %(n)s of them there is more work than hours.", "On %(n)s of them there is more work than hours.", over
    )
    return f"{told} {more % {'n': over}}"
