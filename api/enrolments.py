"""/api/task-automation/enrolments: who is where in which sequence or campaign; pausing, stopping, taking back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Min, Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from pydantic import Field

from api.auth import caller, need, scope
from api.errors import Problem
from api.fields import Id, In, Instant, Out, one
from api.paging import Cursor, Limit, Page, page
from automation import programmes
from automation.models import Enrolment, EnrolmentStep
from automation.programmes import pausing
from people import rights
from people.models import User

router = Router(tags=["sequences and campaigns"])

PATH = "/api/task-automation/enrolments/"
State = Literal["active", "paused", "finished", "exited", "stopped"]


class PauseIn(In):
    until: Instant | None = Field(None, description="When it goes on by itself; left out, when somebody resumes it")


class EnrolmentOut(Out):
    id: int
    contact_id: int
    sequence_id: int | None
    campaign_id: int | None
    batch_id: int
    owner_id: int
    state: str
    reason: str = Field(description="Why it paused or ended")
    started_at: datetime = Field(description="What days are counted from; pauses move it")
    next_step_at: datetime | None = Field(description="The date of the next planned step")
    paused_at: datetime | None
    resume_at: datetime | None
    ended_at: datetime | None
    undo_until: datetime | None = Field(description="Until when an end can be taken back")
    created_at: datetime


class StepOut(Out):
    key: str
    number: int
    title: str
    state: str = Field(description="planned, done, skipped, failed or cancelled")
    reason: str
    due_at: datetime
    task_id: int | None
    at: datetime | None = Field(description="When it was done, skipped, failed or cancelled")


class EnrolmentDetail(EnrolmentOut):
    version: int = Field(description="Of the steps it goes by")
    steps: list[StepOut]


def shown(rows: Sequence[Enrolment]) -> list[EnrolmentOut]:
    """Enrolments with their next date: one query more, whatever their number."""
    planned = EnrolmentStep.objects.filter(enrolment__in=rows, state=EnrolmentStep.PLANNED)
    dates = dict(planned.values_list("enrolment").annotate(at=Min("due_at")).order_by())
    columns = set(EnrolmentOut.model_fields) - {"next_step_at"}
    return [
        EnrolmentOut.model_validate(
            {name: getattr(row, name) for name in columns} | {"next_step_at": dates.get(row.pk)}
        )
        for row in rows
    ]


def _detail(row: Enrolment) -> EnrolmentDetail:
    outline = programmes.read(row.version.content)
    titles = {step.key: step.title for step in outline.steps}
    steps = [
        StepOut.model_validate(
            {name: getattr(step, name) for name in StepOut.model_fields if name != "title"}
            | {"title": titles.get(step.key, "")}
        )
        for step in row.steps.order_by("number", "pk")
    ]
    (plain,) = shown([row])
    return EnrolmentDetail(**plain.model_dump(), version=row.version.number, steps=steps)


@router.get(PATH, auth=scope("tasks:read"), response=Page[EnrolmentOut])
def list_enrolments(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    contact_id: Annotated[Id | None, Query(None)],
    sequence_id: Annotated[Id | None, Query(None)],
    campaign_id: Annotated[Id | None, Query(None)],
    state: Annotated[State | None, Query(None)],
) -> dict[str, Any]:
    """Who is or was in what, newest first."""
    asked = {"contact": contact_id, "sequence": sequence_id, "campaign": campaign_id, "state": state}
    wanted = Q(**{name: value for name, value in asked.items() if value is not None})
    rows = Enrolment.objects.visible_to(caller(request)).filter(wanted)
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))


@router.get(PATH + "{int:id}/", auth=scope("tasks:read"), response=EnrolmentDetail)
def get_enrolment(request: HttpRequest, id: Id) -> EnrolmentDetail:
    """One enrolment with its steps: what was done when, what was skipped and why, what is planned."""
    return _detail(one(_rows(caller(request)), id, "enrolment"))


@router.post(PATH + "{int:id}/pause", auth=scope("tasks:write"), response=EnrolmentDetail)
def pause_enrolment(request: HttpRequest, id: Id, payload: PauseIn) -> EnrolmentDetail:
    """Stops its clock. Resuming moves what is left by the length of the pause."""
    user, now = caller(request), timezone.now()
    if payload.until is not None and payload.until <= now:
        raise Problem(422, "The pause would be over already: give a time to come, or leave until out.")
    row = _editable(user, id)
    return _changed(user, id, lambda: pausing.pause(row, now=now, reason=_by(user, "paused"), until=payload.until))


@router.post(PATH + "{int:id}/resume", auth=scope("tasks:write"), response=EnrolmentDetail)
def resume_enrolment(request: HttpRequest, id: Id) -> EnrolmentDetail:
    """Goes on: planned dates and open tasks nobody edited move by the length of the pause."""
    user = caller(request)
    row = _editable(user, id)
    return _changed(user, id, lambda: pausing.resume(row, now=timezone.now()))


@router.post(PATH + "{int:id}/stop", auth=scope("tasks:write"), response=EnrolmentDetail)
def stop_enrolment(request: HttpRequest, id: Id) -> EnrolmentDetail:
    """Ends it: planned steps are cancelled, open tasks nobody touched are closed, others get a banner."""
    user = caller(request)
    row = _editable(user, id)
    return _changed(user, id, lambda: pausing.stop(row, by=user, now=timezone.now()))


@router.post(PATH + "{int:id}/undo", auth=scope("tasks:write"), response=EnrolmentDetail)
def undo_enrolment(request: HttpRequest, id: Id) -> EnrolmentDetail:
    """Takes an end back within ten minutes, whoever or whatever ended it: dates, steps and tasks are as they were."""
    user = caller(request)
    row = _editable(user, id)
    return _changed(user, id, lambda: pausing.undo(row, now=timezone.now()))


def _rows(user: User) -> Any:
    return Enrolment.objects.visible_to(user).select_related("version", "contact")


def _editable(user: User, id: int) -> Enrolment:
    row: Enrolment = one(_rows(user), id, "enrolment")
    if not rights.may_edit_enrolment(user, row):
        need(user, "manage_team", "change an enrolment of a contact that is not yours")
    return row


def _changed(user: User, id: int, act: Any) -> EnrolmentDetail:
    try:
        act()
    except pausing.NotNow as refused:
        raise Problem(409, str(refused)) from None
    return _detail(one(_rows(user), id, "enrolment"))


def _by(user: User, verb: str) -> str:
    return f"{user.display_name} {verb} it."
