"""When somebody who is away says they are back: the date that an automatic reply names, in English or German."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain import calendars

MOST_TEXT = 5_000
"""Characters that are looked at; what an automatic reply has to say comes first."""
FAR = timedelta(days=366)
FAR_WITHOUT_YEAR = timedelta(days=183)
"""A day without a year that lies further ahead is more likely past: a notice that was never renewed."""

_MONTH_WORDS = {
    1: "january jan januar jänner",
    2: "february feb februar",
    3: "march mar märz maerz mrz",
    4: "april apr",
    5: "may mai",
    6: "june jun juni",
    7: "july jul juli",
    8: "august aug",
    9: "september sept sep",
    10: "october oct oktober okt",
    11: "november nov",
    12: "december dec dezember dez",
}
_WEEKDAY_WORDS = {
    0: "monday mon montag",
    1: "tuesday tue dienstag",
    2: "wednesday wed mittwoch",
    3: "thursday thu donnerstag",
    4: "friday fri freitag",
    5: "saturday samstag sonnabend",
    6: "sunday sonntag",
}
MONTHS = {word: number for number, words in _MONTH_WORDS.items() for word in words.split()}
WEEKDAYS = {word: number for number, words in _WEEKDAY_WORDS.items() for word in words.split()}


def _any(words: dict[str, int]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


MONTH, WEEKDAY = _any(MONTHS), _any(WEEKDAYS)
DAY = rf"""(?:(?:{WEEKDAY})\.?,?\s+(?:the\s+|den\s+|dem\s+)?)?(?:
    (?P<iso>\d{{4}}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d))?
  | (?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<m1>{MONTH})\b\.?(?:,?\s+(?P<y1>\d{{4}}))?
  | (?P<m2>{MONTH})\b\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<y2>\d{{4}}))?
  | (?P<d3>\d{{1,2}})\.\s?(?P<m3>\d{{1,2}})\.(?:\s?(?P<y3>\d{{4}}|\d\d)\b)?
  | (?P<a>\d{{1,2}})/(?P<b>\d{{1,2}})/(?P<y4>\d{{4}}|\d\d)\b
)|(?P<weekday>{WEEKDAY})\b
 |(?P<tomorrow>tomorrow|morgen)\b
 |(?P<week>next\s+week|(?:der\s+)?nächste[rn]?\s+woche)\b"""
FILLER = r"[^.!?;\n]{0,60}?"
RETURNS = r"(?:back|returns?|returning|resum\w+|wieder|zurück|zurueck|ab|again|erreichbar)"
LAST_DAY = r"(?:through|thru|up\s+to\s+and\s+including|until\s+and\s+including|bis\s+(?:einschl\w*|inkl\w*)\.?)"
UNTIL = r"(?:until|till?|bis)"
SPAN = rf"(?:(?:\d\.?|\b(?:{MONTH})\.?)\s*(?:-|\u2013|to|bis(?:\s+zum)?|and|und)|(?:-|\u2013))"
INCLUDED = r"\s*\(?\s*(?:inclusive|included|einschl\w*|inkl\w*)\b"
FLAGS = re.IGNORECASE | re.VERBOSE

# How sure each way of saying it is, and how many days lie between the day named and the first day back.
FORMS = [
    (3, 0, re.compile(rf"\b{RETURNS}\b{FILLER}\b(?:{DAY})", FLAGS)),
    (3, 0, re.compile(rf"\b(?:{DAY}){FILLER}\b(?:back|return\w*|wieder|zurück|zurueck)\b", FLAGS)),
    (2, 1, re.compile(rf"\b{LAST_DAY}{FILLER}\b(?:{DAY})", FLAGS)),
    (2, 1, re.compile(rf"\b{UNTIL}\b{FILLER}\b(?:{DAY}){INCLUDED}", FLAGS)),
    (1, 1, re.compile(rf"{SPAN}\s*(?:{DAY})", FLAGS)),
    (1, 0, re.compile(rf"\b{UNTIL}\b{FILLER}\b(?:{DAY})", FLAGS)),
]
QUOTED = re.compile(
    r"^(?:>|-{2,}\s*(?:original|ursprüngliche|forwarded|weitergeleitete)|(?:on|am)\b.{5,200}\b(?:wrote|schrieb)\b"
    r"|(?:from|von):\s)",
    re.IGNORECASE,
)


def find(text: str, *, received_at: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant from which the writer is back, as midnight in `zone` (or the clock time named); None when unsaid.

    Days are read relative to the receipt; one that has passed, or lies over a year ahead, is no answer.
    """
    said = " ".join(_own_words(text[:MOST_TEXT]))
    today = received_at.astimezone(zone).date()
    best: tuple[int, datetime] | None = None
    for sureness, days_after, form in FORMS:
        for match in form.finditer(said):
            day = _day(match, today)
            if day is None or not today < day + timedelta(days=days_after) <= today + FAR:
                continue
            found = calendars.from_wall(datetime.combine(day + timedelta(days=days_after), _clock(match)), zone)
            best = max(best, (sureness, found)) if best else (sureness, found)
    return best[1] if best else None


def _own_words(text: str) -> Iterator[str]:
    """The lines before what the reply quotes; an empty line ends a sentence."""
    for line in text.splitlines():
        stripped = line.strip()
        if QUOTED.match(stripped):
            return
        yield stripped or ";"


def _day(match: re.Match[str], today: date) -> date | None:
    said = match.groupdict()
    try:
        if said["iso"]:
            return date.fromisoformat(said["iso"])
        if said["weekday"]:
            return _weekday(WEEKDAYS[said["weekday"].lower()], today)
        if said["tomorrow"]:
            return today + timedelta(days=1)
        if said["week"]:
            return _weekday(0, today)
        for day, month, year in (("d1", "m1", "y1"), ("d2", "m2", "y2"), ("d3", "m3", "y3")):
            if said[day]:
                return _dated(int(said[day]), _month(said[month]), said[year], today)
        return _slashed(int(said["a"]), int(said["b"]), said["y4"], today)
    except ValueError:  # the 31st of a short month, a 13th month
        return None


def _month(word: str) -> int:
    return int(word) if word.isdigit() else MONTHS[word.lower()]


def _weekday(number: int, today: date) -> date:
    """The next such day after today."""
    return today + timedelta(days=(number - today.weekday() - 1) % 7 + 1)


def _dated(day: int, month: int, year: str | None, today: date) -> date | None:
    if year:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    for candidate in (today.year, today.year + 1):
        found = date(candidate, month, day)
        if found >= today:
            return found if found - today <= FAR_WITHOUT_YEAR else None
    return None


def _slashed(first: int, second: int, year: str, today: date) -> date | None:
    """Day and month stand either way round: only a number over 12 says which is which."""
    if first > 12:
        return _dated(first, second, year, today)
    return _dated(second, first, year, today) if second > 12 or first == second else None


def _clock(match: re.Match[str]) -> time:
    try:
        return time.fromisoformat(match["clock"]) if match["clock"] else time()
    except ValueError:
        return time()
