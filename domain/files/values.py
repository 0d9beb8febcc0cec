"""What the text of a cell means: instants, numbers, yes or no. What can be read two ways is never guessed."""

import re
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from domain import calendars

YES = frozenset({"yes", "y", "true", "1", "x", "ja", "oui", "on"})
NO = frozenset({"no", "n", "false", "0", "nein", "non", "off"})
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
FORMS = "Write it as 2026-03-04 or 2026-03-04 14:30."
CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))(?::(\d{2}))?\s*([ap])?\.?m?\.?", re.IGNORECASE | re.ASCII)
NUMBERS = re.compile(r"(\d{1,2})\s*([./-])\s*(\d{1,2})\s*\2\s*(\d{4})", re.ASCII)
DAY_MONTH = re.compile(r"(\d{1,2})\.?\s*[- ]?\s*([A-Za-z]{3})[a-z]*\.?,?\s*[- ]?\s*(\d{4})", re.ASCII)
MONTH_DAY = re.compile(r"([A-Za-z]{3})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})", re.ASCII)
NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:[.,][0-9]{1,10})?", re.ASCII)


class Ambiguous(ValueError):
    """The date can be read two ways; the message names both."""


def instant(text: str, *, zone: ZoneInfo, at: time, day_first: bool | None) -> datetime:
    """The moment meant, in UTC. One without an offset is local in `zone`, a date alone is `at` that time of day.

    04.03.2026 is 4 March; 04/03/2026 is what `day_first` says. Raises ValueError, and Ambiguous when that is None and
    both can be.
    """
    found = _iso(text)
    wall = found if found is not None else _by_form(text, day_first)
    if wall.tzinfo is not None:
        instant = wall
    else:
        has_time = wall.time() != time(0) or ":" in text
        instant = calendars.from_wall(wall if has_time else datetime.combine(wall.date(), at), zone)
    if not 1970 <= instant.year < 2200:
        raise ValueError("The year must lie between 1970 and 2199.")
    return instant


def _iso(text: str) -> datetime | None:
    if not re.match(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _by_form(text: str, day_first: bool | None) -> datetime:
    for form, read in ((NUMBERS, _in_numbers), (DAY_MONTH, _day_month), (MONTH_DAY, _month_day)):
        match = form.match(text)
        if match is None:
            continue
        year, month, day = read(match, day_first)
        hour, minute, second = _clock(text[match.end() :].strip(" ,T"))
        try:
            return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (a wall time)
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no date. {FORMS}") from None
    raise ValueError(f"{text[:40]!r} is no date that can be read. {FORMS}")


def _in_numbers(match: re.Match[str], day_first: bool | None) -> tuple[int, int, int]:
    first, mark, second, year = int(match[1]), match[2], int(match[3]), int(match[4])
    if mark == "." or first == second:
        return year, second, first
    if day_first is None and first <= 12 and second <= 12:
        raise Ambiguous(
            f"{match[0]} may be day {first} of month {second} or day {second} of month {first}: "
            "say whether the day comes first (day_first)."
        )
    first_is_day = day_first if day_first is not None else first > 12
    return (year, second, first) if first_is_day else (year, first, second)


def _day_month(match: re.Match[str], _: bool | None) -> tuple[int, int, int]:
    return int(match[3]), _month(match[2]), int(match[1])


def _month_day(match: re.Match[str], _: bool | None) -> tuple[int, int, int]:
    return int(match[3]), _month(match[1]), int(match[2])


def _month(word: str) -> int:
    try:
        return MONTHS[word.lower()]
    except KeyError:
        raise ValueError(f"There is no month {word!r}. {FORMS}") from None


def _clock(text: str) -> tuple[int, int, int]:
    if not text:
        return 0, 0, 0
    match = CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:20]!r} is no time of day. {FORMS}")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            raise ValueError(f"{text[:20]!r} is no time of day. {FORMS}")
        hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
    return hour, minute, second


def number(text: str) -> Decimal:
    """A number with a point or a comma before its fraction. Raises ValueError, also for what may be thousands."""
    bare = text.replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
    if not NUMBER.fullmatch(bare):
        raise ValueError(f"{text[:40]!r} is no number: write it as 1.5.")
    whole, mark, fraction = bare.partition(",")
    if mark and len(fraction) == 3 and whole.lstrip("+-") != "0":
        raise ValueError(
            f"{text[:40]!r} may be a fraction or thousands: write {whole}{fraction} or {whole}.{fraction}."
        )
    try:
        return Decimal(bare.replace(",", "."))
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is no number: write it as 1.5.") from None


def whole(text: str) -> int:
    """A whole number. Raises ValueError."""
    found = number(text)
    if found != found.to_integral_value():
        raise ValueError(f"{text[:40]!r} is no whole number.")
    return int(found)


def row_id(text: str) -> int:
    """The id of a row here. Raises ValueError."""
    found = whole(text)
    if found < 1:
        raise ValueError(f"{text[:40]!r} is no id: leave the cell empty.")
    return found


def yes_or_no(text: str) -> bool:
    """Raises ValueError for other words."""
    word = text.strip().lower()
    if word in YES or word in NO:
        return word in YES
    raise ValueError(f"{text[:40]!r} is neither yes nor no: write one of the two.")
