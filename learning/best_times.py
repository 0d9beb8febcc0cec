"""When a contact answers soonest: fitted for a team every night, chosen when work for somebody is given its hour."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import transaction
from django.db.models import Count

from crm.models import Contact
from domain import calendars
from domain.learning import best_time
from learning import settings, statuses, zones
from learning.attempts import KEPT_FOR
from learning.models import BestTimeFit, BestTimeProfile, ContactAttempt, LeadOutcome
from people import hours
from people.models import Team, User

EARLIEST, LATEST = 8, 20
"""Local hours of a contact between which anybody may be disturbed, whatever the working hours of a team are."""
MOMENT = timedelta(minutes=1)
"""How much of the working time has to be left at an hour that is chosen."""
HOUR = timedelta(hours=1)
DIGITS = 4


@dataclass(frozen=True)
class Advice:
    """What is known of a contact: chances by its local hour over all weekdays, from how many attempts of which level.

    `attempts` are those of the level, by hour too, all by `channel`. `best` is the best instant asked about, `chance`
    its own, by its hour and weekday; None while there are fewer than `needed` attempts, or no hour is allowed.
    """

    channel: str
    zone: str
    zone_source: str
    level: str
    chances: tuple[float, ...]
    attempts: tuple[int, ...]
    level_attempts: int
    own_attempts: int
    history: int
    needed: int
    personal: float | None
    built_at: datetime
    best: datetime | None
    chance: float | None


@dataclass(frozen=True)
class _Known:
    """A contact's narrowest profile, with the fit it is from."""

    fit: BestTimeFit
    profile: best_time.Profile
    own_attempts: int


def fit(team: Team, *, now: datetime) -> dict[str, int]:
    """Learns the profiles of a team anew, in place of those there are; the attempts they rest on, by channel."""
    return {channel: _fit(team, channel, now) for channel, _ in ContactAttempt.CHANNELS}


@transaction.atomic
def _fit(team: Team, channel: str, now: datetime) -> int:
    settings.enter(team.pk)
    learned = best_time.fit(_attempts(team, channel, now))
    row, _ = BestTimeFit.objects.update_or_create(
        team=team,
        channel=channel,
        defaults={
            "built_at": now,
            "attempts": learned.attempts,
            "personal": learned.personal,
            "days": [round(day, DIGITS) for day in learned.days],
        },
    )
    row.profiles.all().delete()
    profiles = [_row(row, learned.workspace)]
    profiles += [_row(row, profile, segment=name) for name, profile in learned.segments.items()]
    profiles += [_row(row, profile, contact_id=pk) for pk, profile in learned.contacts.items()]
    BestTimeProfile.objects.bulk_create(profiles, batch_size=1_000)
    return learned.attempts


def _attempts(team: Team, channel: str, now: datetime) -> list[best_time.Attempt]:
    """A contact counts with the status that it had at its last attempt: read for its present one, those who answered
    would make a status of their own.
    """
    recent = ContactAttempt.objects.matured(now).filter(sent_at__gte=now - KEPT_FOR)
    rows = recent.filter(team=team, channel=channel, contact__merged_into__isnull=True)
    columns = ("contact", "contact__status", "local_hour", "local_weekday", "sent_at", "answered_at", "matured_at")
    tried, left = list(rows.order_by("sent_at", "pk").values_list(*columns)), _statuses_left(team)
    segments = {
        contact: statuses.at(sent_at, left.get(contact, ()), status) for contact, status, _, _, sent_at, _, _ in tried
    }
    return [
        best_time.Attempt(
            contact=contact,
            segment=segments[contact],
            hour=hour,
            weekday=weekday,
            answered=answered_at is not None and answered_at <= matured_at,
            age_days=max(0.0, (now - sent_at) / timedelta(days=1)),
        )
        for contact, _, hour, weekday, sent_at, answered_at, matured_at in tried
    ]


def _statuses_left(team: Team) -> dict[int, list[tuple[datetime, str]]]:
    """By contact the statuses that it left, each with when, in order."""
    rows = LeadOutcome.objects.filter(team=team, is_status=True).exclude(was="").order_by("contact", "at", "pk")
    told = rows.values_list("contact", "at", "was").iterator()
    return {contact: [(at, was) for _, at, was in own] for contact, own in groupby(told, key=itemgetter(0))}


def _row(fit: BestTimeFit, profile: best_time.Profile, **whose: Any) -> BestTimeProfile:
    chances = [round(chance, DIGITS) for chance in profile.chances]
    return BestTimeProfile(fit=fit, chances=chances, attempts=list(profile.attempts), **whose)


def of_team(team: Team) -> list[BestTimeProfile]:
    """What the newest fits learned of all contacts of the team together, each with its fit, by channel."""
    whole = BestTimeProfile.objects.filter(fit__team=team, contact=None, segment="")
    return list(whole.select_related("fit").order_by("fit__channel"))


class Times:
    """What is known of when a team's contacts answer, read when first asked for and kept: for batches."""

    def __init__(self, team: Team, known: hours.TeamHours | None = None) -> None:
        self.team, self.hours = team, known or hours.TeamHours(team)
        self._own: dict[int, tuple[BestTimeProfile | None, int]] = {}
        """By contact its profile, where it has one of its own, and how often it was tried."""

    @cached_property
    def are_learned(self) -> bool:
        return settings.of(self.team.pk).times

    @cached_property
    def fit(self) -> BestTimeFit | None:
        """By calls if these are enough, else by mails if those are."""
        fits = {row.channel: row for row in BestTimeFit.objects.filter(team=self.team)}
        ordered = [fits[channel] for channel, _ in ContactAttempt.CHANNELS if channel in fits]
        return next((one for one in ordered if one.attempts >= best_time.NEEDED), ordered[0] if ordered else None)

    @cached_property
    def _wider(self) -> dict[str, BestTimeProfile]:
        """By status, and by "" that of the whole team."""
        return {row.segment: row for row in self.fit.profiles.filter(contact=None)} if self.fit is not None else {}

    def read(self, contacts: Collection[int]) -> None:
        """Learns of these contacts, in two queries for any number of them."""
        new = [pk for pk in contacts if pk not in self._own]
        if not new or not self.are_learned or self.fit is None:
            return
        profiles = {row.contact_id: row for row in self.fit.profiles.filter(contact__in=new)}
        tried = ContactAttempt.objects.filter(contact__in=new, channel=self.fit.channel).order_by().values("contact")
        counts = dict(tried.annotate(times=Count("pk")).values_list("contact", "times"))
        self._own |= {pk: (profiles.get(pk), counts.get(pk, 0)) for pk in new}

    def of(self, contact: Contact) -> _Known | None:
        """By the contact's own profile, else by that of its status, else by the team's."""
        if not self.are_learned or self.fit is None:
            return None
        self.read([contact.pk])
        own, tried = self._own[contact.pk]
        levels = (
            (best_time.CONTACT, own),
            (best_time.SEGMENT, self._wider.get(contact.status)),
            (best_time.WORKSPACE, self._wider.get("")),
        )
        profile = next((_profile(level, row) for level, row in levels if row is not None), None)
        return None if profile is None else _Known(self.fit, profile, tried)

    def choose(
        self, contact: Contact, *, worker: User | None, usual: datetime, within: timedelta, key: str, now: datetime
    ) -> best_time.Choice | None:
        """When to reach the contact, from `usual` on and within so long after it; None in a team that lets none be
        learned.

        The instant lies in the working time of whoever is to do it, or of the team where that is nobody yet, on their
        own clock, and between EARLIEST and LATEST on the contact's; if it is not `usual` itself. Of an event that is
        heard of late, hours that are over are left out while there are others. `key` names what is chosen for, as
        "firing:9": asked again meanwhile, the choice is the same.
        """
        if not self.are_learned:
            return None
        known, zone = self.of(contact), zones.zone_of(contact, self.team)[0].zone
        local = usual.astimezone(zone)
        if known is None:
            return best_time.Choice(local, best_time.RULE, best_time.TOO_FEW)
        slots = best_time.hours(usual, usual + within, zone, allowed=_allowed(self.schedule(worker)))
        return best_time.choose(
            known.profile,
            [at for at in slots if at > now - HOUR] or slots,
            usual=local,
            days=known.fit.days,
            history=known.fit.attempts,
            workspace=self.team.pk,
            contact=contact.pk,
            key=key,
            own_attempts=known.own_attempts,
        )

    def schedule(self, worker: User | None) -> calendars.Schedule:
        """The working time of whoever is to reach a contact, else of the team: nobody calls in their own night."""
        return self.hours.of(user=worker).schedule


def advice(contact: Contact, *, team: Team, start: datetime, within: timedelta) -> Advice | None:
    """What is known of when the contact answers, and the best instant from `start` on; None when nothing is."""
    times = Times(team)
    known = times.of(contact)
    if known is None:
        return None
    zone, zone_source = zones.zone_of(contact, team)
    allowed = _allowed(times.schedule(contact.owner))
    slots = best_time.hours(start, start + within, zone.zone, allowed=allowed)
    chances = {at: best_time.chance_at(known.profile, at, known.fit.days) for at in slots}
    enough = known.fit.attempts >= best_time.NEEDED
    best = max(slots, key=chances.__getitem__) if slots and enough else None
    return Advice(
        channel=known.fit.channel,
        zone=zone.name,
        zone_source=zone_source,
        level=known.profile.level,
        chances=known.profile.chances,
        attempts=known.profile.attempts,
        level_attempts=sum(known.profile.attempts),
        own_attempts=known.own_attempts,
        history=known.fit.attempts,
        needed=best_time.NEEDED,
        personal=known.fit.personal,
        built_at=known.fit.built_at,
        best=best,
        chance=chances[best] if best is not None else None,
    )


def _allowed(schedule: calendars.Schedule) -> Callable[[datetime], bool]:
    """Whether somebody may be reached at an instant on their clock by whoever has this working time on their own. A
    span's end is an hour to be due, but none to begin a call.
    """

    def allowed(local: datetime) -> bool:
        inside = EARLIEST <= local.hour < LATEST
        return inside and all(
            calendars.shift_into_working_time(at, schedule, "next") == at for at in (local, local + MOMENT)
        )

    return allowed


def _profile(level: str, row: BestTimeProfile) -> best_time.Profile:
    return best_time.Profile(level, tuple(row.chances), tuple(row.attempts))
