"""What it costs to expand a recurrence, known before it is tried: a line of text can ask for a million years.

Counted in about a microsecond of the library that expands (dateutil), which looks at each period from the first
occurrence on, and at each day within it.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from math import prod
from typing import Any

from dateutil.rrule import rrulestr

DAYS = {"HOURLY": 1 / 24, "DAILY": 1.0, "WEEKLY": 7.0, "MONTHLY": 30.0, "YEARLY": 365.0}
MOST_A_RULE = 500_000
MOST_A_FILE = 5_000_000
_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_FILTERS = ("BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYSETPOS", "BYEASTER")
_LAST = date(9999, 12, 31)
_FIRST_PROBED = datetime(9960, 1, 1)  # noqa: DTZ001 (forty years of every weekday and leap day, at the library's end)
_EACH, _DAYS_AT_ONCE, _ONE_OUT = 5, 5, 100
_NEVER = 50_000
_TO_THE_END = (_LAST - date(2000, 1, 1)).days


class TooMuch(ValueError):
    """The recurrence is not expanded; the message says what is wrong with it."""


class Never(TooMuch):
    """It would be looked for until the end of the calendar."""


class Budget:
    """The steps that one file may take. Raises TooMuch beyond."""

    def __init__(self, steps: int = MOST_A_FILE) -> None:
        self.left = steps

    def take(self, rules: Iterable[Mapping[str, Any]], *, dates: Iterable[date], more: int, window: int) -> None:
        """For a series that names these dates and `more` single ones, of which a window of so many days is looked at.

        The last of the dates is the window's end.
        """
        named = [min(max(one, date(1, 1, 2)), _LAST) for one in dates]
        first, last = min(named), max(named)
        days = (last - first).days * 2 + 1  # changed occurrences widen the search by how far they were moved
        self._spend(more * _ONE_OUT)
        for rule in rules:
            ends = [day_of(one) for one in _list(rule, "UNTIL")]
            self._spend(
                _steps(rule, max(min(days, *((end - first).days for end in ends)), 1) if ends else days, window)
            )
            try:
                _check_it_happens(rule)
            except Never:
                self._spend(_NEVER)
                raise

    def _spend(self, steps: int) -> None:
        if steps > MOST_A_RULE:
            raise TooMuch("It repeats too often, or for too long, to be counted")
        self.left -= min(steps, max(self.left, 0))
        if self.left <= 0:
            raise TooMuch("The calendar repeats too much in all: this event was left out")


def check_zone(rule: Mapping[str, Any]) -> None:
    """Clocks are changed once or twice a year. Raises TooMuch for a rule that says anything else."""
    if str(_first(rule, "FREQ", "")).upper() != "YEARLY" or any(len(_list(rule, name)) > 1 for name in _TIMES):
        raise TooMuch("Its clock changes more often than twice a year")
    _check_it_happens(rule)


def _steps(rule: Mapping[str, Any], days: int, window: int) -> int:
    frequency = str(_first(rule, "FREQ", "")).upper()
    if frequency not in DAYS:
        raise TooMuch(f"It repeats {frequency.lower() or 'by no rule'}, which no appointment does")
    interval = int(_first(rule, "INTERVAL", 1))
    if interval < 1:
        raise TooMuch(f"It repeats every {interval} times, which is never")
    if len(_list(rule, "UNTIL")) > 1 or len(_list(rule, "COUNT")) > 1:
        raise TooMuch("It ends twice")
    filters = {name for name in _FILTERS if _list(rule, name)}
    times = prod(max(len(_list(rule, name)), 1) for name in _TIMES)
    if frequency == "HOURLY" and (filters or times > 1):
        raise TooMuch("It repeats hourly on chosen days, which is not read")
    if interval > 1 and not _is_in_each(rule, frequency, filters):
        days = max(days, _TO_THE_END)  # what happens may still be in none of the periods that count
    a_period = times * _EACH + DAYS[frequency] / _DAYS_AT_ONCE
    most_out = min(window, window / DAYS[frequency] / interval) if not filters else window
    return int(days / DAYS[frequency] / interval * a_period + most_out * times * _ONE_OUT) + 1


def _is_in_each(rule: Mapping[str, Any], frequency: str, filters: set[str]) -> bool:
    """Whether every period has a day that the rule may choose."""
    if filters == {"BYMONTHDAY"} and frequency in ("MONTHLY", "YEARLY"):
        return all(0 < abs(int(day)) <= 28 for day in _list(rule, "BYMONTHDAY"))
    return not filters or (filters == {"BYDAY"} and frequency != "DAILY")


def _check_it_happens(rule: Mapping[str, Any]) -> None:
    """Raises Never for 30 February and the like, which would be looked for until the year 9999."""
    parts = {name: _list(rule, name) for name in ("FREQ", "WKST", *_FILTERS, *_TIMES)}
    text = ";".join(f"{name}={','.join(map(str, values))}" for name, values in parts.items() if values)
    if next(iter(rrulestr(text, dtstart=_FIRST_PROBED)), None) is None:
        raise Never("It repeats on days that don't exist")


def _list(rule: Mapping[str, Any], name: str) -> list[Any]:
    value = rule.get(name, [])
    return list(value) if isinstance(value, list | tuple) else [value]


def _first(rule: Mapping[str, Any], name: str, default: Any) -> Any:
    return next(iter(_list(rule, name)), default)


def day_of(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


LONGEST = timedelta(days=366)
"""One event; what is longer is a mistake in a date."""
