"""The verbs on a contact. A status change and its activity are one transaction."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from crm import addresses
from crm.models import Activity, Contact
from people.models import Team, User

SOURCE = "nextmove"


class EmailTaken(Exception):
    """Another contact of the team has the address."""

    def __init__(self, contact: Contact) -> None:
        super().__init__(f"{contact.email} belongs to contact {contact.pk} already: change that one, or leave it out.")
        self.contact = contact


def by_email(team_id: int, email: str) -> Contact | None:
    """The team's contact with this address, in any case of letters; the survivor where one was merged."""
    return addresses.holder_of(team_id, email)


class HasHistory(Exception):
    """Something has happened to the contact; the ledger keeps it."""


def delete(contact: Contact) -> None:
    """Deletes a contact that nothing has happened to, such as one made by mistake. Raises HasHistory for any other."""
    try:
        with transaction.atomic():
            contact.delete()
    except ProtectedError:
        raise HasHistory(
            "This contact has activities or tasks, which the ledger keeps: set its status to inactive or lost instead."
        ) from None


def create(team: Team, *, owner: User | None, **fields: Any) -> Contact:
    """A new contact. Raises EmailTaken, ValidationError."""
    return _save(Contact(team=team, owner=owner, **fields))


def update(contact: Contact, *, by: User | None, now: datetime, **fields: Any) -> Contact:
    """Changes columns; a changed status writes its activity with them. Raises EmailTaken, ValidationError."""
    with transaction.atomic():
        kept = Contact.objects.select_for_update().get(pk=contact.pk)
        old_status = kept.status
        for name, value in fields.items():
            setattr(kept, name, value)
        if kept.status != old_status:
            kept.seen_status = kept.status
            record_status_change(kept, old_status, kept.status, by=by, now=now)
        return _save(kept)


def record_status_change(contact: Contact, old: str, new: str, *, by: User | None, now: datetime) -> Activity:
    """The ledger's row of a status change, with both words."""
    return Activity.objects.create(
        team_id=contact.team_id,
        contact=contact,
        actor=by,
        activity_type=Activity.STATUS_CHANGED,
        occurred_at=now,
        received_at=now,
        source=SOURCE,
        data={"old_status": old, "new_status": new},
    )


def notice_changes_by_hand(*, now: datetime, team_id: int, limit: int = 500) -> int:
    """Turns statuses changed past the verbs (`save()`, `.update()`, SQL) into activities, each once.

    The compare-and-set on `seen_status` decides who writes it, whoever else is looking at the same time.
    """
    found = 0
    for contact in Contact.objects.changed_by_hand().filter(team_id=team_id).order_by("pk")[:limit]:
        with transaction.atomic():
            mine = Contact.objects.filter(pk=contact.pk, seen_status=contact.seen_status, status=contact.status)
            if not mine.update(seen_status=contact.status):
                continue
            if contact.seen_status:  # empty: a row made past `save()`, which is new, not changed
                record_status_change(contact, contact.seen_status, contact.status, by=None, now=now)
                found += 1
    return found


def _save(contact: Contact) -> Contact:
    contact.email = contact.email.strip()
    contact.fill_in()
    contact.clean_fields()
    try:
        with transaction.atomic():
            addresses.trade(contact, contact.email)
            contact.save()
    except IntegrityError:
        other = by_email(contact.team_id, contact.email)
        if other is None:
            raise
        raise EmailTaken(other) from None
    return contact
