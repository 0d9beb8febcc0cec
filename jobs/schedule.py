"""Turning the beat schedule into jobs. A period is a job's key, so two clocks cannot double one, and after downtime
only the latest period of each entry runs."""

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from celery import current_app
from celery.schedules import crontab, schedule
from django.db import DatabaseError

from domain import calendars
from jobs import hooks, queue

log = logging.getLogger("nextmove.jobs")

LOOK_BACK_DAYS = 366
OLDEST = queue.KEEP_DONE
"""A period that began longer ago is not made up for: it may have been run, and its job deleted since."""


def last_due(cron: crontab, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The newest instant, not after `now`, at which the entry is due on the wall clock of `zone`.

    A time inside a spring gap is due at the first instant after it, one in an autumn fold at its first occurrence.
    """
    today = now.astimezone(zone).date()
    for back in range(LOOK_BACK_DAYS):
        day = today - timedelta(days=back)
        if not _matches(cron, day):
            continue
        for hour in sorted(cron.hour, reverse=True):
            for minute in sorted(cron.minute, reverse=True):
                instant = calendars.from_wall(datetime.combine(day, time(hour, minute)), zone)
                if instant <= now:
                    return instant
    return None


def _matches(cron: crontab, day: date) -> bool:
    return day.month in cron.month_of_year and day.day in cron.day_of_month and day.isoweekday() % 7 in cron.day_of_week


def names_hours(cron: crontab) -> bool:
    """Whether the entry is a time of day, and so a matter of where a team lives."""
    return len(cron.hour) < 24


@dataclass
class Clock:
    """Remembers what this process has already asked for, to spare the database a refused insert a tick."""

    seen: dict[str, str] = field(default_factory=dict)
    minute: int = 0

    def tick(self, entries: Mapping[str, Any], *, now: datetime) -> int:
        """Writes the jobs of every period that has begun; one broken entry never stops the others."""
        written = 0
        minute, teams = int(now.timestamp() // 60), None
        for name, entry in entries.items():
            if minute == self.minute and isinstance(entry["schedule"], crontab):
                continue  # a crontab begins no period within a minute
            teams = hooks.known_teams() if teams is None else teams
            try:
                for series, request in _periods(name, entry, teams, now):
                    if self.seen.get(series) != request.key:
                        queue.enqueue(request, now=now)
                        self.seen[series] = request.key
                        written += 1
            except DatabaseError:
                raise  # away: the next tick repeats everything
            except Exception:
                log.exception("beat entry %s cannot be read; mend it in config/celery.py", name)
        self.minute = minute
        return written


def _periods(
    name: str, entry: Mapping[str, Any], teams: Sequence[hooks.TeamClock], now: datetime
) -> Iterator[tuple[str, queue.Request]]:
    when = entry["schedule"]
    when = schedule(timedelta(seconds=when)) if isinstance(when, int | float) else when
    when = schedule(when) if isinstance(when, timedelta) else when
    args, kwargs = list(entry.get("args") or ()), dict(entry.get("kwargs") or {})

    def request(period: str, team_id: int | None = None) -> queue.Request:
        more = kwargs if team_id is None else kwargs | {"team_id": team_id}
        return queue.Request(entry["task"], args, more, key=f"cron:{name}:{period}", team_id=team_id)

    # What began before anybody was here is nobody's: a new installation makes up for nothing.
    since = max(min((team.since for team in teams), default=now), now - OLDEST)
    if not isinstance(when, crontab):
        seconds = when.run_every.total_seconds()
        start = datetime.fromtimestamp(now.timestamp() // seconds * seconds, tz=UTC)
        if start >= since:
            yield name, request(start.isoformat())
    elif not names_hours(when):
        due = last_due(when, now, ZoneInfo("UTC"))
        if due and due >= since:
            yield name, request(due.isoformat())
    else:
        yield from _by_team(name, entry, when, teams, now, request)


def _by_team(
    name: str, entry: Mapping[str, Any], when: crontab, teams: Sequence[hooks.TeamClock], now: datetime, request: Any
) -> Iterator[tuple[str, queue.Request]]:
    """One job a team and local time; a task that knows no teams runs once a local day, where that begins first."""
    per_team = _takes_team(entry["task"])
    for team in teams:
        zone = calendars.first_zone(team.zone).zone
        due = last_due(when, now, zone)
        if due is None or due < max(team.since, now - OLDEST):
            continue
        local = due.astimezone(zone)
        period = f"{local:%Y-%m-%d}" if len(when.hour) * len(when.minute) == 1 else f"{local:%Y-%m-%dT%H:%M}"
        if per_team:
            yield f"{name}:{team.team_id}", request(f"{team.team_id}:{period}", team.team_id)
        else:
            yield f"{name}:{period}", request(period)


def _takes_team(task_name: str) -> bool:
    task = current_app.tasks.get(task_name)
    return task is not None and "team_id" in inspect.signature(task.run).parameters
