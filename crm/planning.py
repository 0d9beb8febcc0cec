"""What becomes of a contact's next touch when its dates, cadence, zone or owner change."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm.models import Contact
from domain import calendars
from people.models import User


def zone_of(contact: Contact, name: str, owner: User | None) -> ZoneInfo:
    """The zone of this name, which is the contact's own, else its owner's, else the team's."""
    return calendars.first_zone(name, owner.timezone if owner is not None else "", contact.team.timezone).zone


def replanned(contact: Contact, changed: frozenset[str], *, zone_before: ZoneInfo) -> dict[str, Any]:
    """The columns that follow from what changed. An empty next touch is planned by the cadence, within seconds.

    A person's own date is the next touch; whoever is not to be contacted has no other. Another zone keeps the local day
    and time of one planned by cadence, unless it came and was dealt with.
    """
    moved = zone_before != zone_of(contact, contact.timezone, contact.owner)
    if not moved and not changed & {"contact_cadence", "next_follow_up_at", "do_not_contact"}:
        return {}
    columns: dict[str, Any] = {}
    if "contact_cadence" in changed:
        columns["cadence_anchor_day"] = None
    touch = _next_touch(contact, changed, zone_before)
    if touch != contact.next_touch_at:
        columns |= {"next_touch_at": touch, "look_late_at": None}
    return columns


def _next_touch(contact: Contact, changed: frozenset[str], zone_before: ZoneInfo) -> datetime | None:
    if contact.next_follow_up_at is not None:
        return contact.next_follow_up_at
    if not contact.contact_cadence or contact.do_not_contact:
        return None
    if "next_follow_up_at" in changed or contact.next_touch_at is None:
        return None
    if "contact_cadence" in changed:
        # Written with its date, as by an import: a row whose cadence nobody has seen yet has none from it.
        return None if contact.seen_cadence else contact.next_touch_at
    if contact.next_touch_at in (contact.touched_for, contact.missed_for):
        return contact.next_touch_at
    wall = contact.next_touch_at.astimezone(zone_before).replace(tzinfo=None)
    return calendars.from_wall(wall, zone_of(contact, contact.timezone, contact.owner))
