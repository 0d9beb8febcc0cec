"""/api/task-automation: sequences and series that a person starts for a contact, and the batches they make."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import ConfigDict, Field

from api.auth import caller, need, scope
from api.errors import Problem, by_field, conflict, invalid
from api.fields import Cadence, Id, In, Out, Text, named, one
from api.paging import Cursor, Limit, Page, page
from api.rules import TitleTemplate
from api.tasks import Priority
from automation import batches, recurring
from automation.models import ScheduledTaskBatch
from automation.models import Sequence as SequenceRow
from automation.programmes import BadProgramme, enrolling, sequences
from automation.programmes.enrolling import Forecast
from crm.models import Contact
from people import rights
from people.models import User
from work.models import Task

router = Router(tags=["task automation"])

SequenceType = Literal["standard", "aggressive", "gentle"]
PlainHours = Annotated[float, Field(gt=0, le=8784, allow_inf_nan=False)]

SEQUENCE_EXAMPLE: dict[str, Any] = {"contact_id": 123, "sequence_type": "aggressive", "start_delay_hours": 24}
RECURRING_EXAMPLE: dict[str, Any] = {
    "contact_id": 123,
    "cadence": "weekly",
    "task_template": {"title": "Weekly check-in with {{contact_name}}", "priority": "medium"},
}


class ScheduleSequenceIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [SEQUENCE_EXAMPLE]})

    contact_id: Id
    sequence_type: SequenceType = "standard"
    sequence_id: Id | None = Field(None, description="A sequence of the team's own, in place of a ready-made one")
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
    recurs_from: Literal["touch", "schedule", "completion"] = Field(
        "touch", description="What the next one counts from: the last real touch, fixed dates, or the last completion"
    )


class ScheduledTask(Out):
    id: int
    title: str
    due_date: datetime | None


class Scheduled(Out):
    batch_id: int
    tasks_created: int
    tasks: list[ScheduledTask]


class PlannedStep(Out):
    step: str = Field(description="Its key")
    title: str
    due_date: datetime


class SequenceScheduled(Scheduled):
    enrolment_id: int
    planned: list[PlannedStep] = Field(description="Steps whose tasks are made when their time comes")


class BatchOut(Out):
    id: int
    name: str
    kind: str
    contact_id: int | None
    sequence_id: int | None
    campaign_id: int | None
    parent_id: int | None = Field(description="The bulk run it was part of")
    tasks_count: int = Field(description="Done and open; what was cancelled or became obsolete does not count")
    tasks_completed: int
    steps_to_come: int
    progress: float = Field(description="Percent done of its tasks and the steps still to come")
    created_at: datetime


@router.post("/api/task-automation/schedule-sequence/", auth=scope("tasks:write"), response={201: SequenceScheduled})
def schedule_sequence(request: HttpRequest, payload: ScheduleSequenceIn) -> Status[dict[str, Any]]:
    """Starts a follow-up sequence: standard (days 1, 3, 7, 14), aggressive (1, 2, 4, 7), gentle (3, 7, 14, 30), or one
    of the team's own. The answer prints the dates of the steps that are made later.
    """
    user, now = caller(request), timezone.now()
    contact = _editable_contact(user, payload.contact_id)
    sequence = _sequence(user, payload, now)
    start = now + timedelta(hours=payload.start_delay_hours)
    try:
        enrolment, tasks = sequences.schedule(contact, sequence, owner=user, start=start, now=now)
    except sequences.AlreadyEnrolled as active:
        raise _enrolled(active) from None
    except sequences.Refused as refused:
        raise conflict(str(refused), pointer="/contact_id", code=refused.code) from None
    except BadProgramme as bad:
        raise by_field(bad.errors) from None
    planned = [_planned(step) for step in enrolling.forecast_of(enrolment)]
    more = {"enrolment_id": enrolment.pk, "planned": planned}
    return Status(201, _scheduled(enrolment.batch, tasks) | more)


@router.post("/api/task-automation/schedule-recurring/", auth=scope("tasks:write"), response={201: Scheduled})
def schedule_recurring(request: HttpRequest, payload: RecurringIn) -> Status[dict[str, Any]]:
    """Makes the first task of a series at once and sets the contact's cadence, by which the next ones come."""
    user = caller(request)
    contact = _editable_contact(user, payload.contact_id)
    template = payload.task_template.model_dump(exclude_unset=True)
    try:
        batch, tasks = recurring.schedule_recurring(
            contact, payload.cadence, template, owner=user, recurs_from=payload.recurs_from, now=timezone.now()
        )
    except recurring.BadTemplate as bad:
        raise invalid("/task_template", "template", str(bad)) from None
    return Status(201, _scheduled(batch, tasks))


@router.post("/api/task-automation/batches/{int:id}/end", auth=scope("tasks:write"), response=BatchOut)
def end_series(request: HttpRequest, id: Id) -> BatchOut:
    """Ends a recurring series: its untouched task closes, no other comes; with the last one the contact's cadence goes.

    Asking again changes nothing. A batch that is no series ends with its tasks: 409.
    """
    user = caller(request)
    rows = ScheduledTaskBatch.objects.visible_to(user).select_related("contact", "owner")
    batch = one(rows, id, "batch")
    if batch.owner_id != user.pk:
        need(user, "manage_team", "end a series that is not yours")
    if batch.kind != ScheduledTaskBatch.RECURRING:
        raise Problem(409, "Only a recurring series can be ended: finish or cancel the tasks of this batch instead.")
    recurring.end_by_hand(batch, by=user, now=timezone.now())
    return shown([batch])[0]


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
        rows = rows.filter(campaign_id=campaign_id)
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))


def shown(rows: Sequence[ScheduledTaskBatch]) -> list[BatchOut]:
    """Batches with their progress, in the same number of queries however many they are."""
    figures = batches.figures(rows)
    return [_batch(row, figures[row.pk]) for row in rows]


def _batch(row: ScheduledTaskBatch, figures: batches.Figures) -> BatchOut:
    columns = ("id", "name", "kind", "contact_id", "sequence_id", "campaign_id", "parent_id", "created_at")
    return BatchOut(
        **{name: getattr(row, name) for name in columns},
        tasks_count=figures.done + figures.open,
        tasks_completed=figures.done,
        steps_to_come=figures.to_come,
        progress=figures.progress,
    )


def _sequence(user: User, payload: ScheduleSequenceIn, now: datetime) -> SequenceRow:
    if payload.sequence_id is None:
        return sequences.preset(user.team, payload.sequence_type, owner=user, now=now)
    rows = SequenceRow.objects.visible_to(user).select_related("team", "owner")
    return named(rows, payload.sequence_id, "/sequence_id", "sequence")


def _planned(forecast: Forecast) -> PlannedStep:
    return PlannedStep(step=forecast.step.key, title=forecast.step.title, due_date=forecast.due_date)


def _editable_contact(user: User, id: int) -> Contact:
    contact = named(Contact.objects.visible_to(user).select_related("team", "owner"), id, "/contact_id", "contact")
    if not rights.may_edit_contact(user, contact):
        need(user, "manage_team", "schedule work for a contact that is not yours")
    return contact


def _scheduled(batch: ScheduledTaskBatch, tasks: Sequence[Task]) -> dict[str, Any]:
    return {"batch_id": batch.pk, "tasks_created": len(tasks), "tasks": list(tasks)}


def _enrolled(active: Any) -> Problem:
    return conflict(str(active), pointer="/sequence_type", code="already_enrolled")
