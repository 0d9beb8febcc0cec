"""Staying in touch by brute force: when a contact is next to be touched, which tasks come of it, what was missed."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle import clock

DAYS = {"daily": 1, "weekly": 7, "biweekly": 14}
MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
DAY, EIGHT, NINE, FIVE = timedelta(days=1), time(8), time(9), time(17)


def days_of(cadence: str, first: date, anchor: int, until: date) -> list[date]:
    """The days of a series, `first` the one it counts from and not among them; every day is looked at."""
    every = DAYS.get(cadence) or (int(cadence.removeprefix("days:")) if cadence.startswith("days:") else 0)
    found, day = [], first
    while day < until:
        day += DAY
        if every:
            fits = (day - first).days % every == 0
        else:
            months = (day.year - first.year) * 12 + day.month - first.month
            last = monthrange(day.year, day.month)[1]
            fits = months > 0 and months % MONTHS[cadence] == 0 and day.day == min(anchor, last)
        if fits:
            found.append(day)
    return found


def series(
    cadence: str, first: datetime, *, anchor: int | None, zone: ZoneInfo, at: time | None, until: datetime
) -> list[datetime]:
    """The instants of a series after `first`, up to the day of `until` and a period more."""
    wall = clock.shown(first, zone)
    period = 31 * (MONTHS.get(cadence, 0) + 1) + 1
    ahead = clock.shown(until, zone).date() + timedelta(days=period)
    days = days_of(cadence, wall.date(), anchor or wall.day, ahead)
    return [clock.first_shown(datetime.combine(day, at or wall.time()), zone) for day in days]


class Touched:
    """One contact and whoever owns it, through what happens; the rules of a team are left out."""

    def __init__(self, cadence: str, zone: ZoneInfo) -> None:
        self.cadence, self.zone = cadence, zone
        self.anchor: int | None = None
        self.last: datetime | None = None
        self.own: datetime | None = None
        self.next: datetime | None = None
        self.refused = False
        self.look_at: datetime | None = None
        self.come: set[datetime] = set()
        self.missed: set[datetime] = set()
        self.tasks: list[dict[str, Any]] = []

    # What happens

    def touch(self, at: datetime, now: datetime) -> None:
        if self.last is not None and self.last >= at:
            return
        self.last = at
        met = self.own is not None and self.own <= at
        if met:
            self.own = None
        following = self.after(at)
        if following is not None and following <= now and not met:
            return  # known so late that the next one by it has passed as well
        if self.own is None:
            self._set_next(self._planned(now))
        if following is None or following > now:
            self._close()

    def choose_date(self, own: datetime | None) -> None:
        if own != self.own:
            self.own = own
            self._set_next(own)

    def choose_cadence(self, cadence: str) -> None:
        if cadence != self.cadence:
            self.cadence, self.anchor = cadence, None
            self._set_next(self.own)
            if not cadence:
                self._close("touch")

    def refuse(self) -> None:
        if not self.refused:
            self.refused = True
            self._set_next(self.own)
            self._close()

    def let_in(self) -> None:
        self.refused = False

    def finish(self, place: int, now: datetime, *, done: bool) -> None:
        self.tasks[place]["status"] = "done" if done else "cancelled"
        if done:
            self.touch(now, now)

    def sweep(self, now: datetime) -> None:
        if self.next is None and (self.cadence or self.own):
            self._set_next(self._planned(now))
        if self.next is not None and self.next <= now and self.next not in self.come:
            self.come.add(self.next)
            self._come(self.next, now)
        if self.next is not None and self.next <= now and self.next not in self.missed:
            self._look(self.next, now)

    # What follows

    def after(self, base: datetime) -> datetime | None:
        if not self.cadence:
            return None
        return series(self.cadence, base, anchor=self._anchor_for(base), zone=self.zone, at=EIGHT, until=base)[0]

    def _anchor_for(self, base: datetime) -> int:
        """The day first chosen counts at the end of a month only."""
        day = clock.shown(base, self.zone)
        ends = day.day == monthrange(day.year, day.month)[1]
        return self.anchor if self.anchor is not None and ends and day.day < self.anchor else day.day

    def _planned(self, now: datetime) -> datetime | None:
        base = self.last or now
        if self.cadence and self.anchor is None:
            self.anchor = clock.shown(self.own or base, self.zone).day
        following = self.after(base)
        if self.own is not None or following is None or self.refused:
            return self.own
        return following if following > now else clock.next_time_of_day(now, self.zone, EIGHT)

    def _set_next(self, instant: datetime | None) -> None:
        if instant != self.next:
            self.look_at = None
        self.next = instant

    def _passed(self, instant: datetime, now: datetime) -> tuple[datetime, datetime]:
        """The last occurrence up to now of a touch that was due then, and the one after."""
        anchor = self._anchor_for(instant)
        found = [instant, *series(self.cadence, instant, anchor=anchor, zone=self.zone, at=EIGHT, until=now)]
        return max(one for one in found if one <= now), min(one for one in found if one > now)

    def _come(self, instant: datetime, now: datetime) -> None:
        if not self.cadence or self.refused:
            return
        latest, following = self._passed(instant, now)
        if not any(task["status"] == "todo" and task["kind"] == "touch" for task in self.tasks):
            evening = clock.first_shown(datetime.combine(clock.shown(latest, self.zone).date(), FIVE), self.zone)
            self._make("touch", evening if evening > now else now + timedelta(hours=8), instant, late=latest != instant)
        if instant != self.own:
            self._set_next(following)

    def _look(self, missed: datetime, now: datetime) -> None:
        """One urgent task for each date that was missed, from the next nine o'clock on, with no open task at all."""
        if self.look_at is not None and self.look_at > now:
            return
        told_at = clock.next_time_of_day(missed, self.zone, NINE)
        if told_at > now:
            self.look_at = told_at
        elif self.refused or any(task["status"] == "todo" for task in self.tasks):
            self.look_at = clock.next_time_of_day(now, self.zone, NINE)
        else:
            self.missed.add(missed)
            self._make("overdue", now + timedelta(hours=8), missed, late=False)

    def _make(self, kind: str, due: datetime, instant: datetime, *, late: bool) -> None:
        if not any(task["kind"] == kind and task["of"] == instant for task in self.tasks):
            self.tasks.append({"kind": kind, "due": due, "of": instant, "status": "todo", "late": late})

    def _close(self, *kinds: str) -> None:
        for task in self.tasks:
            if task["status"] == "todo" and (not kinds or task["kind"] in kinds):
                task["status"] = "obsolete"
