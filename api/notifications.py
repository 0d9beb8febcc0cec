"""/api/notifications: what you were told, what was sent to you outside, and what you want to hear of."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BeforeValidator, Field

from api.auth import caller, scope
from api.errors import Problem, invalid
from api.fields import UNSET, Id, In, LocalTime, Out, one
from api.paging import Cursor, Limit, Page, page
from automation import muting
from notifications import mutes, preferences
from notifications.kinds import KINDS
from notifications.models import Delivery, Notification
from notifications.routing import CHANNELS, NOW, OFF
from people.models import User

router = Router(tags=["notifications"])


class NotificationOut(Out):
    id: int
    kind: str
    title: str
    body: str
    task_id: int | None
    path: str
    created_at: datetime
    read_at: datetime | None


class ReadAll(Out):
    success: bool = True
    read: int


class DeliveryOut(Out):
    id: UUID
    notification_id: int
    user_id: int
    kind: str
    channel: str
    state: str = Field(description="queued, sending, sent, failed, unknown, skipped or bounced")
    reason: str = Field(description="Why it failed, was not sent, or nobody can say whether it arrived")
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None


class QuietIn(In):
    starts: LocalTime
    ends: LocalTime = Field(description="By your own clock; before `starts` it is over midnight")


class QuietOut(Out):
    starts: time
    ends: time


def _in_words(wish: Any) -> Any:
    """true and false, for those who ask no more than whether."""
    return {True: NOW, False: OFF}[wish] if isinstance(wish, bool) else wish


Wish = Annotated[Literal["off", "now", "daily", "weekly"], BeforeValidator(_in_words)]


class PreferencesIn(In):
    kinds: dict[str, dict[str, Wish]] = Field(
        UNSET, max_length=50, description="By kind and channel; others stay. true stands for now, false for off"
    )
    quiet_hours: QuietIn | None = Field(UNSET, description="When nothing is sent; null for none")


class MuteOut(Out):
    subject: str = Field(description="Such as contact:12, rule:7, sequence:3 or campaign:5")
    name: str


class MutesOut(Out):
    results: list[MuteOut]


class PreferencesOut(Out):
    kinds: dict[str, dict[str, Wish]] = Field(
        description="By kind and channel: off, now, or in one message at eight in the morning, daily or on Mondays"
    )
    quiet_hours: QuietOut | None


def shown(rows: Sequence[Notification]) -> list[NotificationOut]:
    return [NotificationOut.model_validate(row) for row in rows]


@router.get("/api/notifications", auth=scope("notifications:read"), response=Page[NotificationOut])
def list_notifications(
    request: HttpRequest, limit: Limit, cursor: Cursor, unread: Annotated[bool, Query(False)]
) -> dict[str, Any]:
    """What you were told, newest first."""
    rows = Notification.objects.visible_to(caller(request))
    if unread:
        rows = rows.unread()
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))


@router.post("/api/notifications/read", auth=scope("notifications:write"), response=ReadAll)
def read_all_notifications(request: HttpRequest) -> ReadAll:
    """Marks everything as read."""
    return ReadAll(read=Notification.objects.visible_to(caller(request)).mark_read(timezone.now()))


@router.post("/api/notifications/{int:id}/read", auth=scope("notifications:write"), response=NotificationOut)
def read_notification(request: HttpRequest, id: Id) -> Notification:
    """Marks one as read; once more changes nothing."""
    rows = Notification.objects.visible_to(caller(request))
    notice = one(rows, id, "notification")
    rows.filter(pk=notice.pk).mark_read(timezone.now())
    notice.refresh_from_db()
    return notice


@router.get("/api/notifications/deliveries", auth=scope("notifications:read"), response=Page[DeliveryOut])
def list_deliveries(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """What was sent to you outside the product, newest first, and what became of it; managers see their team's."""
    rows = Delivery.objects.visible_to(caller(request)).select_related("notification")
    return page(request, rows, limit=limit, cursor=cursor, shown=_deliveries, order=("-created_at", "-id"))


@router.get("/api/notifications/deliveries/{uuid:id}", auth=scope("notifications:read"), response=DeliveryOut)
def get_delivery(request: HttpRequest, id: UUID) -> Delivery:
    """One of them: how a test went, for example."""
    rows = Delivery.objects.visible_to(caller(request)).select_related("notification")
    return one(rows, id, "delivery")


@router.get("/api/notifications/preferences", auth=scope("notifications:read"), response=PreferencesOut)
def read_preferences(request: HttpRequest) -> dict[str, Any]:
    """What you hear of outside the product, and when you are left alone. The inbox always has everything."""
    return _preferences(caller(request))


@router.put("/api/notifications/preferences", auth=scope("notifications:write"), response=PreferencesOut)
def change_preferences(request: HttpRequest, payload: PreferencesIn) -> dict[str, Any]:
    """Chooses what is sent; what is left out stays as it is."""
    user, sent = caller(request), payload.model_dump(exclude_unset=True)
    _check(sent.get("kinds", {}))
    with transaction.atomic():
        preferences.choose(user, sent.get("kinds", {}))
        if "quiet_hours" in sent:
            quiet = sent["quiet_hours"]
            preferences.be_quiet(user, None if quiet is None else (quiet["starts"], quiet["ends"]))
    return _preferences(user)


@router.get("/api/notifications/mutes", auth=scope("notifications:read"), response=MutesOut)
def list_mutes(request: HttpRequest) -> dict[str, Any]:
    """What you hear nothing of: the inbox keeps it, as read."""
    user = caller(request)
    return {"results": [{"subject": subject, "name": name} for subject, name in muting.of(user).items()]}


@router.put("/api/notifications/mutes/{subject}", auth=scope("notifications:write"), response=MuteOut)
def mute(request: HttpRequest, subject: str) -> dict[str, Any]:
    """Mutes a contact's work, or all that a rule, a sequence or a campaign makes; once more changes nothing."""
    user = caller(request)
    name = muting.named(user, [subject]).get(subject)
    if name is None:
        raise Problem(404, f"There is no {subject}: name something you may see, such as contact:12 or rule:7.")
    mutes.mute(user, subject, now=timezone.now())
    return {"subject": subject, "name": name}


@router.delete("/api/notifications/mutes/{subject}", auth=scope("notifications:write"), response={204: None})
def unmute(request: HttpRequest, subject: str) -> Status[None]:
    """Lets it be heard again."""
    if not mutes.unmute(caller(request), subject):
        raise Problem(404, f"You had not muted {subject}.")
    return Status(204, None)


def _preferences(user: User) -> dict[str, Any]:
    quiet = preferences.quiet_of(user)
    return {
        "kinds": preferences.of(user),
        "quiet_hours": None if quiet is None else {"starts": quiet[0], "ends": quiet[1]},
    }


def _check(kinds: dict[str, dict[str, str]]) -> None:
    for kind, by_channel in kinds.items():
        if kind not in KINDS:
            raise invalid(f"/kinds/{kind}", "unknown", f"There is no kind {kind!r}: use one of {', '.join(KINDS)}.")
        for channel in by_channel:
            if channel not in CHANNELS:
                there_is = ", ".join(CHANNELS)
                said = f"There is no channel {channel!r}: use one of {there_is}."
                raise invalid(f"/kinds/{kind}/{channel}", "unknown", said)


def _deliveries(rows: Sequence[Delivery]) -> list[DeliveryOut]:
    return [DeliveryOut.model_validate(row) for row in rows]
