"""/api/webhooks: where a team hears of what happens, and what became of telling it; for managers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import conflict, invalid
from api.fields import UNSET, Id, In, Out, one
from api.paging import Cursor, Limit, Page, page
from people.models import User
from webhooks import endpoints, sending
from webhooks.models import Dispatch, Endpoint

router = Router(tags=["webhooks"])

READ, WRITE = scope("team:read"), scope("team:write")
EventKind = Literal["task.created", "task.assigned", "task.completed", "contact.changed", "rule.paused"]
DispatchState = Literal["queued", "sending", "sent", "failed"]


class WebhookPatch(In):
    url: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        UNSET, description="An https address that can be reached from the internet"
    )
    kinds: list[EventKind] = Field(UNSET, min_length=1, max_length=20, description="What it wants to hear of")
    is_active: bool = UNSET


class WebhookIn(In):
    url: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        examples=["https://example.org/nextmove"]
    )
    kinds: list[EventKind] = Field(min_length=1, max_length=20)


class WebhookOut(Out):
    id: int
    url: str
    kinds: list[str]
    is_active: bool
    off_reason: str = Field(description="Why it was switched off by itself; empty otherwise")
    failing_since: datetime | None = Field(description="The first failure since the last success")
    old_secret_until: datetime | None = Field(description="How long the secret before the last rotation signs too")
    made_by_id: int | None
    created_at: datetime


class NewWebhook(WebhookOut):
    secret: str = Field(description="What signs: begins with whsec_, and is shown this once")


class DispatchOut(Out):
    id: UUID
    webhook_id: int
    event_id: UUID = Field(description="What the receiver knows it by, in the header webhook-id")
    kind: str
    subject_id: int = Field(description="The task, contact or rule that it is about")
    state: str = Field(description="queued, sending, sent or failed")
    tries: int
    status: int | None = Field(description="Of the last answer; null when there was none")
    answer: str = Field(description="How the last answer began, or why there is none")
    created_at: datetime
    next_try_at: datetime | None
    sent_at: datetime | None


def shown(rows: Sequence[Endpoint]) -> list[WebhookOut]:
    return [WebhookOut.model_validate(row) for row in rows]


def _dispatches(rows: Sequence[Dispatch]) -> list[DispatchOut]:
    return [DispatchOut.model_validate(row) for row in rows]


def _manager(request: HttpRequest) -> User:
    user = caller(request)
    need(user, "manage_team", "see and change webhooks")
    return user


def _endpoint(user: User, pk: int) -> Endpoint:
    return one(Endpoint.objects.visible_to(user), pk, "webhook")


@router.get("/api/webhooks", auth=READ, response=Page[WebhookOut])
def list_webhooks(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The team's webhooks; never their secrets."""
    rows = Endpoint.objects.visible_to(_manager(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=shown)


@router.post("/api/webhooks", auth=WRITE, response={201: NewWebhook})
def create_webhook(request: HttpRequest, payload: WebhookIn) -> Status[NewWebhook]:
    """Sends what happens from now on to an address. Its secret is in this answer and nowhere else."""
    user = _manager(request)
    try:
        row, secret = endpoints.create(user.team, by=user, now=timezone.now(), **payload.model_dump())
    except endpoints.BadEndpoint as bad:
        raise invalid(f"/{bad.field}", "invalid", str(bad)) from None
    except endpoints.TooMany as full:
        raise conflict(str(full)) from None
    return Status(201, _with_secret(row, secret))


@router.get("/api/webhooks/{int:id}", auth=READ, response=WebhookOut)
def get_webhook(request: HttpRequest, id: Id) -> Endpoint:
    """One webhook."""
    return _endpoint(_manager(request), id)


@router.patch("/api/webhooks/{int:id}", auth=WRITE, response=WebhookOut)
def update_webhook(request: HttpRequest, id: Id, payload: WebhookPatch) -> Endpoint:
    """Changes what is sent. Switched on again, it begins anew; what failed meanwhile can be sent again one by one."""
    user = _manager(request)
    row = _endpoint(user, id)
    try:
        return endpoints.change(row, by=user, now=timezone.now(), **payload.model_dump(exclude_unset=True))
    except endpoints.BadEndpoint as bad:
        raise invalid(f"/{bad.field}", "invalid", str(bad)) from None


@router.delete("/api/webhooks/{int:id}", auth=WRITE, response={204: None})
def delete_webhook(request: HttpRequest, id: Id) -> Status[None]:
    """Deletes it with its log; nothing more is sent to it."""
    user = _manager(request)
    endpoints.delete(_endpoint(user, id), by=user, now=timezone.now())
    return Status(204, None)


@router.post("/api/webhooks/{int:id}/rotate-secret", auth=WRITE, response=NewWebhook)
def rotate_webhook_secret(request: HttpRequest, id: Id) -> NewWebhook:
    """A new secret, in this answer and nowhere else. For 24 hours both sign, so that you can change over in peace."""
    user = _manager(request)
    row = _endpoint(user, id)
    return _with_secret(row, endpoints.rotate(row, by=user, now=timezone.now()))


@router.post("/api/webhooks/{int:id}/test", auth=WRITE, response={202: DispatchOut})
def test_webhook(request: HttpRequest, id: Id) -> Status[Dispatch]:
    """Sends a ping, once; the list of its deliveries says what came of it."""
    user = _manager(request)
    return Status(202, endpoints.test(_endpoint(user, id), by=user, now=timezone.now()))


@router.get("/api/webhooks/{int:id}/deliveries", auth=READ, response=Page[DispatchOut])
def list_webhook_deliveries(
    request: HttpRequest, id: Id, limit: Limit, cursor: Cursor, state: Annotated[DispatchState | None, Query(None)]
) -> dict[str, Any]:
    """What was sent in the last 30 days, newest first, and what became of it."""
    rows = Dispatch.objects.filter(endpoint=_endpoint(_manager(request), id)).select_related("event")
    if state is not None:
        rows = rows.filter(state=state)
    return page(request, rows, limit=limit, cursor=cursor, shown=_dispatches, order=("-created_at", "-id"))


@router.post("/api/webhooks/deliveries/{uuid:id}/resend", auth=WRITE, response={202: DispatchOut})
def resend_webhook_delivery(request: HttpRequest, id: UUID) -> Status[Dispatch]:
    """Sends it again now, under the same id, with a whole schedule of tries; 409 while it is being sent."""
    rows = Dispatch.objects.visible_to(_manager(request)).select_related("event", "endpoint")
    try:
        return Status(202, sending.resend(one(rows, id, "delivery"), now=timezone.now()))
    except sending.CannotResend as refusal:
        raise conflict(str(refusal)) from None


def _with_secret(row: Endpoint, secret: str) -> NewWebhook:
    return NewWebhook(**WebhookOut.model_validate(row).model_dump(), secret=secret)
