"""On whose clock a contact's hours are told."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

from crm import phones
from crm.models import Contact
from domain import calendars
from people.models import Team

CONTACT, PHONE, OWNER, TEAM = "contact", "phone", "owner", "team"
"""Where a zone is from; it is guessed from all but the contact itself."""
SOURCES = (CONTACT, PHONE, OWNER, TEAM)
"""The best one first."""
_TABLE = "zone.tab"
"""Of the zone database: a line for each zone, with its country first and its name third."""


def zone_of(contact: Contact, team: Team) -> tuple[calendars.Zone, str]:
    """The contact's zone, else that of its phone number's country, else its owner's, else the team's; and from where.

    Of a country whose clocks differ the number tells nothing. A company is a name here, which tells nothing either.
    """
    if _is_known(contact.timezone):
        return calendars.first_zone(contact.timezone), CONTACT
    if guessed := zone_of_country(phones.country_of(contact.phone_e164)):
        return calendars.first_zone(guessed), PHONE
    owner = contact.owner.timezone if contact.owner is not None else ""
    if _is_known(owner):
        return calendars.first_zone(owner), OWNER
    return calendars.first_zone(team.timezone), TEAM


def _is_known(name: str) -> bool:
    return bool(name) and not calendars.first_zone(name).unknown


@cache
def zone_of_country(country: str) -> str:
    """The zone of a country (two letters) whose clocks all show the same the whole year; "" for any other."""
    names = _zones().get(country, [])
    first = ZoneInfo(names[0]) if names else None
    alike = first is not None and all(_tell_alike(first, ZoneInfo(name)) for name in names[1:])
    return names[0] if alike else ""


@cache
def _zones() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (files(tzdata) / "zoneinfo" / _TABLE).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            found.setdefault(country, []).append(name)
    return found


def _tell_alike(one: ZoneInfo, other: ZoneInfo) -> bool:
    """In the year that the zone database is of, looked at every week."""
    year = datetime(int(tzdata.IANA_VERSION[:4]), 1, 1, tzinfo=UTC)
    weeks = (year + week * timedelta(weeks=1) for week in range(52))
    return all(at.astimezone(one).utcoffset() == at.astimezone(other).utcoffset() for at in weeks)
