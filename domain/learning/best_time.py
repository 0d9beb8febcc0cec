"""When a contact answers soonest: chances by hour of their own clock, and the choice of one hour out of those allowed.

A chance is learned for the workspace, for each segment and for each contact, the narrower leaning on the wider as far
as its own attempts are few (empirical Bayes with gamma priors, so that a chance is answers over expected answers).
Neighbouring hours share what they know through a circular Gaussian kernel. What is learned is the share of attempts
that were answered fast, within hours: the hour moves how soon people answer far more than whether they do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.learning import drawing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORKSPACE, SEGMENT, CONTACT = "workspace", "segment", "contact"
RULE, BEST_TIME, EXPLORE, HOLDOUT = "rule", "best_time", "explore", "holdout"
LEARNED, TRYING, HELD_OUT, TOO_FEW, NO_HOUR = "learned", "trying", "held_out", "too_few", "no_hour"

NEEDED = 50
"""Attempts that a workspace must have before anything else than the rule's own hour is taken."""
EXPLORED, KEPT_OUT = 0.05, 0.10
HALF_LIFE_DAYS = 180
PERSONAL: tuple[float | None, ...] = (None, 64.0, 32.0, 16.0, 8.0)
"""K: so many attempts of a contact weigh as much as their segment does. None: only the segment counts."""

_HOURS, _WEEK = 24, 7
_FEW = 3.0  # answers that pull a chattiness towards the usual one
_GLOBAL, _SEGMENT, _DAY = 10.0, 40.0, 60.0
_LEAST, _MOST = 1e-3, 0.98
_WHOLLY = 1e6  # stands for K without end
_HOUR = timedelta(hours=1)

_apart = np.abs(np.arange(_HOURS)[:, None] - np.arange(_HOURS))
KERNEL: Floats = np.exp(-(np.minimum(_apart, _HOURS - _apart) ** 2) / 2.0)
"""[24, 24]: how much an attempt at one hour says about another; 1 at its own, a standard deviation of one hour."""


class Attempt(NamedTuple):
    """One matured attempt to reach somebody, in the clock of the contact: `hour` 0 to 23, `weekday` 0 for Monday.

    `answered` is a person's answer within the hours that count as fast. `segment` is the contact's own, the same in
    all of their attempts; "" makes a segment of those that have none.
    """

    contact: int
    segment: str
    hour: int
    weekday: int
    answered: bool
    age_days: float


@dataclass(frozen=True)
class Profile:
    """The chance of a fast answer at each local hour (24), and how many attempts at each hour of this level show it."""

    level: str
    chances: tuple[float, ...]
    attempts: tuple[int, ...]


@dataclass(frozen=True)
class Profiles:
    """What one fit learned. `personal` is K, chosen from PERSONAL; `days` are factors by weekday, about 1 each."""

    attempts: int
    personal: float | None
    days: tuple[float, ...]
    workspace: Profile
    segments: Mapping[str, Profile]
    contacts: Mapping[int, Profile]

    def of(self, contact: int, segment: str) -> Profile:
        """The narrowest profile there is. Contacts have one of their own only where that foresees answers better."""
        return self.contacts.get(contact) or self.segments.get(segment) or self.workspace


@dataclass(frozen=True)
class Choice:
    """The hour that was chosen and everything its reason needs; `propensity` is the chance it had to be chosen.

    `chance` and `usual_chance` are of a fast answer at `at` and at the rule's own time, None where nothing was weighed.
    `attempts` are those behind the profile of `level`, or, with too few, those of the workspace out of `needed`.
    """

    at: datetime
    chosen_by: str
    reason: str
    propensity: float = 1.0
    level: str | None = None
    chance: float | None = None
    usual_chance: float | None = None
    attempts: int = 0
    own_attempts: int = 0
    needed: int = NEEDED

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {**vars(self), "at": self.at.isoformat()}


def fit(attempts: Sequence[Attempt]) -> Profiles:
    """The profiles of one workspace and channel. Any number of attempts will do; none gives a flat profile."""
    seen = _Seen(attempts)
    usual = _usual_chances(seen)
    of_segment = _segment_chances(seen, usual)
    model = _Pooled(seen, of_segment[seen.segment_of])
    personal = max(PERSONAL, key=model.likelihood)  # of equals the first, the less personal
    counts = np.zeros((len(seen.segments), _HOURS), np.int64)
    np.add.at(counts, seen.segment_of, seen.counts)
    return Profiles(
        attempts=len(attempts),
        personal=personal,
        days=_day_factors(seen, usual),
        workspace=_profile(WORKSPACE, usual, seen.counts.sum(axis=0)),
        segments=dict(zip(seen.segments, _profiles(SEGMENT, of_segment, counts), strict=True)),
        contacts={}
        if personal is None
        else dict(zip(seen.contacts, _profiles(CONTACT, model.chances(personal), seen.counts), strict=True)),
    )


class _Seen:
    """The attempts as arrays: one entry each, and summed by contact and hour, recent ones weighing more.

    `counts` are attempts, `tried` and `answered` their weights, all [contacts, 24]; `expected` is `tried` for somebody
    who answers as readily as the contact does at all: chatty contacts must not make the hour they are tried at look
    good.
    """

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.contacts = sorted({attempt.contact for attempt in attempts})
        segment = {attempt.contact: attempt.segment for attempt in attempts}
        self.segments = sorted(set(segment.values()))
        row = {contact: index for index, contact in enumerate(self.contacts)}
        group = {name: index for index, name in enumerate(self.segments)}
        self.segment_of: Ints = np.array([group[segment[contact]] for contact in self.contacts], np.int64)
        self.row: Ints = np.array([row[attempt.contact] for attempt in attempts], np.int64)
        self.hour: Ints = np.array([attempt.hour for attempt in attempts], np.int64)
        self.weekday: Ints = np.array([attempt.weekday for attempt in attempts], np.int64)
        age = np.array([attempt.age_days for attempt in attempts], np.float64)
        self.weight: Floats = 0.5 ** (age / HALF_LIFE_DAYS)
        self.hit: Floats = self.weight * np.array([attempt.answered for attempt in attempts], np.float64)
        self.counts: Ints = np.rint(self._summed(np.ones(len(attempts)))).astype(np.int64)
        self.tried, self.answered = self._summed(self.weight), self._summed(self.hit)
        self.rate = float((self.answered.sum() + 2) / (self.tried.sum() + 8))
        chatty = (self.answered.sum(axis=1) + _FEW) / (self.tried.sum(axis=1) * self.rate + _FEW)
        self.expected: Floats = self.tried * chatty[:, None]
        self.expected_each: Floats = self.weight * chatty[self.row]

    def _summed(self, each: Floats) -> Floats:
        sums = np.zeros((len(self.contacts), _HOURS))
        np.add.at(sums, (self.row, self.hour), each)
        return sums


def _usual_chances(seen: _Seen) -> Floats:
    """[24], of somebody of usual chattiness in the whole workspace."""
    return (seen.answered.sum(axis=0) @ KERNEL + _GLOBAL * seen.rate) / (seen.expected.sum(axis=0) @ KERNEL + _GLOBAL)


def _segment_chances(seen: _Seen, usual: Floats) -> Floats:
    """[segments, 24]; the fewer attempts a segment has, the more it is the workspace's, at the segment's own height."""
    answered, expected = np.zeros((2, len(seen.segments), _HOURS))
    np.add.at(answered, seen.segment_of, seen.answered)
    np.add.at(expected, seen.segment_of, seen.expected)
    height = (answered.sum(axis=1) + _FEW) / (expected @ usual + _FEW)
    return (answered @ KERNEL + _SEGMENT * height[:, None] * usual) / (expected @ KERNEL + _SEGMENT)


def _day_factors(seen: _Seen, usual: Floats) -> tuple[float, ...]:
    """Answers by weekday over those to be expected at the hours that were tried."""
    answered = np.bincount(seen.weekday, seen.hit, _WEEK)
    expected = np.bincount(seen.weekday, seen.expected_each * usual[seen.hour], _WEEK)
    return tuple(((answered + _DAY) / (expected + _DAY)).tolist())


class _Pooled:
    """Contacts that lean on their segments: `wider` [contacts, 24] are the chances of each one's segment."""

    def __init__(self, seen: _Seen, wider: Floats) -> None:
        self.seen, self.wider = seen, wider
        self.near_answered, self.near_tried = seen.answered @ KERNEL, seen.tried @ KERNEL
        self.own_answered = seen.answered.sum(axis=1)
        self.own_expected = (seen.tried * wider).sum(axis=1)

    def chances(self, personal: float) -> Floats:
        """[contacts, 24]."""
        base = ((self.own_answered + _FEW) / (self.own_expected + _FEW))[:, None] * self.wider
        return (self.near_answered + personal * base) / (self.near_tried + personal)

    def likelihood(self, personal: float | None) -> float:
        """The log-likelihood of all attempts, each foreseen from the others alone.

        The attempt itself is taken out of its hours and of the contact's height too: left in the height, it would
        give away its own answer most to whoever leans on the height alone, and K without end would always win.
        """
        seen, at = self.seen, (self.seen.row, self.seen.hour)
        k = _WHOLLY if personal is None else personal
        base = self.height_without() * self.wider[at]
        chance = (self.near_answered[at] - seen.hit + k * base) / (self.near_tried[at] - seen.weight + k)
        chance = np.clip(chance, _LEAST, _MOST)
        return float((seen.hit * np.log(chance) + (seen.weight - seen.hit) * np.log1p(-chance)).sum())

    def height_without(self) -> Floats:
        """For each attempt how much readier than their segment its contact answers, by their other attempts."""
        seen = self.seen
        expected = self.own_expected[seen.row] - seen.weight * self.wider[seen.row, seen.hour]
        return (self.own_answered[seen.row] - seen.hit + _FEW) / (expected + _FEW)


def _profiles(level: str, chances: Floats, counts: Ints) -> list[Profile]:
    return [_profile(level, *row) for row in zip(chances, counts, strict=True)]


def _profile(level: str, chances: Floats, counts: Ints) -> Profile:
    return Profile(level, tuple(np.clip(chances, 0, 1).tolist()), tuple(counts.tolist()))


def held_out(workspace: int, contact: int) -> bool:
    """Whether this contact stays on the rule's own hour for ever, so that what best times bring can be told: 10 %."""
    return drawing.share("best-time-holdout", workspace, contact) < KEPT_OUT


def hours(start: datetime, end: datetime, zone: tzinfo, *, allowed: Callable[[datetime], bool]) -> list[datetime]:
    """`start` and each full local hour from it to `end`, as far as `allowed` takes them, in the contact's zone.

    Counted in elapsed time: an hour that the clock skips is not there, one that it shows twice is there twice.
    """
    found = []
    at, until = start.astimezone(UTC), end.astimezone(UTC)
    while at <= until:
        local = at.astimezone(zone)
        if allowed(local):
            found.append(local)
        at += _HOUR
        if local.minute or local.second or local.microsecond:
            at -= timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return found


def chance_at(profile: Profile, at: datetime, days: Sequence[float]) -> float:
    """Of a fast answer at an instant in the contact's zone: by its hour, and by its weekday's factor."""
    return min(1.0, profile.chances[at.hour] * days[at.weekday()])


def choose(
    profile: Profile,
    slots: Sequence[datetime],
    *,
    usual: datetime,
    days: Sequence[float],
    history: int,
    workspace: int,
    contact: int,
    key: str,
    own_attempts: int = 0,
) -> Choice:
    """The slot with the best chance, of equals the earliest; in 5 % of keys one slot out of all by chance.

    `slots` and `usual`, the rule's own time, are in the contact's zone. `history` are the attempts of the workspace.
    `key` names what is chosen for, so that the same question gets the same answer: "firing:9".
    """
    if history < NEEDED:
        return Choice(usual, RULE, TOO_FEW, attempts=history, own_attempts=own_attempts)
    if held_out(workspace, contact):
        return Choice(usual, HOLDOUT, HELD_OUT, own_attempts=own_attempts)
    if not slots:
        return Choice(usual, RULE, NO_HOUR, own_attempts=own_attempts)

    chances = [chance_at(profile, at, days) for at in slots]
    best = taken = chances.index(max(chances))
    trying = drawing.share("best-time-trying", workspace, key) < EXPLORED
    if trying:
        taken = int(drawing.share("best-time-slot", workspace, key) * len(slots))
    by_chance = EXPLORED / len(slots)
    return Choice(
        at=slots[taken],
        chosen_by=EXPLORE if trying else BEST_TIME,
        reason=TRYING if trying else LEARNED,
        propensity=by_chance + (1 - EXPLORED if taken == best else 0),
        level=profile.level,
        chance=chances[taken],
        usual_chance=chance_at(profile, usual, days),
        attempts=sum(profile.attempts),
        own_attempts=own_attempts,
    )
