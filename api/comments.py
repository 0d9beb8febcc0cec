"""/api/tasks/{id}/comments: what people say of a task. It stands in the task's history and starts nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, scope
from api.errors import pointing_to
from api.fields import Id, In, Out, one
from api.paging import Cursor, Limit, Page, page
from crm.models import Activity
from work import lifecycle
from work.models import Task

router = Router(tags=["tasks"])


class CommentIn(In):
    text: Annotated[str, StringConstraints(max_length=lifecycle.MOST_SAID)] = Field(examples=["Asked for two years"])


class CommentOut(Out):
    id: int
    user_id: int | None = Field(description="Who said it; null when that account is gone")
    user: str
    text: str
    at: datetime


@router.get("/api/tasks/{int:id}/comments", auth=scope("tasks:read"), response=Page[CommentOut])
def list_comments(request: HttpRequest, id: Id, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """What was said of the task, newest first: whoever sees the task sees it."""
    task = one(Task.objects.visible_to(caller(request)), id, "task")
    said = Activity.objects.filter(
        team_id=task.team_id, task_id=task.pk, activity_type=Activity.TASK_COMMENTED
    ).select_related("actor")
    return page(request, said, limit=limit, cursor=cursor, shown=_shown, order=("-id",))


@router.post("/api/tasks/{int:id}/comments", auth=scope("tasks:write"), response={201: CommentOut})
def comment_on_task(request: HttpRequest, id: Id, payload: CommentIn) -> Status[CommentOut]:
    """Says something of a task that you see."""
    user = caller(request)
    task = one(Task.objects.visible_to(user), id, "task")
    with pointing_to("text"):
        said = lifecycle.comment(task, payload.text, by=user, now=timezone.now())
    return Status(201, _shown([said])[0])


def _shown(rows: Sequence[Activity]) -> list[CommentOut]:
    return [
        CommentOut(
            id=row.pk,
            user_id=row.actor_id,
            user=row.actor.display_name if row.actor is not None else "",
            text=str(row.data.get("note", "")),
            at=row.occurred_at,
        )
        for row in rows
    ]
