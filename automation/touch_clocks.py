"""Touches planned by cadence, moved to 08:00 on the new clock when the zone of a team or of an owner changed."""

import logging
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from automation import cadence, occurring
from crm.models import Contact
from domain import calendars, touches
from people import hours
from people.models import Team

log = logging.getLogger("nextmove.automation")

BATCH = 200
MOST_EARLIER = 5

Zones = dict[str, Any]
"""What `hours.zones` tells of a team."""


def planned_teams(now: datetime) -> list[int]:
    """Teams with touches to come; reads their partial index."""
    to_come = Contact.objects.touch_to_come(now).filter(team=OuterRef("pk"))
    return list(Team.objects.filter(Exists(to_come)).order_by("pk").values_list("pk", flat=True))


def follow(team: Team, *, now: datetime) -> int:
    """Touches to come that read 08:00 on an earlier clock and not on today's, in batches; how many moved.

    They keep their local day; one that the new clock has passed already is due. Asking again moves nothing. Left alone
    are a person's own date, what came already, and any other hour, which no cadence planned. The zones of before are
    kept until all is done, so that one that was killed, or met the next change, is gone on with.
    """
    today = hours.zones(team)
    earlier = _begin(team.pk, today)
    if not earlier:
        return 0
    # Asked for in the order of ids, PostgreSQL goes through all contacts.
    pks = sorted(_concerned(team.pk, today, earlier, now).values_list("pk", flat=True))
    moved = sum(_move(team.pk, pks[start : start + BATCH], earlier, now) for start in range(0, len(pks), BATCH))
    _finish(team.pk, today, earlier)
    return moved


def _begin(team_id: int, today: Zones) -> list[Zones]:
    """The zones that touches may still be on, the last ones first; those of today are one of them from now on."""
    with occurring.alone(team_id):
        known = Team.objects.values_list("followed_zones", flat=True).get(pk=team_id)
        earlier = [zones for zones in known if zones != today][:MOST_EARLIER]
        if known != [today, *earlier]:
            Team.objects.filter(pk=team_id).update(followed_zones=[today, *earlier])
    return earlier


def _finish(team_id: int, today: Zones, earlier: list[Zones]) -> None:
    """Forgets the zones of before, unless somebody else has begun to follow yet others."""
    with occurring.alone(team_id):
        if Team.objects.values_list("followed_zones", flat=True).get(pk=team_id) == [today, *earlier]:
            Team.objects.filter(pk=team_id).update(followed_zones=[today])


def _concerned(team_id: int, today: Zones, earlier: list[Zones], now: datetime) -> QuerySet[Contact]:
    """By cadence, and to come; of the owners that moved, or of all when the team did."""
    rows: QuerySet[Contact] = Contact.objects.touch_to_come(now).filter(team_id=team_id, next_follow_up_at__isnull=True)
    if any(zones["team"] != today["team"] for zones in earlier):
        return rows
    people = {
        (pk, name) for zones in earlier for pk, name in set(zones["people"].items()) ^ set(today["people"].items())
    }
    return rows.filter(owner__in={int(pk) for pk, _ in people})


def _move(team_id: int, pks: list[int], earlier: list[Zones], now: datetime) -> int:
    with occurring.alone(team_id):
        rows = Contact.objects.touch_to_come(now).filter(pk__in=pks, next_follow_up_at__isnull=True)
        rows = rows.select_for_update(of=("self",), no_key=True).select_related("owner", "team")
        moved = [contact for contact in rows if _put_on_its_clock(contact, earlier)]
        Contact.objects.bulk_update(moved, ["next_touch_at"])
    return len(moved)


def _put_on_its_clock(contact: Contact, earlier: list[Zones]) -> bool:
    try:
        instant = _on_its_clock(contact, earlier)
    except Exception:
        log.exception("the next touch of contact %s could not be moved to its new clock", contact.pk)
        return False
    contact.next_touch_at = instant or contact.next_touch_at
    return instant is not None


def _on_its_clock(contact: Contact, earlier: list[Zones]) -> datetime | None:
    """08:00 of the local day on which it was planned; None where it is, or was never, at that hour."""
    assert contact.next_touch_at is not None  # asked only of touches to come
    zone = cadence.zone_of(contact)
    if contact.next_touch_at.astimezone(zone).time() == touches.TOUCH_AT:
        return None
    for zones in earlier:
        names = (contact.timezone, zones["people"].get(str(contact.owner_id), ""), zones["team"])
        local = contact.next_touch_at.astimezone(calendars.first_zone(*names).zone)
        if local.time() == touches.TOUCH_AT:
            return calendars.from_wall(local.replace(tzinfo=None), zone)
    return None
