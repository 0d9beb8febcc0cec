"""When a rule on time runs, by trying every local minute that it names."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle import clock

DAY = timedelta(days=1)


def between(
    config: dict[str, Any], after: datetime, until: datetime, *, zone: ZoneInfo, anchor: datetime
) -> list[datetime]:
    """The runs later than `after` and not later than `until`, each instant once."""
    if "every" in config and "hours" in config["every"]:
        found, run = set(), anchor
        while (run := run + timedelta(hours=config["every"]["hours"])) <= until:
            found.add(run)
    else:
        found = {clock.first_shown(wall, zone) for wall in _walls(config, after, until, zone, anchor)}
        if "every" in config:
            found = {run for run in found if run > anchor}
    return sorted(run for run in found if after < run <= until)


def _walls(config: dict[str, Any], after: datetime, until: datetime, zone: ZoneInfo, anchor: datetime) -> set[datetime]:
    if "at" in config:
        return {datetime.fromisoformat(config["at"])}
    first, found = clock.shown(anchor, zone), set()
    day = min(clock.shown(after, zone), first).date() - DAY
    while day <= clock.shown(until, zone).date():
        if "every" in config:
            at = time.fromisoformat(config["every"]["at"]) if config["every"].get("at") else first.time()
            if (day - first.date()).days % config["every"]["days"] == 0 and day >= first.date():
                found.add(datetime.combine(day, at))
        else:
            found |= {datetime.combine(day, at) for at in _cron_times(config["cron"], day.isoweekday())}
        day += DAY
    return found


def _cron_times(line: str, weekday: int) -> set[time]:
    """Only what the tests write: minutes and hours as lists or a star, weekdays as a range or a star."""
    minutes, hours, _, _, days = line.split()
    if days != "*" and not int(days[0]) <= weekday <= int(days[-1]):
        return set()
    every_hour = range(24) if hours == "*" else [int(hour) for hour in hours.split(",")]
    return {time(hour, int(minute)) for hour in every_hour for minute in minutes.split(",")}
