"""When people and teams work: their week, days off, public holidays and busy times as a schedule of the domain."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from domain import calendars
from people import busy_times, holidays
from people.models import BusySource, Team, TeamDayOff, TeamSpan, TimeOff, User, WorkingSpan

Stretch = tuple[date, date]


class HasZone(Protocol):
    """Anybody with a time zone of their own, or an empty one: a contact, seen from below."""

    @property
    def timezone(self) -> str: ...


@dataclass(frozen=True)
class Chosen:
    """A schedule in the zone that was chosen for it, and the zones before that are not known (to be flagged)."""

    schedule: calendars.Schedule
    unknown: tuple[str, ...] = ()


def zone_of(user: User) -> calendars.Zone:
    """The person's zone, else their team's."""
    return calendars.first_zone(user.timezone, user.team.timezone)


def schedules(users: Iterable[User]) -> Mapping[int, calendars.Schedule]:
    """Each person's week, days off and busy times, in five queries for any number of people (their teams loaded).

    Someone without hours of their own works the team's week, and without that the default one. Days off are the
    person's, the team's, and the public holidays of the person's country and region, else the team's.
    """
    people = list(users)
    return _read(people, {user.team_id: user.team for user in people})[0]


def _read(
    people: list[User], teams: Mapping[int, Team]
) -> tuple[dict[int, calendars.Schedule], dict[int, calendars.Schedule]]:
    """The schedules of people, and those of teams, their own among them; in five queries."""
    ids = [user.pk for user in people]
    spans = _spans(WorkingSpan.objects.filter(user_id__in=ids), "user_id")
    away: dict[int, list[Stretch]] = {}
    for pk, starts, ends in TimeOff.objects.filter(user_id__in=ids).values_list("user_id", "starts_on", "ends_on"):
        away.setdefault(pk, []).append((starts, ends))
    busy = {row.pk: busy_times.stretches_of(row) for row in BusySource.objects.filter(pk__in=ids)}
    team_spans, team_away = _of_teams(teams)
    own = {
        user.pk: calendars.Schedule(
            spans.get(user.pk) or team_spans.get(user.team_id) or calendars.DEFAULT_WEEK,
            zone_of(user).zone,
            _days_off(user, [*away.get(user.pk, ()), *team_away.get(user.team_id, ())]),
            busy.get(user.pk, ()),
        )
        for user in people
    }
    return own, {pk: _of_team(team, team_spans, team_away) for pk, team in teams.items()}


def team_schedule(team: Team) -> calendars.Schedule:
    """The team's own week, days off and public holidays, in its zone; two queries."""
    return _of_team(team, *_of_teams({team.pk: team}))


def _of_team(
    team: Team, spans: Mapping[int, tuple[calendars.Span, ...]], away: Mapping[int, list[Stretch]]
) -> calendars.Schedule:
    return calendars.Schedule(
        spans.get(team.pk) or calendars.DEFAULT_WEEK,
        calendars.first_zone(team.timezone).zone,
        holidays.days_off(away.get(team.pk, ()), country=team.country, region=team.region),
    )


class TeamHours:
    """The schedules of one team and whoever works in it, read when first asked for and kept: for batches."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self._people: dict[int, calendars.Schedule] = {}
        self._own: calendars.Schedule | None = None

    def preload(self, users: Iterable[User]) -> None:
        """Reads what is not known yet of these people, and the team's own with it, in five queries for all of them."""
        unread = [user for user in users if user.pk not in self._people]
        if unread:
            people, teams = _read(unread, {self.team.pk: self.team, **{user.team_id: user.team for user in unread}})
            self._people.update(people)
            self._own = teams[self.team.pk]

    def of_people(self, users: Iterable[User]) -> dict[int, calendars.Schedule]:
        """As `schedules`."""
        people = list(users)
        self.preload(people)
        return {user.pk: self._people[user.pk] for user in people}

    @property
    def own(self) -> calendars.Schedule:
        """As `team_schedule`."""
        self._own = self._own or team_schedule(self.team)
        return self._own

    def of(self, *, contact: HasZone | None = None, user: User | None = None) -> Chosen:
        """The person's hours, else the team's, in the zone of the contact, else the person, else the team."""
        if user is not None:
            self.preload([user])
            schedule = self._people[user.pk]
        else:
            schedule = self.own
        zone = calendars.first_zone(
            contact.timezone if contact is not None else "",
            user.timezone if user is not None else "",
            self.team.timezone,
        )
        return Chosen(replace(schedule, zone=zone.zone), zone.unknown)


def schedule_for(*, contact: HasZone | None = None, user: User | None = None, team: Team) -> Chosen:
    """Whose hours count for work on a contact, and on which clock; see `TeamHours.of`, which many calls should share.

    The hours are read on the chosen clock: work on a contact falls into the contact's local nine to five.
    """
    return TeamHours(team).of(contact=contact, user=user)


def digest(team: Team) -> str:
    """A fingerprint of all that the schedules of a team and its active people are made of; six queries.

    The version of the holiday tables is part of it, so an update of these is a change too.
    """
    people = User.objects.active().filter(team=team).order_by("pk")
    parts: list[Any] = [
        [holidays.VERSION, team.timezone, team.country, team.region],
        list(people.values_list("pk", "timezone", "country", "region")),
    ]
    week = ("weekday", "starts", "ends")
    parts += [
        list(TeamSpan.objects.filter(team=team).order_by(*week).values_list(*week)),
        list(TeamDayOff.objects.filter(team=team).order_by("on").values_list("on", flat=True)),
        _rows(WorkingSpan.objects.filter(user__team=team, user__is_active=True), "user_id", *week),
        _rows(TimeOff.objects.filter(user__team=team, user__is_active=True), "user_id", "starts_on", "ends_on"),
        _rows(BusySource.objects.filter(user__team=team, user__is_active=True), "user_id", "fingerprint"),
    ]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def zones(team: Team) -> dict[str, Any]:
    """The names of the zones of a team, and of its people who have their own, as JSON; one query."""
    people = User.objects.filter(team=team).exclude(timezone="").order_by("pk").values_list("pk", "timezone")
    return {"team": team.timezone, "people": {str(pk): name for pk, name in people}}


def _rows(rows: Any, *names: str) -> list[Any]:
    return list(rows.order_by(*names).values_list(*names))


def _of_teams(
    teams: Mapping[int, Team],
) -> tuple[dict[int, tuple[calendars.Span, ...]], dict[int, list[Stretch]]]:
    away: dict[int, list[Stretch]] = {}
    for pk, day in TeamDayOff.objects.filter(team_id__in=list(teams)).values_list("team_id", "on"):
        away.setdefault(pk, []).append((day, day))
    return _spans(TeamSpan.objects.filter(team_id__in=list(teams)), "team_id"), away


def _spans(rows: Any, whose: str) -> dict[int, tuple[calendars.Span, ...]]:
    found: dict[int, tuple[calendars.Span, ...]] = {}
    for pk, *span in rows.order_by("weekday", "starts").values_list(whose, "weekday", "starts", "ends"):
        found[pk] = (*found.get(pk, ()), calendars.Span(*span))
    return found


def _days_off(user: User, away: Iterable[Stretch]) -> holidays.DaysOff:
    country, region = holidays.effective(
        country=user.country, region=user.region, team_country=user.team.country, team_region=user.team.region
    )
    return holidays.days_off(away, country=country, region=region)
