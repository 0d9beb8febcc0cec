"""Whether a person may be written to: opt-outs from any side, and the way back that only a person opens.

An opt-out stands in a column of the contact, the earliest instant of its kind, and is told in the ledger, from where
sequences and rules follow. It stops that person and nobody else.
"""

from datetime import datetime

from django.db import transaction

from crm import announced
from crm.models import Activity, Contact
from people.models import User

SOURCE = "nextmove"
UNSUBSCRIBED, COMPLAINED, BOUNCED, DO_NOT_CONTACT = "unsubscribed", "complained", "bounced", "do_not_contact"
KINDS = (UNSUBSCRIBED, COMPLAINED, BOUNCED, DO_NOT_CONTACT)
COLUMN = {UNSUBSCRIBED: "unsubscribed_at", COMPLAINED: "complained_at", BOUNCED: "bounced_at"}
ACTIVITY = {
    UNSUBSCRIBED: Activity.EMAIL_UNSUBSCRIBED,
    COMPLAINED: Activity.EMAIL_COMPLAINED,
    BOUNCED: Activity.EMAIL_BOUNCED,
    DO_NOT_CONTACT: Activity.DO_NOT_CONTACT,
}
"""The row of the ledger that tells of each kind, whoever said it."""
KIND = {activity: kind for kind, activity in ACTIVITY.items()}


class UnknownKind(ValueError):
    """No such opt-out; the message lists those there are."""


class NoteNeeded(ValueError):
    """Somebody who was opted out is let in again only with a word on why."""


def may_mail(contact: Contact) -> tuple[bool, str]:
    """Whether the contact may be sent mail, and if not, why not."""
    if contact.erased_at is not None:
        return False, "the contact was erased"
    if contact.merged_into_id is not None:
        return False, "the contact was merged into another"
    if contact.do_not_contact:
        return False, "the contact is marked do not contact"
    if contact.complained_at is not None:
        return False, "the contact complained about a mail"
    if contact.unsubscribed_at is not None:
        return False, "the contact unsubscribed"
    if contact.bounced_at is not None:
        return False, "mail to the contact's address bounced for good"
    return (True, "") if contact.email else (False, "the contact has no e-mail address")


def opt_out(
    contact: Contact, kind: str, *, now: datetime, by: User | None = None, source: str = SOURCE, note: str = ""
) -> bool:
    """Notes the opt-out and tells the ledger; False when it stood already. Doing it twice is doing it once.

    Raises UnknownKind.
    """
    if kind not in KINDS:
        raise UnknownKind(f"There is no opt-out {kind!r}: use one of {', '.join(KINDS)}.")
    with transaction.atomic():
        if not _note(contact, kind, now, now=now, by=by):
            return False
        tell(contact, kind, now=now, by=by, source=source, note=note)
    return True


def opt_in(contact: Contact, *, by: User, now: datetime, note: str) -> bool:
    """Lifts every opt-out of the contact, with the reason a person gives; False when there was none.

    An event from before that is told late changes nothing any more. Raises NoteNeeded.
    """
    if not note.strip():
        raise NoteNeeded("Say in `note` why the contact may be written to again, such as who asked for it and when.")
    with transaction.atomic():
        kept = Contact.objects.select_for_update().get(pk=contact.pk)
        lifted = [kind for kind, column in COLUMN.items() if getattr(kept, column) is not None]
        lifted += [DO_NOT_CONTACT] if kept.do_not_contact else []
        if not lifted:
            return False
        _write(contact, dict.fromkeys(COLUMN.values()) | _mark(False))
        announced.tell_changed(contact, [COLUMN.get(kind, kind) for kind in lifted], now=now, by=by)
        said: dict[str, object] = {"lifted": lifted, "note": note.strip()}
        _record(contact, Activity.OPTED_IN, now=now, by=by, source=SOURCE, data=said)
    return True


def set_do_not_contact(contact: Contact, value: bool, *, by: User, now: datetime) -> bool:
    """The mark that a person sets and takes off; False when it stood so. Taking it off lifts no other opt-out."""
    if value:
        return opt_out(contact, DO_NOT_CONTACT, now=now, by=by)
    with transaction.atomic():
        if not Contact.objects.filter(pk=contact.pk, do_not_contact=True).update(**_mark(False)):
            return False
        contact.do_not_contact = contact.seen_do_not_contact = False
        tell_mark(contact, now=now, by=by)
        announced.tell_changed(contact, [DO_NOT_CONTACT], now=now, by=by)
    return True


def follow(activity: Activity, *, now: datetime) -> bool:
    """Notes the opt-out that an activity tells of, before anything else follows it; False when it tells of none.

    A bounce counts when `data.permanent` says so, and when its address is the contact's present one. What happened
    before somebody let the contact in again is over.
    """
    kind, contact = KIND.get(activity.activity_type), activity.contact
    if kind is None or contact is None or contact.erased_at is not None:
        return False
    if kind == BOUNCED and not is_for_good(activity, contact):
        return False
    if _let_in_since(contact, kind, activity.occurred_at):
        return False
    return _note(contact, kind, activity.occurred_at, now=now)  # it holds from when it happened


def tell(
    contact: Contact, kind: str, *, now: datetime, by: User | None = None, source: str = SOURCE, note: str = ""
) -> Activity:
    """The ledger's row of an opt-out, from which sequences end and rules run."""
    data: dict[str, object] = {"kind": kind}
    if kind == BOUNCED:
        data |= {"permanent": True, "recipient": contact.email}
    if note.strip():
        data["note"] = note.strip()
    return _record(contact, ACTIVITY[kind], now=now, by=by, source=source, data=data)


def tell_mark(contact: Contact, *, now: datetime, by: User | None) -> Activity:
    """The ledger's row of the mark as it stands now, set or taken off."""
    if contact.do_not_contact:
        return tell(contact, DO_NOT_CONTACT, now=now, by=by)
    return _record(contact, Activity.OPTED_IN, now=now, by=by, source=SOURCE, data={"lifted": [DO_NOT_CONTACT]})


def _note(contact: Contact, kind: str, at: datetime, *, now: datetime, by: User | None = None) -> bool:
    """Writes the column, under the row's lock, so that of two at once the earlier instant stays."""
    with transaction.atomic():
        kept = Contact.objects.select_for_update().get(pk=contact.pk)
        if kind == DO_NOT_CONTACT:
            fresh = not (kept.do_not_contact and kept.seen_do_not_contact)
            _write(contact, _mark(True))
        else:
            known = getattr(kept, COLUMN[kind])
            fresh = known is None
            _write(contact, {COLUMN[kind]: at if known is None else min(known, at)})
        if fresh:
            announced.tell_changed(contact, [COLUMN.get(kind, kind)], now=now, by=by)
        return fresh


def _let_in_since(contact: Contact, kind: str, at: datetime) -> bool:
    later = Activity.objects.filter(contact=contact, activity_type=Activity.OPTED_IN, occurred_at__gte=at)
    return any(kind in data.get("lifted", ()) for data in later.values_list("data", flat=True))


def is_for_good(activity: Activity, contact: Contact) -> bool:
    """Whether a bounce says that the contact's present address takes no mail any more."""
    data = activity.data if isinstance(activity.data, dict) else {}
    address = data.get("recipient") or data.get("email")
    other = isinstance(address, str) and bool(contact.email) and address.strip().lower() != contact.email.lower()
    return data.get("permanent") is True and not other


def _mark(value: bool) -> dict[str, object]:
    """The columns of the plain no; it counts as seen, for whoever sets it here tells of it."""
    return {"do_not_contact": value, "seen_do_not_contact": value}


def _write(contact: Contact, columns: dict[str, object]) -> None:
    Contact.objects.filter(pk=contact.pk).update(**columns)
    for name, value in columns.items():
        setattr(contact, name, value)


def _record(
    contact: Contact, kind: str, *, now: datetime, by: User | None, source: str, data: dict[str, object]
) -> Activity:
    return Activity.objects.create(
        team_id=contact.team_id,
        contact=contact,
        actor=by,
        activity_type=kind,
        occurred_at=now,
        received_at=now,
        source=source,
        signal=Activity.HUMAN if by is not None else Activity.UNKNOWN,
        data=data,
    )
