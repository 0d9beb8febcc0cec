"""The verbs on a contact. A status change and its activity are one transaction."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, ProtectedError

from crm import addresses, announced, consent, planning
from crm.models import Activity, Contact
from jobs import announcing, bell, queue
from jobs.rows import insert_new, write_all
from people.models import Team, User

log = logging.getLogger("nextmove.crm")

SOURCE = "nextmove"
SEEN = {
    "status": "seen_status",
    "contact_cadence": "seen_cadence",
    "timezone": "seen_timezone",
    "next_follow_up_at": "seen_follow_up_at",
    "do_not_contact": "seen_do_not_contact",
    "owner_id": "seen_owner_id",
}
"""What may be changed by hand and is followed, each with the column of what was seen last."""
WRITTEN = (
    *("name", "phone", "phone_e164", "company", "lead_score", "tags", *SEEN, *SEEN.values()),
    *("next_touch_at", "look_late_at", "cadence_anchor_day"),
)
"""What `update_all` may have changed."""

FOLLOW_JOB = "automation.tasks.follow_change"
FIRST_WAIT = timedelta(seconds=60)

Step = Callable[[Contact, frozenset[str], datetime], None]
_steps: list[Step] = []


def register(step: Step) -> None:
    """Adds what a higher room does when somebody changed a contact: step(contact, names, now), in the transaction.

    Names are those of SEEN.
    """
    if step not in _steps:
        _steps.append(step)


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


def delete(contact: Contact, *, by: User | None, now: datetime) -> None:
    """Deletes a contact that nothing has happened to, such as one made by mistake. Raises HasHistory for any other."""
    try:
        with transaction.atomic():
            announced.tell(contact, announced.DELETED, now=now, by=by)  # as it was
            contact.delete()
    except ProtectedError:
        raise HasHistory(
            "This contact has activities or tasks, which the ledger keeps: set its status to inactive or lost instead."
        ) from None


def create(team: Team, *, owner: User | None, by: User | None = None, **fields: Any) -> Contact:
    """A new contact. Raises EmailTaken, ValidationError."""
    contact = Contact(team=team, owner=owner, **fields)
    contact.seen_follow_up_at = contact.next_follow_up_at
    contact.next_touch_at = contact.next_follow_up_at or contact.next_touch_at
    with transaction.atomic():
        _save(contact)
        announced.tell(contact, announced.CREATED, now=contact.created_at, by=by)
    return contact


def update(contact: Contact, *, by: User | None, now: datetime, **fields: Any) -> Contact:
    """Changes columns, and what follows from them in the same transaction: the activity of a changed status, the next
    touch, what higher rooms registered. Raises EmailTaken, ValidationError.
    """
    with transaction.atomic():
        row = next(iter(_kept([contact.pk], now)), None)
        if row is None:
            raise Contact.DoesNotExist(f"Contact {contact.pk} was deleted meanwhile.")
        edit = _edit(row, fields)
        _save(row)
        _follow([edit], by=by, now=now)
    return row


def update_all(wanted: Mapping[int, Mapping[str, Any]], *, by: User | None, now: datetime) -> frozenset[int]:
    """Changes many contacts of one team as `update` does, by id: their fields checked before, no address among them.

    Returns the ids of those that are there. What follows costs three statements beside one for each row, unless dates
    on a contact's clock are moved. Be in a transaction.
    """
    with announcing.together():
        edits = [_edit(row, wanted[row.pk]) for row in _kept(list(wanted), now)]
        for edit in edits:
            edit.row.fill_in()
        write_all([edit.row for edit in edits], WRITTEN)
        _follow(edits, by=by, now=now)
    if edits:
        transaction.on_commit(lambda: bell.ring(edits[0].row.team_id), robust=True)
    return frozenset(edit.row.pk for edit in edits)


@dataclass(frozen=True)
class Edit:
    """A contact that was given other values: which of SEEN are others now, and how it was."""

    row: Contact
    changed: frozenset[str]
    status: str
    told: dict[str, object]


def _kept(pks: Sequence[int], now: datetime) -> list[Contact]:
    """The rows, locked. What was changed by hand before is followed first, so that it is not forgotten."""
    kept = Contact.objects.select_for_update(of=("self",), no_key=True).select_related("team", "owner")
    rows = list(kept.filter(pk__in=pks).order_by("pk"))
    for place, row in enumerate(rows):
        if any(getattr(row, name) != getattr(row, seen) for name, seen in SEEN.items()):
            notice(row.pk, now=now)
            rows[place] = kept.get(pk=row.pk)
    return rows


def _edit(row: Contact, fields: Mapping[str, Any]) -> Edit:
    """Gives the row its values and those that follow from them, in memory."""
    before, told = {name: getattr(row, name) for name in SEEN}, announced.values_of(row)
    address, zone = row.email, planning.zone_of(row, row.timezone, row.owner)
    for name, value in fields.items():
        setattr(row, name, value)
    if row.email.strip().lower() != address.lower():
        row.bounced_at = None  # it was the old address that bounced
    changed = frozenset(name for name in SEEN if getattr(row, name) != before[name])
    for name, value in planning.replanned(row, changed, zone_before=zone).items():
        setattr(row, name, value)
    for name, seen in SEEN.items():
        setattr(row, seen, getattr(row, name))
    return Edit(row, changed, before["status"], told)


def _follow(edits: Sequence[Edit], *, by: User | None, now: datetime) -> None:
    """What follows from edits that are kept: the ledger's rows, and word to whoever listens."""
    moved = [edit for edit in edits if "status" in edit.changed]
    insert_new([_status_change(edit.row, edit.status, edit.row.status, by=by, now=now) for edit in moved])
    if moved:
        transaction.on_commit(lambda: bell.ring(moved[0].row.team_id), robust=True)
    for edit in edits:
        _tell(edit.row, edit.changed, now, by=by)
        announced.tell_changed(edit.row, announced.differing(edit.told, edit.row), now=now, by=by)


def record_status_change(contact: Contact, old: str, new: str, *, by: User | None, now: datetime) -> Activity:
    """The ledger's row of a status change, with both words."""
    row = _status_change(contact, old, new, by=by, now=now)
    row.save(force_insert=True)
    return row


def _status_change(contact: Contact, old: str, new: str, *, by: User | None, now: datetime) -> Activity:
    return Activity(
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
    """Follows what was changed past the verbs (`save()`, `.update()`, SQL) as they do; how many activities were made.

    The compare-and-set on what was seen decides who follows it, whoever else is looking at the same time. A row that
    cannot be followed counts as seen, so that it is not looked at for ever, and becomes a job.
    """
    found = 0
    changed = Contact.objects.changed_by_hand().filter(team_id=team_id)
    for pk in list(changed.values_list("pk", flat=True)[:limit]):
        try:
            with transaction.atomic():
                found += notice(pk, now=now)
        except Exception:
            log.exception("what was changed by hand on contact %s cannot be followed and becomes a job", pk)
            _put_aside(pk, now)
    return found


def _put_aside(pk: int, now: datetime) -> None:
    """What was seen and what is there now, by column; then it counts as seen."""
    with transaction.atomic():
        row = Contact.objects.select_for_update(of=("self",), no_key=True).get(pk=pk)
        Contact.objects.filter(pk=pk).update(**{seen: F(name) for name, seen in SEEN.items()})
        pairs = {name: [_word(getattr(row, seen)), _word(getattr(row, name))] for name, seen in SEEN.items()}
        changes = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        key = f"contact:{pk}:changed:{now:%Y%m%dT%H%M%S%f}"
        request = queue.Request(FOLLOW_JOB, [pk, changes], key=key, team_id=row.team_id, run_at=now + FIRST_WAIT)
        queue.enqueue(request, now=now)


def follow_again(pk: int, changes: Mapping[str, Sequence[str]], *, now: datetime) -> bool:
    """A change by hand that could not be followed, tried again by its job; raises its fault.

    A column that was changed again since is left out: that change has been followed, or will be. True when an activity
    was made.
    """
    with transaction.atomic():
        row = Contact.objects.select_for_update(of=("self",), no_key=True).filter(pk=pk).first()
        stand = {
            name: old for name, (old, new) in changes.items() if row is not None and _word(getattr(row, name)) == new
        }
        if not stand:
            return False
        Contact.objects.filter(pk=pk).update(**{SEEN[name]: old or _EMPTY[name] for name, old in stand.items()})
        return notice(pk, now=now)


_EMPTY = {
    "status": "",
    "contact_cadence": "",
    "timezone": "",
    "next_follow_up_at": None,
    "do_not_contact": False,
    "owner_id": None,
}


def _word(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else value or ""


def notice(pk: int, *, now: datetime) -> bool:
    """Follows what was changed by hand on one contact; True when an activity was made of it."""
    row = Contact.objects.changed_by_hand().select_related("team", "owner").filter(pk=pk).first()
    if row is None:
        return False
    as_read = {column: getattr(row, column) for pair in SEEN.items() for column in pair}
    changed = frozenset(name for name, seen in SEEN.items() if as_read[name] != as_read[seen])
    zone = planning.zone_of(row, row.seen_timezone, _owner_seen(row))
    planned = planning.replanned(row, changed, zone_before=zone)
    seen = {seen: as_read[name] for name, seen in SEEN.items()}
    if not Contact.objects.filter(pk=pk, **as_read).update(**seen, **planned):
        return False
    for name, value in (seen | planned).items():
        setattr(row, name, value)
    _tell(row, changed, now)
    if as_read["seen_status"]:
        announced.tell_changed(row, changed, now=now)
    else:
        announced.tell(row, announced.CREATED, now=now)
    # Nothing seen: a row made past `save()`, which is new, not changed.
    if "status" not in changed or not as_read["seen_status"]:
        return False
    record_status_change(row, as_read["seen_status"], row.status, by=None, now=now)
    return True


def _owner_seen(row: Contact) -> User | None:
    """Whose it was when it was last looked at; of a row made past `save()`, which is new, whose it is."""
    if row.seen_owner_id == row.owner_id or not row.seen_status:
        return row.owner
    return User.objects.filter(pk=row.seen_owner_id).first()


def _tell(contact: Contact, changed: frozenset[str], now: datetime, by: User | None = None) -> None:
    if "do_not_contact" in changed and contact.erased_at is None:
        consent.tell_mark(contact, now=now, by=by)
    if changed:
        for step in _steps:
            step(contact, changed, now)


def _save(contact: Contact) -> Contact:
    contact.email = contact.email.strip()
    contact.fill_in()
    contact.clean_fields()
    try:
        with transaction.atomic():
            addresses.trade(contact, contact.email)
            contact.save(force_update=not contact._state.adding)
    except IntegrityError:
        other = by_email(contact.team_id, contact.email)
        if other is None:
            raise
        raise EmailTaken(other) from None
    return contact
