"""Making one contact of two, and two of one again within 30 days.

Everything that points to the absorbed contact moves to the survivor; rooms above register what their own rows need
beyond that. What was moved and changed is kept with the merge, so that parting puts back what nobody touched since.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

import jobs.bell
from crm import addresses, announced, consent, moving, phones, traces
from crm.models import Activity, Contact, ContactIdentity, ContactMerge
from domain import uniting
from jobs import deadlocks
from jobs.rows import insert_new
from people.models import User

KEPT_FOR = timedelta(days=30)
AT_REST = {"contact_cadence": "", "seen_cadence": "", "next_touch_at": None, "quiet_at": None} | {
    "next_follow_up_at": None,
    "seen_follow_up_at": None,
}
"""An absorbed contact is due for nothing: no sweep finds it."""
OPT_OUTS = {column: kind for kind, column in consent.COLUMN.items()} | {"do_not_contact": consent.DO_NOT_CONTACT}


ITSELF = "A contact cannot be merged with itself: name another one."


class CannotMerge(ValueError):
    """The two cannot become one; the message says why, and what to do."""


class CannotPart(ValueError):
    """The merge cannot be undone; the message says why, and what to do first."""


@dataclass(frozen=True)
class Merging:
    """A merge under way, both rows locked."""

    survivor: Contact
    absorbed: Contact
    by: User | None
    now: datetime


@dataclass(frozen=True)
class Step:
    """What a higher room does in a merge, inside its transaction.

    `settle` readies the room's rows before they move and answers what `part` needs, as JSON; `part` gets that back once
    they have moved back. `enter(team_id)` takes what has to be locked before the contacts are.
    """

    room: str
    settle: Callable[[Merging], dict[str, Any]]
    part: Callable[[Merging, dict[str, Any]], None]
    enter: Callable[[int], None] | None = None


_steps: list[Step] = []


def register(step: Step) -> None:
    """Adds a room's step. Steps run in the order of registration, and backwards when a merge is undone."""
    if step.room not in {known.room for known in _steps}:
        _steps.append(step)


@dataclass(frozen=True)
class Preview:
    """What a merge would do, as things stand."""

    moves: dict[str, int]
    """How many rows of the absorbed contact would be the survivor's, by "app.Model.field"; never 0."""
    fills: dict[str, Any]
    """Columns of the survivor that would change, with their new values."""


def preview(survivor: Contact, absorbed: Contact) -> Preview:
    """Tells what `merge` would do, and writes nothing. Raises CannotMerge as it does."""
    _check(Merging(survivor, absorbed, None, survivor.created_at))
    own = {column: getattr(survivor, column) for column in uniting.COLUMNS}
    fills = uniting.united(own, {column: getattr(absorbed, column) for column in uniting.COLUMNS})
    counts = ((name, rows.filter(**{field: absorbed}).count()) for name, rows, field in moving.pointers())
    return Preview({name: count for name, count in counts if count}, fills)


@deadlocks.begun_again
def merge(survivor: Contact, absorbed: Contact, *, by: User | None, now: datetime) -> ContactMerge:
    """Makes `absorbed` part of `survivor`. Of several callers at once one wins. Raises CannotMerge."""
    if survivor.pk == absorbed.pk:
        raise CannotMerge(ITSELF)
    with transaction.atomic():
        one = _locked(survivor, absorbed, by, now)
        _check(one)
        before: dict[str, Any] = {"rooms": {step.room: step.settle(one) for step in _steps}}
        before["moved"] = moving.move(one.absorbed, one.survivor)
        before |= _unite_columns(one)
        before["told"] = _tell_opt_outs(one, before["survivor"])
        row = ContactMerge.objects.create(
            team_id=one.survivor.team_id, survivor=one.survivor, absorbed=one.absorbed, by=by, at=now, before=before
        )
        _record(one, Activity.CONTACT_MERGED, absorbed_id=one.absorbed.pk, merge_id=row.pk)
        _announce(one, announced.MERGED)
    survivor.refresh_from_db()
    absorbed.refresh_from_db()
    return row


@deadlocks.begun_again
def unmerge(row: ContactMerge, *, by: User | None, now: datetime) -> Contact:
    """Parts what was merged, at most 30 days later, and answers the contact that is itself again.

    What was moved and is still where it was put goes back, as does each column that nobody changed. What happened since
    the merge stays with the survivor. Several merges are undone the last one first. Raises CannotPart.
    """
    with transaction.atomic():
        one = _locked(row.survivor, row.absorbed, by, now)
        row = ContactMerge.objects.select_for_update().get(pk=row.pk)
        _check_parting(row, one)
        moving.move_back(row.before["moved"], holder=one.survivor, owner=one.absorbed)
        _part_columns(row, one)
        # An opt-out that was told and that nobody has heard of yet is taken back: it is not the survivor's.
        Activity.objects.filter(pk__in=row.before.get("told", []), processed_at=None).delete()
        for step in reversed(_steps):
            step.part(one, row.before["rooms"].get(step.room, {}))
        ContactMerge.objects.filter(pk=row.pk).update(undone_at=now)
        _record(one, Activity.CONTACT_PARTED, absorbed_id=one.absorbed.pk, merge_id=row.pk)
        _announce(one, announced.PARTED)
    return one.absorbed


def last_of(contact: Contact) -> ContactMerge | None:
    """The merge of the contact that would be undone first."""
    return ContactMerge.objects.filter(survivor=contact, undone_at__isnull=True).order_by("-pk").first()


def _locked(survivor: Contact, absorbed: Contact, by: User | None, now: datetime) -> Merging:
    """Both rows as they are now, locked in the order of their ids, after whatever rooms lock first."""
    for step in _steps:
        if step.enter is not None:
            step.enter(survivor.team_id)
    locked = Contact.objects.select_for_update().filter(pk__in=[survivor.pk, absorbed.pk]).order_by("pk")
    rows = {row.pk: row for row in locked}
    if len(rows) < 2:
        raise CannotMerge("One of the contacts is gone: look at the list again.")
    return Merging(rows[survivor.pk], rows[absorbed.pk], by, now)


def _check(one: Merging) -> None:
    if one.survivor.pk == one.absorbed.pk:
        raise CannotMerge(ITSELF)
    if one.survivor.team_id != one.absorbed.team_id:
        raise CannotMerge("The two contacts belong to different teams: only contacts of one team can be merged.")
    for contact in (one.survivor, one.absorbed):
        if contact.erased_at is not None:
            raise CannotMerge(f"Contact {contact.pk} was erased: there is nothing to merge.")
        if contact.merged_into_id is not None:
            survivor = addresses.survivor_of(contact)
            raise CannotMerge(f"Contact {contact.pk} was merged into contact {survivor.pk} already: name that one.")


def _unite_columns(one: Merging) -> dict[str, Any]:
    """Fills the survivor's row and lays the absorbed one to rest; the old address goes on leading to the survivor."""
    own = {column: getattr(one.survivor, column) for column in uniting.COLUMNS}
    new = uniting.united(own, {column: getattr(one.absorbed, column) for column in uniting.COLUMNS})
    old_address = one.absorbed.email
    resting: dict[str, Any] = {**AT_REST, "merged_into_id": one.survivor.pk, "seen_status": one.absorbed.status}
    resting["seen_timezone"] = one.absorbed.timezone
    resting |= {"seen_owner_id": one.absorbed.owner_id, "seen_do_not_contact": one.absorbed.do_not_contact}
    if "email" in new:
        resting["email"] = ""  # an address is one contact's
    absorbed = traces.change(one.absorbed, **resting)
    survivor = traces.change(one.survivor, **new)
    return {
        "absorbed": absorbed,
        "survivor": survivor,
        "opted_out": [column for column in OPT_OUTS if getattr(one.survivor, column)],
        "learned": _learn(one, old_address, one.absorbed.phone_e164),
    }


def _learn(one: Merging, email: str, phone: str) -> list[int]:
    """Ids of what the survivor is known by from now on: the old address and number, where they are nobody's yet."""
    known = [(addresses.EMAIL, email.lower()[:200]), (phones.PHONE, phone)]
    made = []
    for source, external_id in known:
        row = ContactIdentity(
            team_id=one.survivor.team_id, contact=one.survivor, source=source, external_id=external_id
        )
        made += [pk for (pk,) in insert_new([row])] if external_id else []
    return made


def _tell_opt_outs(one: Merging, changed: traces.Trace) -> list[int]:
    """An opt-out that the survivor had not had is told, so that what it is enrolled in ends. The rows' ids."""
    new = [kind for column, kind in OPT_OUTS.items() if column in changed and not changed[column][0]]
    return [consent.tell(one.survivor, kind, now=one.now, by=one.by).pk for kind in new]


def _check_parting(row: ContactMerge, one: Merging) -> None:
    if row.undone_at is not None:
        raise CannotPart("This merge was undone already.")
    if one.survivor.erased_at is not None or one.absorbed.erased_at is not None:
        raise CannotPart("The contact was erased since: nothing is left to part.")
    if one.now - row.at > KEPT_FOR:
        raise CannotPart(f"The merge is over {KEPT_FOR.days} days old: make a new contact instead.")
    later = ContactMerge.objects.filter(undone_at__isnull=True, pk__gt=row.pk)
    newer = later.filter(Q(survivor=one.survivor) | Q(absorbed=one.survivor)).order_by("-pk").first()
    if newer is not None:
        raise CannotPart(
            f"Merge {newer.pk} (contact {newer.absorbed_id} into {newer.survivor_id}) came later: undo that one first."
        )


def _part_columns(row: ContactMerge, one: Merging) -> None:
    """Each column that nobody changed goes back; an opt-out made since holds for both, whoever of them it was.

    A bounce is about an address, and since then the one that both had was one of theirs.
    """
    ContactIdentity.objects.filter(pk__in=row.before["learned"], contact=one.survivor).delete()
    optouts = {column: getattr(one.survivor, column) for column in OPT_OUTS if column not in row.before["opted_out"]}
    gone_back = traces.revert(one.survivor, row.before["survivor"])
    if "email" not in gone_back:
        optouts.pop("bounced_at", None)
    elif optouts.get("bounced_at"):
        traces.change(one.survivor, bounced_at=None)
    absorbed = dict(row.before["absorbed"])
    address = absorbed.get("email", [""])[0]
    if address and Contact.objects.filter(team_id=row.team_id).with_email(address).exists():
        del absorbed["email"]  # somebody has it now
    traces.revert(one.absorbed, absorbed)
    traces.change(one.absorbed, **{column: value for column, value in optouts.items() if value})


def _announce(one: Merging, action: str) -> None:
    for contact, other in ((one.survivor, one.absorbed), (one.absorbed, one.survivor)):
        announced.tell(contact, action, now=one.now, by=one.by, other=other)


def _record(one: Merging, kind: str, **data: Any) -> None:
    """For the record only: no rule starts by it. Activities that came along unprocessed ring for themselves."""
    Activity.objects.create(
        team_id=one.survivor.team_id,
        contact=one.survivor,
        actor=one.by,
        activity_type=kind,
        occurred_at=one.now,
        received_at=one.now,
        source=consent.SOURCE,
        origin=Activity.SYSTEM,
        data=data,
        processed_at=one.now,
    )
    team_id = one.survivor.team_id
    transaction.on_commit(lambda: jobs.bell.ring(team_id), robust=True)
