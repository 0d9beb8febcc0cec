"""How long after something a task is due: elapsed hours, local days, or working time; and the instant that makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from domain import calendars

Kind = Literal["elapsed", "calendar", "business"]
Outside = Literal["as_is", "next", "previous"]
Choice = Literal["as_is", "next", "previous", ""]

MAX_HOURS = 87_600  # ten years
MAX_DAYS = 3_650
_FIELDS = frozenset({"kind", "hours", "days", "at", "outside"})


@dataclass(frozen=True)
class Delay:
    """How long after its cause something is due.

    elapsed: `hours` later, whatever the clock says. calendar: `days` local days later, at the local time `at`, else at
    the same wall time. business: `days` working days later, at `at`, else at the same wall time; without `days`,
    `hours` of working time later. `outside` says what happens to a due time outside working time: it moves to the
    `next` or back to the `previous` working time, or stays `as_is`; empty is the kind's own: as_is for elapsed, next
    for the others.
    """

    kind: Kind = "elapsed"
    hours: Decimal = Decimal(0)
    days: int | None = None
    at: time | None = None
    outside: Choice = ""


@dataclass(frozen=True)
class Due:
    """An instant in UTC, and what the clocks of `zone` show then. `note` says what could not be done as asked."""

    instant: datetime
    wall: datetime
    zone: str
    note: str = ""


def due(delay: Delay, *, start: datetime, schedule: calendars.Schedule) -> Due:
    """When `delay` after the aware `start` is over, by the zone, working week and days off of `schedule`.

    Only `previous` may answer before `start`. Raises ValueError for a delay that `check` complains about.
    """
    if problems := check(delay):
        raise ValueError(" ".join(problems))
    note = ""
    try:
        instant = _count(delay, start, schedule)
    except calendars.NoWorkingTime:
        note = "There is no working time to count in, so the delay was counted as elapsed time: check working hours."
        instant = _as_elapsed(delay, start, schedule.zone)
    return at_instant(calendars.shift_into_working_time(instant, schedule, outside(delay)), schedule.zone, note=note)


def at_instant(instant: datetime, zone: ZoneInfo, *, note: str = "") -> Due:
    """An instant with what clocks in `zone` show then."""
    wall = instant.astimezone(zone).replace(tzinfo=None, fold=0)
    return Due(instant.astimezone(UTC), wall, zone.key, note)


def outside(delay: Delay) -> Outside:
    """What happens to a due time outside working time: as said, else as is usual for the kind."""
    if delay.outside:
        return delay.outside
    return "as_is" if delay.kind == "elapsed" else "next"


def follows_the_calendar(delay: Delay) -> bool:
    """Whether the due time depends on a zone, working hours or holidays; elapsed hours kept as they fall do not."""
    return delay.kind != "elapsed" or outside(delay) != "as_is"


def _count(delay: Delay, start: datetime, schedule: calendars.Schedule) -> datetime:
    if delay.kind == "elapsed":
        return start.astimezone(UTC) + _elapsed(delay.hours)
    if delay.kind == "calendar":
        return _local_days(delay.days or 0, delay.at, start, schedule.zone)
    if delay.days is None:
        return calendars.add_working_hours(schedule, start, delay.hours)
    return _working_days(delay.days, delay.at, start, schedule)


def _working_days(days: int, at: time | None, start: datetime, schedule: calendars.Schedule) -> datetime:
    """Without days to go, an hour of today that is over means the next working day."""
    local = start.astimezone(schedule.zone)
    day = calendars.working_day_after(schedule, local.date(), days)
    if day == local.date() and at is None:
        return start.astimezone(UTC)  # the wall time alone would go back to the first of two in a fold
    instant = calendars.from_wall(datetime.combine(day, at or local.time()), schedule.zone)
    if instant >= start:
        return instant
    return calendars.from_wall(
        datetime.combine(calendars.next_working_day(schedule, day), at or local.time()), schedule.zone
    )


def _local_days(days: int, at: time | None, start: datetime, zone: ZoneInfo) -> datetime:
    """Without days to go, an hour of today that is over means tomorrow."""
    local = start.astimezone(zone)
    if days == 0 and at is None:
        return start.astimezone(UTC)
    wall = datetime.combine(local.date() + timedelta(days=days), at or local.time())
    instant = calendars.from_wall(wall, zone)
    return instant if instant >= start else calendars.from_wall(wall + timedelta(days=1), zone)


def _as_elapsed(delay: Delay, start: datetime, zone: ZoneInfo) -> datetime:
    if delay.days is None:
        return start.astimezone(UTC) + _elapsed(delay.hours)
    return _local_days(delay.days, delay.at, start, zone)


def _elapsed(hours: Decimal) -> timedelta:
    return timedelta(microseconds=round(Decimal(hours) * 3_600_000_000))


def check(delay: Delay) -> list[str]:
    """What is wrong with a delay, in words that say how to mend it; empty when nothing is."""
    problems = []
    if delay.kind not in get_args(Kind):
        problems.append(f"Unknown kind of delay {delay.kind!r}: use {', '.join(get_args(Kind))}.")
    if delay.outside not in get_args(Choice):
        problems.append(f"Unknown choice {delay.outside!r} for times outside working hours: use next, previous, as_is.")
    hours = delay.hours
    if not Decimal(hours).is_finite() or not 0 <= hours <= MAX_HOURS:
        problems.append(f"hours is {hours}: give a number from 0 to {MAX_HOURS}.")
    if delay.days is not None and not 0 <= delay.days <= MAX_DAYS:
        problems.append(f"days is {delay.days}: give a whole number from 0 to {MAX_DAYS}.")
    if delay.kind == "elapsed" and delay.days is not None:
        problems.append("An elapsed delay counts hours: choose the kind calendar or business to count days.")
    if delay.kind == "calendar" and delay.days is None:
        problems.append("A calendar delay counts days: give days, or choose the kind elapsed to count hours.")
    if delay.days is not None and hours:
        problems.append("Give days or hours, not both.")
    if delay.at is not None and delay.days is None:
        problems.append("A time of day goes with days: give days, or leave at out.")
    if delay.at is not None and delay.at.tzinfo is not None:
        problems.append("The time of day is local: write it without a zone, such as 09:00.")
    return problems


def as_dict(delay: Delay) -> dict[str, Any]:
    """The delay as JSON can hold it, without what is left at its default; `from_dict` reads it back."""
    kept: dict[str, Any] = {"kind": delay.kind}
    if delay.hours:
        kept["hours"] = f"{Decimal(delay.hours):f}"
    if delay.days is not None:
        kept["days"] = delay.days
    if delay.at is not None:
        kept["at"] = delay.at.isoformat("auto" if delay.at.second or delay.at.microsecond else "minutes")
    if delay.outside:
        kept["outside"] = delay.outside
    return kept


def from_dict(data: Mapping[str, Any]) -> Delay:
    """A delay from what a program or a person wrote. Raises ValueError with all that `check` finds."""
    if not isinstance(data, Mapping):
        raise ValueError('A delay is an object such as {"kind": "business", "days": 2}.')
    if unknown := sorted(map(str, set(data) - _FIELDS)):
        raise ValueError(f"Unknown field {', '.join(unknown)} in the delay: use {', '.join(sorted(_FIELDS))}.")
    delay = Delay(
        kind=data.get("kind") or "elapsed",
        hours=_read_hours(data.get("hours")),
        days=_read_days(data.get("days")),
        at=read_time(data.get("at")),
        outside=data.get("outside") or "",
    )
    if problems := check(delay):
        raise ValueError(" ".join(problems))
    return delay


def _read_hours(value: Any) -> Decimal:
    if value in (None, ""):
        return Decimal(0)
    try:
        if isinstance(value, bool):
            raise TypeError
        return Decimal(str(value).strip())
    except (InvalidOperation, TypeError):
        raise ValueError(f"hours is {value!r}: give a number such as 4 or 1.5.") from None


def _read_days(value: Any) -> int | None:
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"days is {value!r}: give a whole number such as 3.")
    return value


def read_time(value: Any) -> time | None:
    """A local time of day written as 09:00; None when nothing is. Raises ValueError."""
    if value in (None, ""):
        return None
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is no time of day: write it as 09:00.") from None


def sentence(delay: Delay) -> str:
    """The delay in words, such as "in 3 days at 09:00"; another than the usual choice outside working time is added."""
    words = _words(delay)
    if delay.outside and delay.outside != outside(Delay(kind=delay.kind)):
        words += {
            "next": ", moved to the next working time",
            "previous": ", moved back to working time",
            "as_is": ", also outside working time",
        }[delay.outside]
    return words


def _words(delay: Delay) -> str:
    hours = f"{Decimal(delay.hours).normalize():f}"
    if delay.kind == "elapsed":
        return f"within {hours} h" if delay.hours else "at once"
    if delay.days is None:
        if not delay.hours:
            return "at once in working time"
        return f"after {hours} working hour{'' if delay.hours == 1 else 's'}"
    noun = "working day" if delay.kind == "business" else "day"
    days = f"in {delay.days} {noun}{'' if delay.days == 1 else 's'}" if delay.days else f"the same {noun}"
    return f"{days} at {delay.at:%H:%M}" if delay.at is not None else days
