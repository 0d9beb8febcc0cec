"""/api/contacts/{id}/…: making one contact of two and two of one, opting out and in, and erasing a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.contacts import ContactOut, editable, seen
from api.errors import Problem, conflict, invalid, not_found
from api.fields import Id, In, Line, Out
from api.paging import Cursor, Limit, Page, page
from crm import consent, erase, merge
from crm.models import Contact, ContactMerge
from people.models import User

router = Router(tags=["contacts"])

Note = Annotated[str, StringConstraints(max_length=500)]


class MergeIn(In):
    contact_id: Id = Field(description="Who becomes part of the contact in the path")


class UnmergeIn(In):
    merge_id: Id | None = Field(None, description="The last one when left out")


class MergeOut(Out):
    id: int
    survivor_id: int
    absorbed_id: int
    by_id: int | None
    at: datetime
    undone_at: datetime | None
    undo_until: datetime = Field(description="Until when it can be undone, the last merge first")


class OptOutIn(In):
    kind: Literal["unsubscribed", "complained", "bounced", "do_not_contact"] = "do_not_contact"
    note: Note = ""


class OptInIn(In):
    note: Note = Field(description="Why they may be written to again, such as who asked for it and when")


class EraseIn(In):
    confirm: Line = Field(description="The contact's name or e-mail address, for this cannot be undone")


class ErasedOut(Out):
    contact_id: int
    erased_at: datetime


def shown(rows: Sequence[ContactMerge]) -> list[MergeOut]:
    names = [name for name in MergeOut.model_fields if name != "undo_until"]
    return [
        MergeOut(**{name: getattr(row, name) for name in names}, undo_until=row.at + merge.KEPT_FOR) for row in rows
    ]


@router.post("/api/contacts/{int:id}/merge", auth=scope("contacts:write"), response={201: MergeOut})
def merge_contacts(request: HttpRequest, id: Id, payload: MergeIn) -> Status[MergeOut]:
    """Makes another contact part of this one. Everything of the other is this one's; it can be undone for 30 days."""
    user = caller(request)
    survivor = _own(user, seen(user, id), "merge")
    other = Contact.objects.visible_to(user).filter(pk=payload.contact_id).first()
    if other is None:
        raise invalid("/contact_id", "unknown", f"There is no contact {payload.contact_id} that you may see.")
    try:
        row = merge.merge(survivor, _own(user, other, "merge"), by=user, now=timezone.now())
    except merge.CannotMerge as refused:
        raise conflict(str(refused), pointer="/contact_id", code="cannot_merge") from None
    return Status(201, shown([row])[0])


@router.get("/api/contacts/{int:id}/merges", auth=scope("contacts:read"), response=Page[MergeOut])
def list_merges(request: HttpRequest, id: Id, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """What was made part of this contact, the last one first."""
    rows = ContactMerge.objects.filter(survivor=seen(caller(request), id))
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))


@router.post("/api/contacts/{int:id}/unmerge", auth=scope("contacts:write"), response=ContactOut)
def unmerge_contacts(request: HttpRequest, id: Id, payload: UnmergeIn) -> Contact:
    """Parts what was merged, at most 30 days ago, and answers the contact that is itself again.

    What happened since the merge stays with this one. Several merges are undone the last one first.
    """
    user = caller(request)
    survivor = _own(user, seen(user, id), "part")
    if payload.merge_id is None:
        row = merge.last_of(survivor)
        if row is None:
            raise Problem(409, "Nothing is merged into this contact that could be undone.")
    else:
        row = ContactMerge.objects.filter(survivor=survivor, pk=payload.merge_id).first()
        if row is None:
            raise not_found("merge of this contact", payload.merge_id)
    _own(user, row.absorbed, "part")
    try:
        return merge.unmerge(row, by=user, now=timezone.now())
    except merge.CannotPart as refused:
        raise Problem(409, str(refused)) from None


@router.post("/api/contacts/{int:id}/opt-out", auth=scope("contacts:write"), response=ContactOut)
def opt_out(request: HttpRequest, id: Id, payload: OptOutIn) -> Contact:
    """Notes that the contact is not to be written to, and ends what it is enrolled in. Twice is once."""
    user = caller(request)
    contact = editable(user, id)
    consent.opt_out(contact, payload.kind, now=timezone.now(), by=user, note=payload.note)
    return contact


@router.post("/api/contacts/{int:id}/opt-in", auth=scope("contacts:write"), response=ContactOut)
def opt_in(request: HttpRequest, id: Id, payload: OptInIn) -> Contact:
    """Lifts every opt-out of the contact, for a reason that is kept. What had ended stays ended."""
    user = caller(request)
    contact = editable(user, id)
    try:
        consent.opt_in(contact, by=user, now=timezone.now(), note=payload.note)
    except consent.NoteNeeded as refused:
        raise invalid("/note", "missing", str(refused)) from None
    return contact


@router.post("/api/contacts/{int:id}/erase", auth=scope("contacts:write"), response=ErasedOut)
def erase_contact(request: HttpRequest, id: Id, payload: EraseIn) -> ErasedOut:
    """Wipes all that was written of the person, here and in tasks, logs and payloads, for good. Figures stay."""
    user = caller(request)
    contact = seen(user, id)
    need(user, "manage_team", "erase a contact")
    said = payload.confirm.strip().casefold()
    if said not in {contact.name.strip().casefold(), contact.email.casefold()} - {""}:
        raise invalid("/confirm", "mismatch", "Write the contact's name or e-mail address: erasing cannot be undone.")
    now = timezone.now()
    erase.erase(contact, by=user, now=now)
    return ErasedOut(contact_id=contact.pk, erased_at=contact.erased_at or now)


def _own(user: User, contact: Contact, verb: str) -> Contact:
    """A contact of one's own; somebody else's is the managers' business."""
    if contact.owner_id != user.pk or contact.team_id != user.team_id:
        need(user, "manage_team", f"{verb} contacts that are not yours")
    return contact
