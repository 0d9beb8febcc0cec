"""The lines of a calendar file cut into its events and zones, so that one that is broken stops no other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

_LINES = re.compile(r"\r\n|\n|\r")
_DAY = re.compile(r"^DT(?:START|END)[^\r\n:]*:(\d{4})(\d{2})(\d{2})", re.I)
_BEFORE = ("RRULE", "RDATE", "RECURRENCE-ID", "DURATION")


class NotACalendar(ValueError):
    """The file as a whole is refused; the message says why and what to do."""


@dataclass
class Block:
    """A component with its lines, and the number of its first one in the file."""

    kind: str
    line: int
    lines: list[str] = field(default_factory=list)
    whole: bool = False

    @property
    def text(self) -> str:
        return "\r\n".join([*self.lines, ""])

    def days(self) -> tuple[date, date] | None:
        """The first and last day that it names if it happens once and says both plainly; None when one must look."""
        days = []
        for line in self.lines:
            if line.upper().startswith(_BEFORE):
                return None
            if found := _DAY.match(line):
                try:
                    days.append(date(*map(int, found.groups())))
                except ValueError:
                    return None
        return (min(days), max(days)) if len(days) == 2 else None


def cut(text: str) -> tuple[list[Block], str]:
    """The events and zones of all calendars in a text, and the name of their clock (X-WR-TIMEZONE) if they say one.

    Raises NotACalendar for what is none, or ends in the middle: half a file is none.
    """
    blocks: list[Block] = []
    block: Block | None = None
    depth, clock, seen = 0, "", False
    for number, line in _numbered(text):
        word = line.strip().upper()
        if word == "BEGIN:VCALENDAR":
            block, depth, seen = None, depth + 1, True
        elif word == "END:VCALENDAR":
            block, depth = None, depth - 1
        elif depth == 1 and word in ("BEGIN:VEVENT", "BEGIN:VTIMEZONE"):
            block = Block(word.removeprefix("BEGIN:"), number, [line])
            blocks.append(block)
        elif block is not None:
            block.lines.append(line)
            if word == f"END:{block.kind}":
                block.whole, block = True, None
        elif word.startswith("X-WR-TIMEZONE:"):
            clock = line.partition(":")[2].strip()
    if not seen:
        raise NotACalendar("This is no calendar file: it holds no BEGIN:VCALENDAR. Export the calendar as .ics anew.")
    if depth != 0:
        raise NotACalendar("The file ends in the middle of its calendar: export it, or fetch it, once more.")
    return blocks, clock


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """Whole lines, unfolded (RFC 5545, 3.1), with the number of the first line that each is made of."""
    held, at = "", 0
    for number, line in enumerate(_LINES.split(text), 1):
        if line[:1] in (" ", "\t") and at:
            held += line[1:]
            continue
        if at and held.strip():
            yield at, held
        held, at = line, number
    if held.strip():
        yield at, held
