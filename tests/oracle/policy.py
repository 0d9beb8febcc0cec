"""Whether a rule fires for an event, read off the list of all firings so far, from its first to its last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

HOUR = timedelta(hours=1)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """fired, suppressed, parked or waiting; and the word for why."""

    outcome: str
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Case:
    """What there is to know when one rule is asked about one event. `said` is the firing that is asked again."""

    rule: Row
    event: Row
    path: tuple[int, ...]
    owner: int
    firings: Iterable[Row]
    is_open: Any
    parked: bool
    now: datetime
    owner_day: tuple[datetime, datetime]
    contact_day: tuple[datetime, datetime]
    said: Row | None = None


def answer(case: Case) -> Answer:
    """The first thing that stands in the way, else fired."""
    rule, event = case.rule, case.event
    if event["received_at"] - event["occurred_at"] > timedelta(hours=rule["max_event_age_hours"]):
        return Answer("suppressed", "old")
    if event["origin"] == "import" and not rule["fires_on_imports"]:
        return Answer("suppressed", "import")
    if event["signal"] == "machine" and not rule["fires_on_machines"]:
        return Answer("suppressed", "machine")
    if case.parked:
        return Answer("suppressed", "parked")
    if rule["number"] in case.path:
        return Answer("suppressed", "own effect")
    if len(case.path) > 5:
        return Answer("parked", "deep")
    if reason := _repeated(case):
        return Answer("suppressed", reason)
    mine = [one for one in _fired(case) if one["rule"] == rule["number"]]
    same = [one for one in mine if one["contact"] == event["contact"] and case.now - one["at"] < HOUR]
    if event["contact"] is not None and len(same) + 1 > 10:
        return Answer("parked", "often")
    return _limited(case, mine)


def _fired(case: Case) -> list[Row]:
    return [one for one in case.firings if one["outcome"] == "fired"]


def _repeated(case: Case) -> str:
    """Not while its task is open, or will be: one that waits is as good as one that fired."""
    rule, event = case.rule, case.event
    earlier = [
        one
        for one in case.firings
        if one is not case.said
        and one["rule"] == rule["number"]
        and one["contact"] == event["contact"]
        and one["outcome"] in ("fired", "waiting")
    ]
    if rule["repeat_policy"] == "once_while_open":
        still = [one for one in earlier if one["outcome"] == "waiting" or case.is_open(one["task"])]
        return "still open" if still else ""
    if rule["repeat_policy"] == "once_ever":
        return "once" if earlier else ""
    if rule["repeat_policy"] == "once_per_window":
        window = timedelta(hours=rule["repeat_window_hours"])
        within = [one for one in earlier if event["occurred_at"] - one["occurred_at"] < window]
        return "in window" if within else ""
    return ""


def _limited(case: Case, mine: list[Row]) -> Answer:
    rule = case.rule
    if rule["limit_per_hour"] is not None:
        hour = sorted(one["at"] for one in mine if case.now - one["at"] < HOUR)
        if len(hour) >= rule["limit_per_hour"]:
            return _over(rule, "hour", hour[-rule["limit_per_hour"]] + HOUR)
    day = [one for one in _fired(case) if case.owner_day[0] <= one["at"] and one["owner"] == case.owner]
    if rule["limit_owner_day"] is not None and len(day) >= rule["limit_owner_day"]:
        return _over(rule, "owner's day", case.owner_day[1])
    contact = case.event["contact"]
    day = [one for one in _fired(case) if case.contact_day[0] <= one["at"] and one["contact"] == contact]
    if contact is not None and rule["limit_contact_day"] is not None and len(day) >= rule["limit_contact_day"]:
        return _over(rule, "contact's day", case.contact_day[1])
    return Answer("fired")


def _over(rule: Row, reason: str, until: datetime) -> Answer:
    return Answer("waiting", reason, until) if rule["overflow"] == "delay" else Answer("suppressed", reason)


def rushes(rule: Row, firings: Iterable[Row], now: datetime, on_since: datetime | None) -> bool:
    """Over ten times the usual busy hour of its last seven days, and at least `burst` this hour while it was on."""
    made = [now - one["at"] for one in firings if one["outcome"] == "fired" and one["rule"] == rule["number"]]
    this_hour = sum(ago < HOUR and (on_since is None or now - ago >= on_since) for ago in made)
    if not rule["burst"] or this_hour < rule["burst"]:
        return False
    hours = [sum(HOUR * number <= ago < HOUR * (number + 1) for ago in made) for number in range(1, 24 * 7)]
    busy = [count for count in hours if count]
    return this_hour > 10 * (median(busy) if busy else 0)
