"""What comes in and from where: events that are nobody's yet, conflicts, mail providers' addresses, forms."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.activities import ActivityOut
from api.auth import caller, need, scope
from api.errors import conflict, invalid
from api.fields import UNSET, Id, In, Out, named, one
from api.paging import Cursor, Limit, Page, page
from crm import forms, providers, unmatched
from crm.audited import FORM, SOURCE
from crm.models import Contact, InboundForm, InboundSource, new_secret
from people.models import User

router = Router(tags=["inbound"])

READ, WRITE = scope("activities:read"), scope("activities:write")
SETUP_READ, SETUP_WRITE = scope("team:read"), scope("team:write")
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class UnmatchedOut(ActivityOut):
    address: str = Field(description="Whom it is about, as far as it says")


class AttachIn(In):
    contact_id: Id
    others: bool = Field(True, description="All that wait of the same address, too")


class AttachedOut(Out):
    contact_id: int
    activity_ids: list[int]
    learned: str = Field(description="The address that finds this contact from now on; empty when it did already")


class ConflictOut(Out):
    id: int
    received_at: datetime
    activity: ActivityOut = Field(description="What was recorded first, and counts")
    data: Any = Field(description="What came later under the same key")


def _unmatched_shown(rows: Sequence[Any]) -> list[UnmatchedOut]:
    return [
        UnmatchedOut.model_validate(
            ActivityOut.model_validate(row).model_dump() | {"address": unmatched.address_of(row)}
        )
        for row in rows
    ]


@router.get("/api/unmatched", auth=READ, response=Page[UnmatchedOut])
def list_unmatched(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Events of somebody nobody knows, newest first; for leads and managers."""
    rows = unmatched.waiting(caller(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=_unmatched_shown, order=("-id",))


@router.post("/api/unmatched/{int:id}/attach", auth=WRITE, response=AttachedOut)
def attach_unmatched(request: HttpRequest, id: Id, payload: AttachIn) -> AttachedOut:
    """Says whose the event is. The address is learned, and the rules see what was attached, at its age by now."""
    user = caller(request)
    activity = one(unmatched.waiting(user), id, "unmatched activity")
    contact = named(Contact.objects.visible_to(user), payload.contact_id, "/contact_id", "contact")
    try:
        attached = unmatched.attach(activity, contact, now=timezone.now(), others=payload.others)
    except unmatched.CannotAttach as refused:
        raise conflict(str(refused)) from None
    return AttachedOut(contact_id=attached.contact.pk, activity_ids=attached.activities, learned=attached.learned)


@router.post("/api/unmatched/{int:id}/dismiss", auth=WRITE, response={204: None})
def dismiss_unmatched(request: HttpRequest, id: Id) -> Status[None]:
    """Takes the event out of the list; it stays in the ledger."""
    unmatched.dismiss(one(unmatched.waiting(caller(request)), id, "unmatched activity"), now=timezone.now())
    return Status(204, None)


def _conflicts_shown(rows: Sequence[Any]) -> list[ConflictOut]:
    return [ConflictOut.model_validate(row) for row in rows]


@router.get("/api/conflicts", auth=READ, response=Page[ConflictOut])
def list_conflicts(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Events that came under a key that was taken, with other words: both versions, newest first."""
    rows = unmatched.conflicts(caller(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=_conflicts_shown, order=("-id",))


@router.post("/api/conflicts/{int:id}/dismiss", auth=WRITE, response={204: None})
def dismiss_conflict(request: HttpRequest, id: Id) -> Status[None]:
    """Takes it out of the list; what was recorded first stays as it is."""
    unmatched.dismiss_conflict(one(unmatched.conflicts(caller(request)), id, "conflict"), now=timezone.now())
    return Status(204, None)


class SourcePatch(In):
    name: Name = UNSET
    creates_contacts: bool = Field(
        UNSET, description="Make a contact of an unknown address; else it waits in /api/unmatched"
    )
    keys: dict[str, Any] = Field(
        UNSET, description="What proves the provider's requests, by its own names. Null removes one"
    )


class SourceIn(SourcePatch):
    provider: Annotated[str, StringConstraints(max_length=40)] = Field(examples=["postmark"])
    name: Name


class SourceOut(Out):
    id: int
    provider: str
    name: str
    creates_contacts: bool
    keys: list[str] = Field(description="Which keys are set; what they are is never shown")
    possible_keys: list[str]
    notice: str = Field(description="What somebody has to do before events arrive; empty when nothing")
    tracking_url: str
    inbound_url: str = Field(description="Empty where the provider sends no inbound mail")
    created_at: datetime


def _source_shown(rows: Sequence[Any]) -> list[SourceOut]:
    return [_source(row) for row in rows]


def _source(row: InboundSource) -> SourceOut:
    provider = providers.PROVIDERS.get(row.provider)
    url = f"{settings.BASE_URL}/hooks/mail/{row.provider}/{row.secret}"
    return SourceOut(
        id=row.pk,
        provider=row.provider,
        name=row.name,
        creates_contacts=row.creates_contacts,
        keys=sorted(row.keys),
        possible_keys=list(provider.keys) if provider else [],
        notice=row.notice,
        tracking_url=url,
        inbound_url=f"{url}/inbound" if provider and provider.inbound else "",
        created_at=row.created_at,
    )


def _manager(request: HttpRequest) -> User:
    user = caller(request)
    need(user, "manage_team", "see and change where events come from")
    return user


def _keys(provider: str, kept: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    keys = {name: value for name, value in (kept | given).items() if value not in (None, "")}
    try:
        providers.check_keys(provider, keys)
    except providers.BadKeys as bad:
        raise invalid("/keys", "invalid", str(bad)) from None
    return keys


@router.get("/api/sources", auth=SETUP_READ, response=Page[SourceOut])
def list_sources(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The addresses that mail providers post to; for managers, since each holds its secret."""
    rows = InboundSource.objects.filter(team_id=_manager(request).team_id)
    return page(request, rows, limit=limit, cursor=cursor, shown=_source_shown)


@router.post("/api/sources", auth=SETUP_WRITE, response={201: SourceOut})
def create_source(request: HttpRequest, payload: SourceIn) -> Status[SourceOut]:
    """Makes an address for a mail provider."""
    user = _manager(request)
    if payload.provider not in providers.PROVIDERS:
        raise invalid("/provider", "unknown", f"Use one of {', '.join(providers.PROVIDERS)}.")
    fields = payload.model_dump(exclude_unset=True)
    fields["keys"] = _keys(payload.provider, {}, fields.get("keys") or {})
    row = InboundSource(team_id=user.team_id, **fields)
    with SOURCE.changing(row, by=user, now=timezone.now()):
        row.save()
    return Status(201, _source(row))


@router.get("/api/sources/{int:id}", auth=SETUP_READ, response=SourceOut)
def get_source(request: HttpRequest, id: Id) -> SourceOut:
    """One address."""
    return _source(one(InboundSource.objects.filter(team_id=_manager(request).team_id), id, "source"))


@router.patch("/api/sources/{int:id}", auth=SETUP_WRITE, response=SourceOut)
def update_source(request: HttpRequest, id: Id, payload: SourcePatch) -> SourceOut:
    """Changes what is sent; keys that are not named stay."""
    user = _manager(request)
    row = one(InboundSource.objects.filter(team_id=user.team_id), id, "source")
    fields = payload.model_dump(exclude_unset=True)
    if "keys" in fields:
        fields["keys"] = _keys(row.provider, row.keys, fields["keys"])
    with SOURCE.changing(row, by=user, now=timezone.now()):
        return _source(_changed(row, fields))


@router.post("/api/sources/{int:id}/renew", auth=SETUP_WRITE, response=SourceOut)
def renew_source(request: HttpRequest, id: Id) -> SourceOut:
    """A new secret: the old address answers no more."""
    user = _manager(request)
    row = one(InboundSource.objects.filter(team_id=user.team_id), id, "source")
    with SOURCE.changing(row, by=user, now=timezone.now(), verb="renewed"):
        return _source(_changed(row, {"secret": new_secret()}))


@router.delete("/api/sources/{int:id}", auth=SETUP_WRITE, response={204: None})
def delete_source(request: HttpRequest, id: Id) -> Status[None]:
    """The address answers no more; what came through it stays."""
    user = _manager(request)
    row = one(InboundSource.objects.filter(team_id=user.team_id), id, "source")
    with SOURCE.changing(row, by=user, now=timezone.now()):
        row.delete()
    return Status(204, None)


class FormPatch(In):
    name: Name = UNSET
    owner_id: Id | None = Field(UNSET, description="Of contacts that the form makes")
    mapping: dict[str, Annotated[str, StringConstraints(max_length=100)]] = Field(
        UNSET, description='Where each field goes: name, email, phone, company, or "data." and a name'
    )
    honeypot: Annotated[str, StringConstraints(max_length=60)] = UNSET
    allowed_origins: list[Annotated[str, StringConstraints(max_length=200)]] = Field(UNSET, max_length=50)
    redirect_url: Annotated[str, StringConstraints(max_length=200)] = UNSET
    creates_contacts: bool = UNSET
    rate_per_minute: Annotated[int, Field(ge=1, le=10_000)] = UNSET
    is_active: bool = UNSET


class FormIn(FormPatch):
    name: Name


class FormOut(Out):
    id: int
    name: str
    key: str
    url: str
    owner_id: int | None
    mapping: dict[str, Any]
    honeypot: str
    allowed_origins: list[Any]
    redirect_url: str
    creates_contacts: bool
    rate_per_minute: int
    is_active: bool
    trapped: int = Field(description="Submissions that filled the honeypot")
    created_at: datetime


def _forms_shown(rows: Sequence[Any]) -> list[FormOut]:
    return [_form(row) for row in rows]


def _form(row: InboundForm) -> FormOut:
    columns = {name: getattr(row, name) for name in FormOut.model_fields if name != "url"}
    return FormOut(**columns, url=f"{settings.BASE_URL}/hooks/forms/{row.key}")


def _checked(row: InboundForm, fields: dict[str, Any], user: User) -> InboundForm:
    if fields.get("owner_id") is not None:
        named(User.objects.visible_to(user).active(), fields["owner_id"], "/owner_id", "user")
    for name, value in fields.items():
        setattr(row, name, value)
    try:
        forms.check(row)
    except forms.BadForm as bad:
        raise invalid(f"/{bad.field}", "invalid", str(bad)) from None
    return row


@router.get("/api/forms", auth=SETUP_READ, response=Page[FormOut])
def list_forms(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The forms that other sites may post; for managers."""
    rows = InboundForm.objects.filter(team_id=_manager(request).team_id)
    return page(request, rows, limit=limit, cursor=cursor, shown=_forms_shown)


@router.post("/api/forms", auth=SETUP_WRITE, response={201: FormOut})
def create_form(request: HttpRequest, payload: FormIn) -> Status[FormOut]:
    """Makes a form with a key of its own."""
    user = _manager(request)
    row = _checked(InboundForm(team_id=user.team_id), payload.model_dump(exclude_unset=True), user)
    with FORM.changing(row, by=user, now=timezone.now()):
        row.save()
    return Status(201, _form(row))


@router.get("/api/forms/{int:id}", auth=SETUP_READ, response=FormOut)
def get_form(request: HttpRequest, id: Id) -> FormOut:
    """One form."""
    return _form(one(InboundForm.objects.filter(team_id=_manager(request).team_id), id, "form"))


@router.patch("/api/forms/{int:id}", auth=SETUP_WRITE, response=FormOut)
def update_form(request: HttpRequest, id: Id, payload: FormPatch) -> FormOut:
    """Changes what is sent."""
    user = _manager(request)
    row = one(InboundForm.objects.filter(team_id=user.team_id), id, "form")
    fields = payload.model_dump(exclude_unset=True)
    _checked(row, fields, user)
    with FORM.changing(row, by=user, now=timezone.now()):
        return _form(_changed(row, fields))


@router.delete("/api/forms/{int:id}", auth=SETUP_WRITE, response={204: None})
def delete_form(request: HttpRequest, id: Id) -> Status[None]:
    """The form answers no more; what came through it stays."""
    user = _manager(request)
    row = one(InboundForm.objects.filter(team_id=user.team_id), id, "form")
    with FORM.changing(row, by=user, now=timezone.now()):
        row.delete()
    return Status(204, None)


def _changed(row: Any, fields: dict[str, Any]) -> Any:
    """Writes these columns and no others: what came in meanwhile is counted in one of them."""
    if fields:
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(update_fields=list(fields))
    return row
