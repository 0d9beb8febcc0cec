"""Telling rooms above that a contact was changed: what was done, and which of its columns are others now."""

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

from crm.models import Contact
from jobs.announcing import CONTACT_CHANGED, Fact, announce
from people.models import User

CREATED, CHANGED, DELETED = "created", "changed", "deleted"
MERGED, PARTED, ERASED = "merged", "parted", "erased"
TOLD = (
    *("name", "email", "phone", "company", "status", "contact_cadence", "next_follow_up_at", "timezone", "lead_score"),
    *("owner_id", "tags", "do_not_contact", "unsubscribed_at", "complained_at", "bounced_at"),
)
"""What somebody sets, or says. The next touch and the last one follow from other things: they alone are not told."""
_values = attrgetter(*TOLD)


def values_of(contact: Contact) -> dict[str, object]:
    """What to compare with later. A list is a copy."""
    return {
        name: list(value) if isinstance(value, list) else value
        for name, value in zip(TOLD, _values(contact), strict=True)
    }


def differing(before: dict[str, object], contact: Contact) -> list[str]:
    """The columns that are others than they were."""
    return [name for name, value in values_of(contact).items() if before[name] != value]


def tell(contact: Contact, action: str, *, now: datetime, by: User | None = None, other: Contact | None = None) -> None:
    """That something was done with the contact as a whole; `other` is whom it was merged with or parted from."""
    _announce(contact, action, [], now, by, {} if other is None else {"other_contact_id": other.pk})


def tell_changed(contact: Contact, columns: Iterable[str], *, now: datetime, by: User | None = None) -> None:
    """That these columns were changed; nothing when none of them is told."""
    changed = [name for name in TOLD if name in set(columns)]
    if changed:
        _announce(contact, CHANGED, changed, now, by, {})


def _announce(
    contact: Contact, action: str, changed: list[str], now: datetime, by: User | None, more: dict[str, int]
) -> None:
    key = f"contact:{contact.pk}:{action}:{now:%Y%m%dT%H%M%S%f}:{'+'.join(changed)}"
    details = {"action": action, "changed": changed, "actor_id": by.pk if by is not None else None, **more}
    announce(Fact(CONTACT_CHANGED, key[:255], contact.team_id, contact.pk, now, contact.pk, details))
