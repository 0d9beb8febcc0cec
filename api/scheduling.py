"""/api/task-automation: sequences and series that a person starts for a contact, and the batches they make."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import ConfigDict, Field

from api.auth import caller, need, scope
from api.errors import Problem, conflict, invalid
from api.fields import Id, In, Out, Text, named
from api.paging import Cursor, Limit, Page, page
from api.rules import TitleTemplate
from api.tasks import BATCH, Priority
from automation import recurring, sequences
from automation.models import ScheduledTaskBatch
from crm.models import Contact
from people import rights
from people.models import User
from work.models import Task

router = Router(tags=["task automation"])

SequenceType = Literal["standard", "aggressive", "gentle"]
Cadence = Literal["daily", "weekly", "biweekly", "monthly", "quarterly", "yearly"]
PlainHours = Annotated[float, Field(gt=0, le=8784, allow_inf_nan=False)]

SEQUENCE_EXAMPLE: dict[str, Any] = {"contact_id": 123, "sequence_type": "aggressive", "start_delay_hours": 24}
RECURRING_EXAMPLE: dict[str, Any] = {
    "contact_id": 123,
    "cadence": "weekly",
    "task_template": {"title": "Weekly check-in with {{contact_name}}", "priority": "medium"},
}


class SequenceIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [SEQUENCE_EXAMPLE]})

    contact_id: Id
    sequence_type: SequenceType = "standard"
    start_delay_hours: Annotated[float, Field(ge=0, le=8784, allow_inf_nan=False)] = Field(
        0, description="Shifts all its dates"
    )


class TaskTemplate(In):
    title: TitleTemplate
    description: Text = ""
    priority: Priority = "medium"
    reminder_offset_hours: PlainHours | None = None
    estimated_hours: PlainHours | None = None


class RecurringIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [RECURRING_EXAMPLE]})

    contact_id: Id
    cadence: Cadence
    task_template: TaskTemplate


class ScheduledTask(Out):
    id: int
    title: str
    due_date: datetime | None


class Scheduled(Out):
    batch_id: int
    tasks_created: int
    tasks: list[ScheduledTask]


class BatchOut(Out):
    id: int
    name: str
    kind: str
    contact_id: int | None
    campaign_id: int | None
    tasks_count: int
    tasks_completed: int
    progress: float = Field(description="Percent of its tasks that are done")
    created_at: datetime


@router.post("/api/task-automation/schedule-sequence/", auth=scope("tasks:write"), response={201: Scheduled})
def schedule_sequence(request: HttpRequest, payload: SequenceIn) -> Status[dict[str, Any]]:
    """Starts a follow-up sequence: standard (days 1, 3, 7, 14), aggressive (1, 2, 4, 7) or gentle (3, 7, 14, 30)."""
    user = caller(request)
    contact = _editable_contact(user, payload.contact_id)
    try:
        batch, tasks = sequences.enrol(
            contact,
            payload.sequence_type,
            owner=user,
            start_delay_hours=payload.start_delay_hours,
            now=timezone.now(),
        )
    except sequences.AlreadyEnrolled as active:
        raise _enrolled(active) from None
    return Status(201, _scheduled(batch, tasks))


@router.post("/api/task-automation/schedule-recurring/", auth=scope("tasks:write"), response={201: Scheduled})
def schedule_recurring(request: HttpRequest, payload: RecurringIn) -> Status[dict[str, Any]]:
    """Makes the first task of a series at once and sets the contact's cadence, by which the next ones come."""
    user = caller(request)
    contact = _editable_contact(user, payload.contact_id)
    template = payload.task_template.model_dump(exclude_unset=True)
    try:
        batch, tasks = recurring.schedule_recurring(contact, payload.cadence, template, owner=user, now=timezone.now())
    except recurring.BadTemplate as bad:
        raise invalid("/task_template", "template", str(bad)) from None
    return Status(201, _scheduled(batch, tasks))


@router.get("/api/task-automation/batches/", auth=scope("tasks:read"), response=Page[BatchOut])
def list_batches(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    contact_id: Annotated[Id | None, Query(None)],
    campaign_id: Annotated[Id | None, Query(None)],
) -> dict[str, Any]:
    """Groups of tasks that were scheduled together, newest first, with their progress."""
    rows = ScheduledTaskBatch.objects.visible_to(caller(request))
    if contact_id is not None:
        rows = rows.filter(contact_id=contact_id)
    if campaign_id is not None:
        rows = rows.none()  # none of them is of a campaign
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))


def shown(rows: Sequence[ScheduledTaskBatch]) -> list[BatchOut]:
    """Batches with their progress: one query more, whatever their number."""
    tasks = Task.objects.filter(group_key__in=[row.group_key for row in rows]).values_list("group_key")
    counted = tasks.annotate(n=Count("pk"), done=Count("pk", filter=Q(status=Task.DONE))).order_by()
    numbers = {key.removeprefix(BATCH): (n, done) for key, n, done in counted}
    return [
        BatchOut(
            id=row.pk,
            name=row.name,
            kind=row.kind,
            contact_id=row.contact_id,
            campaign_id=None,
            tasks_count=n,
            tasks_completed=done,
            progress=round(100 * done / n, 1) if n else 0,
            created_at=row.created_at,
        )
        for row in rows
        for n, done in [numbers.get(str(row.pk), (0, 0))]
    ]


def _editable_contact(user: User, id: int) -> Contact:
    contact = named(Contact.objects.visible_to(user).select_related("team", "owner"), id, "/contact_id", "contact")
    if not rights.may_edit_contact(user, contact):
        need(user, "manage_team", "schedule work for a contact that is not yours")
    return contact


def _scheduled(batch: ScheduledTaskBatch, tasks: Sequence[Task]) -> dict[str, Any]:
    return {"batch_id": batch.pk, "tasks_created": len(tasks), "tasks": list(tasks)}


def _enrolled(active: Any) -> Problem:
    return conflict(str(active), pointer="/sequence_type", code="already_enrolled")
