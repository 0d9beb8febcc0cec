"""/api/notifications: what you were told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router

from api.auth import caller, scope
from api.fields import Id, Out, one
from api.paging import Cursor, Limit, Page, page
from notifications.models import Notification

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
