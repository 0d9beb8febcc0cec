"""/api/contacts: the people your team deals with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, conflict, not_found, pointing_to
from api.fields import UNSET, Id, In, Instant, Line, MaybeCadence, Out, all_named, named
from api.paging import Cursor, Limit, Page, page
from crm import addresses, consent, contacts
from crm.models import Contact
from people import rights
from people.models import User
from work import ties

router = Router(tags=["contacts"])

ContactStatus = Literal["lead", "active", "inactive", "lost"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(max_length=254)]


class ContactPatch(In):
    name: Name = UNSET
    email: Email = UNSET
    phone: Annotated[str, StringConstraints(max_length=40)] = UNSET
    company: Line = UNSET
    status: ContactStatus = UNSET
    contact_cadence: MaybeCadence = Field(
        UNSET, description="How often to be in touch: a word, days:N for every N days, or empty for no cadence"
    )
    next_follow_up_at: Instant | None = None
    timezone: Annotated[str, StringConstraints(max_length=64)] = Field(UNSET, description="As Europe/Berlin")
    lead_score: Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] = UNSET
    owner_id: Id = UNSET
    tags: Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=60)]], Field(max_length=50)] = UNSET
    do_not_contact: bool = UNSET
    excluded_user_ids: list[Id] = Field(
        UNSET, max_length=200, description="All who must not have work of this contact; for leads and managers to say"
    )


class ContactIn(ContactPatch):
    name: Name = Field(examples=["Ada Byron"])
    email: Email = Field(UNSET, examples=["ada@example.com"])


class ContactOut(Out):
    id: int
    name: str
    email: str
    phone: str
    company: str
    status: str
    contact_cadence: str
    next_follow_up_at: datetime | None
    next_touch_at: datetime | None
    timezone: str
    lead_score: int
    owner_id: int | None
    team_id: int
    tags: Any
    last_touch_at: datetime | None = Field(description="The last call, meeting or mail, either way")
    do_not_contact: bool
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    bounced_at: datetime | None = Field(description="When mail to the address bounced for good")
    merged_into_id: int | None
    created_at: datetime


class ContactDetail(ContactOut):
    excluded_user_ids: list[int] | None = Field(
        description="Who must not have work of this contact; null for those who are neither lead nor manager"
    )


def shown(rows: Sequence[Contact]) -> list[ContactOut]:
    return [ContactOut.model_validate(row) for row in rows]


@router.get("/api/contacts", auth=scope("contacts:read"), response=Page[ContactOut])
def list_contacts(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    email: Annotated[str | None, Query(None, max_length=254, description="In any case of letters")],
    status: Annotated[ContactStatus | None, Query(None)],
    owner_id: Annotated[Id | None, Query(None)],
    q: Annotated[str | None, Query(None, max_length=100, description="Part of name, e-mail or company")],
) -> dict[str, Any]:
    """The contacts you may see, by name."""
    rows = Contact.objects.visible_to(caller(request))
    if email is not None:
        rows = rows.with_email(email)
    if status is not None:
        rows = rows.filter(status=status)
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    if q:
        rows = rows.found_by(q)
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("name", "id"))


@router.post("/api/contacts", auth=scope("contacts:write"), response={201: ContactDetail})
def create_contact(request: HttpRequest, payload: ContactIn) -> Status[ContactDetail]:
    """Makes a contact, yours unless owner_id says otherwise. A taken e-mail address is refused (409)."""
    user = caller(request)
    fields = _rows_of(payload, user)
    try:
        with transaction.atomic():
            contact = contacts.create(user.team, owner=fields.pop("owner", user), by=user, **fields)
            _exclude(contact, payload, user)
    except contacts.EmailTaken as taken:
        raise _taken(taken.contact, user) from None
    return Status(201, _detail(contact, user))


@router.get("/api/contacts/{int:id}", auth=scope("contacts:read"), response=ContactDetail)
def get_contact(request: HttpRequest, id: Id) -> ContactDetail:
    """One contact."""
    user = caller(request)
    return _detail(seen(user, id), user)


@router.patch("/api/contacts/{int:id}", auth=scope("contacts:write"), response=ContactDetail)
def update_contact(request: HttpRequest, id: Id, payload: ContactPatch) -> ContactDetail:
    """Changes what is sent. A changed status is an activity, which rules may answer."""
    user = caller(request)
    contact = editable(user, id)
    fields, now = _rows_of(payload, user), timezone.now()
    do_not_contact = fields.pop("do_not_contact", None)
    try:
        with transaction.atomic():
            changed = contacts.update(contact, by=user, now=now, **fields)
            if do_not_contact is not None:
                consent.set_do_not_contact(changed, do_not_contact, by=user, now=now)
            _exclude(changed, payload, user)
        return _detail(changed, user)
    except contacts.EmailTaken as taken:
        raise _taken(taken.contact, user) from None


@router.delete("/api/contacts/{int:id}", auth=scope("contacts:write"), response={204: None})
def delete_contact(request: HttpRequest, id: Id) -> Status[None]:
    """Deletes a contact that nothing has happened to; one with activities or tasks is kept, 409."""
    user = caller(request)
    contact = seen(user, id)
    if contact.owner_id != user.pk:
        need(user, "manage_team", "delete a contact that is not yours")
    try:
        contacts.delete(contact, by=user, now=timezone.now())
    except contacts.HasHistory as kept:
        raise Problem(409, str(kept)) from None
    return Status(204, None)


def seen(user: User, pk: int) -> Contact:
    """The contact of the path; else the 404, which leads on from one that was merged."""
    contact = Contact.objects.visible_to(user).filter(pk=pk).first()
    if contact is not None:
        return contact
    gone = Contact.objects.filter(pk=pk, team_id=user.team_id, merged_into__isnull=False).first()
    if gone is not None:
        survivor = addresses.survivor_of(gone)
        if Contact.objects.visible_to(user).filter(pk=survivor.pk).exists():
            raise Problem(404, f"Contact {pk} was merged into contact {survivor.pk}: ask for that one.")
    raise not_found("contact", pk)


def editable(user: User, pk: int) -> Contact:
    """The contact of the path, for those who may change it; else the 404 or the 403."""
    contact = seen(user, pk)
    if not rights.may_edit_contact(user, contact):
        need(user, "manage_team", "change a contact that is not yours")
    return contact


def _rows_of(payload: ContactPatch, user: User) -> dict[str, Any]:
    fields = payload.model_dump(exclude_unset=True, exclude={"excluded_user_ids"})
    if "owner_id" in fields:
        owner_id = fields.pop("owner_id")
        if owner_id != user.pk:
            need(user, "manage_team", "give contacts to another owner")
        fields["owner"] = named(User.objects.visible_to(user).active(), owner_id, "/owner_id", "user")
    return fields


def _exclude(contact: Contact, payload: ContactPatch, user: User) -> None:
    if "excluded_user_ids" not in payload.model_fields_set:
        return
    need(user, "view_team", "say who must not have work of a contact")
    people = all_named(User.objects.visible_to(user), payload.excluded_user_ids, "excluded_user_ids", "user")
    with pointing_to("excluded_user_ids"):
        ties.exclude_from(contact, people, by=user, now=timezone.now())


def _detail(contact: Contact, user: User) -> ContactDetail:
    excluded = ties.excluded_from(contact) if rights.may(user, "view_team") else None
    (row,) = shown([contact])
    return ContactDetail(**row.model_dump(), excluded_user_ids=excluded)


def _taken(other: Contact, user: User) -> Problem:
    """Names the contact that has the address only to those who may see it."""
    if Contact.objects.visible_to(user).filter(pk=other.pk).exists():
        return conflict(
            f"{other.email} belongs to contact {other.pk} ({other.name}): change that one, or send another address.",
            pointer="/email",
        )
    return conflict("This address is taken in your team: ask a lead whose contact it is.", pointer="/email")
