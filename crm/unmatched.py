"""Events of somebody nobody knows: kept in a list until a person says whose they are, or that nobody has to look.

They are of no rule's concern while they wait; attached, they are processed as if they had just come in, at the age they
have by then. Beside them, events that came twice under one key with different words.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

import jobs.bell
from crm import addresses
from crm.models import Activity, ActivityConflict, Contact, ContactIdentity
from people.models import User

ADDRESSES = ("recipient", "from", "email")
"""Where in `data` the address stands: of whom a mail went to, of who wrote one, of who filled in a form."""
MOST = 1_000
"""Events of one address that are attached at once."""


class CannotAttach(ValueError):
    """The event cannot be given to this contact; the message says why."""


@dataclass(frozen=True)
class Attached:
    activities: list[int]
    contact: Contact
    learned: str = ""
    """The address that is known to be the contact's from now on."""


def waiting(user: User) -> QuerySet[Any]:
    """What waits for a word, of the user's team: for leads and managers."""
    rows = Activity.objects.visible_to(user)
    return rows.filter(contact__isnull=True, task_id__isnull=True, dismissed_at__isnull=True)


def address_of(activity: Activity) -> str:
    """The address that the event is about, in small letters; "" when it names none."""
    data = activity.data if isinstance(activity.data, dict) else {}
    for name in ADDRESSES:
        if isinstance(data.get(name), str) and "@" in data[name]:
            return str(data[name]).strip().lower()
    return ""


def attach(activity: Activity, contact: Contact, *, now: datetime, others: bool = True) -> Attached:
    """Gives the event to the contact, with `others` all that wait of the same address, and queues them for the rules.

    The address becomes one of the contact's, so that what comes next finds it by itself. Of two people who attach one
    event at once the first wins. Raises CannotAttach.
    """
    contact = addresses.survivor_of(contact)
    if contact.erased_at is not None or contact.team_id != activity.team_id:
        raise CannotAttach(f"Contact {contact.pk} cannot be given anything: name another one.")
    address = address_of(activity)
    with transaction.atomic():
        rows = [activity, *(_same_address(activity, address) if others and address else [])]
        given = [row.pk for row in rows if _give(row, contact, now)]
        if activity.pk not in given:
            raise CannotAttach("This event was attached or belongs to somebody already: look at the list again.")
        learned = address if _learn(contact, address) else ""
        transaction.on_commit(lambda: jobs.bell.ring(contact.team_id), robust=True)
    return Attached(given, contact, learned)


def dismiss(activity: Activity, *, now: datetime) -> bool:
    """Takes the event out of the list; it stays in the ledger. False when it was out of it."""
    rows = Activity.objects.filter(pk=activity.pk, contact__isnull=True, dismissed_at__isnull=True)
    return bool(rows.update(dismissed_at=now))


def bring_back(activity: Activity) -> bool:
    """Puts a dismissed event into the list again. False when it was in it, or is somebody's by now."""
    rows = Activity.objects.filter(pk=activity.pk, contact__isnull=True, dismissed_at__isnull=False)
    return bool(rows.update(dismissed_at=None))


def conflicts(user: User) -> QuerySet[Any]:
    """Second versions of events that nobody has looked at yet, of the activities the user sees."""
    # Asked of each, since SQLite would read all activities that the user sees for a list of them.
    seen = Exists(Activity.objects.visible_to(user).filter(pk=OuterRef("activity")))
    return ActivityConflict.objects.filter(seen, dismissed_at__isnull=True).select_related("activity")


def dismiss_conflict(conflict: ActivityConflict, *, now: datetime) -> bool:
    """Takes it out of the list. False when it was out of it."""
    return bool(ActivityConflict.objects.filter(pk=conflict.pk, dismissed_at__isnull=True).update(dismissed_at=now))


def bring_conflict_back(conflict: ActivityConflict) -> bool:
    """Puts it into the list again. False when it was in it."""
    rows = ActivityConflict.objects.filter(pk=conflict.pk, dismissed_at__isnull=False)
    return bool(rows.update(dismissed_at=None))


def _same_address(activity: Activity, address: str) -> list[Activity]:
    """Reads only the index of what waits."""
    named = Q()
    for name in ADDRESSES:
        named |= Q(**{f"data__{name}__iexact": address})
    rows = Activity.objects.filter(
        named, team_id=activity.team_id, contact__isnull=True, task_id__isnull=True, dismissed_at__isnull=True
    )
    return [row for row in rows.exclude(pk=activity.pk).order_by("pk")[:MOST] if address_of(row) == address]


def _give(row: Activity, contact: Contact, now: datetime) -> bool:
    """It counts as received now: its age for the rules is what it is by now, and a rule that was off stays silent."""
    kept = dict(row.data) if isinstance(row.data, dict) else {}
    kept.setdefault("first_received_at", row.received_at.isoformat())
    mine = Activity.objects.filter(pk=row.pk, contact__isnull=True, task_id__isnull=True)
    return bool(mine.update(contact=contact, processed_at=None, dismissed_at=None, received_at=now, data=kept))


def _learn(contact: Contact, address: str) -> bool:
    """Whether the address was new and nobody else's."""
    if not address or len(address) > 200 or addresses.holder_of(contact.team_id, address) is not None:
        return False
    try:
        with transaction.atomic():
            ContactIdentity.objects.create(
                team_id=contact.team_id, contact=contact, source=addresses.EMAIL, external_id=address
            )
    except IntegrityError:
        return False
    return True
