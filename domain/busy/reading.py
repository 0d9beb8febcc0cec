"""A calendar file as stretches of busy time within a window: what is free, cancelled or declined left out.

Whole days are days of the person's zone, and times without a zone are on the person's clock.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from icalendar.timezone.tzp import TZP

from domain import calendars
from domain.busy import blocks, effort
from domain.busy.blocks import Block, NotACalendar
from domain.files import decoding
from domain.files.sheets import Unreadable

MOST_BYTES = 5 * 1024 * 1024
MOST_EVENTS = 10_000
MOST_OCCURRENCES = 20_000
MOST_SPANS = 2_000
_MOST_ZONES = 50
_TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE", "DURATION", "RRULE")
_ONCE = ("DTSTART", "DTEND", "DURATION", "RECURRENCE-ID")
_OWN_ZONE = "Zone of a file"
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Fault:
    """What was not read, or not as it stands, by the line it begins in."""

    line: int
    uid: str
    what: str


@dataclass
class Found:
    """Busy stretches in UTC, in order, not touching; how many events were read, and what was not."""

    spans: tuple[Span, ...] = ()
    events: int = 0
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Whose:
    """The person whose calendar it is: the zone that floating times and whole days are in, and their addresses."""

    zone: ZoneInfo
    emails: frozenset[str] = frozenset()


def read(data: bytes, *, whose: Whose, start: datetime, end: datetime) -> Found:
    """Raises NotACalendar for a file that is none as a whole. One event that is broken is named and left out."""
    if len(data) > MOST_BYTES:
        raise NotACalendar(f"The file is over {MOST_BYTES // 2**20} MiB: export fewer years of it.")
    try:
        text, _ = decoding.text_of(data)
    except Unreadable as fault:
        raise NotACalendar(f"This is no calendar file: {fault}") from None
    cut, clock = blocks.cut(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zones it guesses by their last words, and of what it tolerates
        return _Reading(cut, clock, whose, start, end).found()


class _Reading:
    def __init__(self, cut: list[Block], clock: str, whose: Whose, start: datetime, end: datetime) -> None:
        self.cut, self.clock, self.whose, self.start, self.end = cut, clock, whose, start, end
        self.faults: list[Fault] = []
        self.budget = effort.Budget()
        self.zones = dict(self._zones())
        self.known = {""}
        """Names of zones about which there is nothing left to say."""

    def found(self) -> Found:
        spans: list[Span] = []
        count = 0
        for group in self._groups():
            try:
                spans += self._spans(group)
                count += 1
            except effort.TooMuch as refusal:
                self._fault(group[0][0], group[0][1], f"{refusal}.")
            except Exception as failure:  # whatever a library makes of what somebody wrote
                self._fault(group[0][0], group[0][1], f"It can't be read: {_words(failure)}")
            if len(spans) > MOST_OCCURRENCES:
                spans = list(calendars.merged(spans))
                if len(spans) > MOST_OCCURRENCES:
                    break
        merged = calendars.merged(spans)
        if len(merged) > MOST_SPANS:
            self.faults.append(Fault(0, "", f"Only the first {MOST_SPANS:,} busy times are kept."))
        return Found(merged[:MOST_SPANS], count, self.faults)

    def _groups(self) -> Iterator[list[tuple[Block, Any]]]:
        """Events with one UID belong together: a series, and its occurrences that were changed."""
        groups: dict[str, list[tuple[Block, Any]]] = {}
        read = 0
        for block in self.cut:
            if block.kind != "VEVENT" or self._is_elsewhere(block):
                continue
            read += 1
            if read > MOST_EVENTS:
                raise NotACalendar(
                    f"The calendar has over {MOST_EVENTS:,} events to look at: export fewer years of it."
                )
            event = self._event(block)
            if event is not None:
                uid = str(event.get("UID", ""))
                groups.setdefault(uid or f"line {block.line}", []).append((block, event))
        yield from groups.values()

    def _is_elsewhere(self, block: Block) -> bool:
        """Most of a calendar is long over: what happens once, far from the window, is not even parsed."""
        days = block.days() if block.whole else None
        far = timedelta(days=2)
        return days is not None and (days[1] < (self.start - far).date() or days[0] > (self.end + far).date())

    def _event(self, block: Block) -> Any:
        """The event of a block, its times in their zones; None for one that is broken, which is noted."""
        if not block.whole:
            self._fault(block, None, "It has no END:VEVENT.")
            return None
        try:
            event = icalendar.Event.from_ical(block.text)
            broken = [f"{name}: {why}" for name, why in event.errors if name in _TIMES]
            broken += [f"it says {name} twice" for name in _ONCE if isinstance(event.get(name), list)]
            if broken or "DTSTART" not in event:
                self._fault(block, event, f"It can't be read: {(broken or ['it has no DTSTART'])[0][:200]}.")
                return None
            if not event.get("RRULE", True):
                del event["RRULE"]  # "RRULE:" with nothing behind it
            for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"):
                self._give_zones(block, event, name)
        except Exception:  # whatever a library makes of what somebody wrote; its words may quote a title
            self._fault(block, None, "It can't be read: one of its lines is no property.")
            return None
        return event

    def _give_zones(self, block: Block, event: Any, name: str) -> None:
        """Zones that the file itself describes: the library would remember them for the files of others too.

        A zone that nobody knows is most likely the person's own under another name; it is said, once, since it may not.
        """
        for value in _values(event, name, whole=True):
            named = str(value.params.get("TZID", ""))
            zone = self.zones.get(named)
            for one in getattr(value, "dts", [value]):
                if zone is not None:
                    one.dt = _placed(one.dt, zone)
                elif named not in self.known and _floats(one.dt):
                    self.known.add(named)
                    self._fault(
                        block, event, f"Nobody knows its zone, {named[:100]}: its times are read on your clock."
                    )

    def _zones(self) -> Iterator[tuple[str, tzinfo]]:
        for block in [one for one in self.cut if one.kind == "VTIMEZONE" and one.whole][:_MOST_ZONES]:
            names = [line.partition(":")[2].strip() for line in block.lines if line.upper().startswith("TZID")]
            lines = [f"TZID:{_OWN_ZONE}" if line.upper().startswith("TZID") else line for line in block.lines]
            try:
                component: Any = icalendar.Timezone.from_ical("\r\n".join([*lines, ""]))
                for rule in [rule for part in component.subcomponents for rule in _rules(part)]:
                    effort.check_zone(rule)
                yield names[0], component.to_tz(TZP(), lookup_tzid=False)
            except Exception as failure:  # whatever a library makes of what somebody wrote
                self._fault(block, None, f"The zone can't be read: {_words(failure)}")

    def _spans(self, group: list[tuple[Block, Any]]) -> list[Span]:
        events = [event for _, event in group]
        self._check(events)
        calendar = icalendar.Calendar()
        if self.clock and self.clock in _known_zones(self.clock):
            calendar.add("X-WR-TIMEZONE", self.clock)
        for event in events:
            calendar.add_component(event)
        far = timedelta(days=2)  # so that no clock of the world is missed; what is outside is cut off below
        query = recurring_ical_events.of(calendar)
        found = []
        for occurrence in query.between(self.start - far, self.end + far):
            if self._is_busy(occurrence):
                begins, ends = self._instant(occurrence["DTSTART"].dt), self._instant(occurrence["DTEND"].dt)
                found.append((max(begins, self.start), min(ends, self.end)))
        return [(begins, ends) for begins, ends in found if begins < ends]

    def _check(self, events: list[Any]) -> None:
        """Raises effort.TooMuch for what would take too long to expand."""
        dates, longest = [], timedelta()
        for event in events:
            days = [effort.day_of(event[name].dt) for name in ("DTSTART", "DTEND", "RECURRENCE-ID") if name in event]
            dates += days
            length = event["DURATION"].dt if "DURATION" in event else timedelta()
            longest = max(longest, abs(length), max(days[:2]) - min(days[:2]) if "DTEND" in event else timedelta())
        if longest > effort.LONGEST:
            raise effort.TooMuch(f"It lasts over {effort.LONGEST.days} days: check its dates")
        rules = [rule for event in events for rule in _rules(event)]
        until = self.end + timedelta(days=3)
        more = sum(len(_values(event, "RDATE")) for event in events) + len(events)
        self.budget.take(rules, dates=[*dates, until.date()], more=more, window=(until - self.start).days)

    def _is_busy(self, event: Mapping[str, Any]) -> bool:
        if str(event.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT":
            return False
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            return False
        invited = event.get("ATTENDEE", [])
        return not any(
            str(one).lower().removeprefix("mailto:") in self.whose.emails
            and str(getattr(one, "params", {}).get("PARTSTAT", "")).upper() == "DECLINED"
            for one in (invited if isinstance(invited, list) else [invited])
        )

    def _instant(self, value: date | datetime) -> datetime:
        if not isinstance(value, datetime):
            return calendars.from_wall(datetime.combine(value, time()), self.whose.zone)
        if value.tzinfo is None:
            return calendars.from_wall(value, self.whose.zone)
        return value.astimezone(UTC)

    def _fault(self, block: Block, event: Any, what: str) -> None:
        uid = str(event.get("UID", "")) if event is not None else ""
        self.faults.append(Fault(block.line, uid[:200], what))


def _rules(component: Any) -> list[Mapping[str, Any]]:
    rules = component.get("RRULE", [])
    return list(rules) if isinstance(rules, list) else [rules]


def _values(event: Any, name: str, *, whole: bool = False) -> list[Any]:
    """The values of a property that may be written several times; each line, or each of the instants in it."""
    values = event.get(name, [])
    lines = values if isinstance(values, list) else [values]
    return lines if whole else [one for line in lines for one in getattr(line, "dts", [line])]


def _placed(value: Any, zone: tzinfo) -> Any:
    if isinstance(value, tuple):
        return tuple(_placed(one, zone) for one in value)
    return value.replace(tzinfo=zone) if isinstance(value, datetime) and value.tzinfo is None else value


def _floats(value: Any) -> bool:
    value = value[0] if isinstance(value, tuple) else value
    return isinstance(value, datetime) and value.tzinfo is None


def _known_zones(name: str) -> Iterable[str]:
    return () if calendars.first_zone(name).unknown else (name,)


def _words(failure: Exception) -> str:
    """A library's own, unless they are about its inside."""
    if isinstance(failure, ValueError) and str(failure):
        return str(failure)[:200]
    return "its dates and times do not fit each other. Look at them in that calendar."
