"""What becomes of a contact's next touch when its dates, cadence or zone change."""

from datetime import datetime
from typing import Any

from crm.models import Contact
from domain import calendars


def replanned(contact: Contact, changed: frozenset[str], *, zone_before: str) -> dict[str, Any]:
    """The columns that follow from what changed. An empty next touch is planned by the cadence, within seconds.

    A person's own date is the next touch. Another zone keeps the local day and time of one planned by cadence.
    """
    if not changed & {"contact_cadence", "timezone", "next_follow_up_at"}:
        return {}
    columns: dict[str, Any] = {}
    if "contact_cadence" in changed:
        columns["cadence_anchor_day"] = None
    touch = _next_touch(contact, changed, zone_before)
    if touch != contact.next_touch_at:
        columns |= {"next_touch_at": touch, "look_late_at": None}
    return columns


def _next_touch(contact: Contact, changed: frozenset[str], zone_before: str) -> datetime | None:
    if contact.next_follow_up_at is not None:
        return contact.next_follow_up_at
    if not contact.contact_cadence:
        return None
    if "next_follow_up_at" in changed or contact.next_touch_at is None:
        return None
    if "contact_cadence" in changed:
        # Written with its date, as by an import: a row whose cadence nobody has seen yet has none from it.
        return None if contact.seen_cadence else contact.next_touch_at
    return _on_the_clock_of(contact, contact.next_touch_at, zone_before)


def _on_the_clock_of(contact: Contact, instant: datetime, zone_before: str) -> datetime:
    others = (contact.owner.timezone if contact.owner is not None else "", contact.team.timezone)
    old, new = (calendars.first_zone(name, *others).zone for name in (zone_before, contact.timezone))
    return calendars.from_wall(instant.astimezone(old).replace(tzinfo=None), new)
