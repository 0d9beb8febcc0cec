"""A slow second opinion on local time and working time: minute by minute, with nothing of the product in it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)


def shown(instant: datetime, zone: ZoneInfo) -> datetime:
    """What clocks in the zone show, without a zone and without a fold."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def first_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks have come to `wall`: the first of two, the end of a gap. Whole minutes."""
    start = wall.replace(tzinfo=UTC) - timedelta(hours=30)
    return next(
        instant for n in range(60 * 60) if shown(instant := start + n * MINUTE, zone) >= wall.replace(microsecond=0)
    )


def working_minutes(
    spans: Iterable[tuple[int, int, int]], off: Iterable[date], zone: ZoneInfo, start: datetime, days: int
) -> list[bool]:
    """For each minute from `start` (UTC), whether it is worked.

    A span is a weekday and two minutes of the day; one that ends at or before its start runs into the next day.
    """
    bounds = []
    spans, off = list(spans), set(off)
    first = start.astimezone(zone).date() - timedelta(days=2)
    for n in range(days + 4):
        day = first + timedelta(days=n)
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall time
        for weekday, begins, ends in spans:
            if weekday == day.weekday() and day not in off:
                length = ends - begins if ends > begins else ends - begins + 24 * 60
                opens = midnight + begins * MINUTE
                bounds.append((first_showing(opens, zone), first_showing(opens + length * MINUTE, zone)))
    worked = [False] * (days * 24 * 60)
    for opens, closes in bounds:
        low, high = (opens - start) // MINUTE, (closes - start) // MINUTE
        for minute in range(max(low, 0), min(high, len(worked))):
            worked[minute] = True
    return worked
