"""/automation/tasks and /users: completing work, moving it on, and giving it out."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import ConfigDict, Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import conflict
from api.fields import Id, In, Out, Spent, Text, named, one
from assignment import dispatch, explanations, next_task
from people.models import User
from work import finishing, lifecycle
from work.models import Task

router = Router(tags=["automation"])

Outcome = Literal["reached", "no_answer", "message_left", "won", "lost"]
COMPLETE_EXAMPLE: dict[str, Any] = {"actual_hours": 5.5, "notes": "Completed ahead of schedule"}


class CompleteIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [COMPLETE_EXAMPLE]})

    actual_hours: Spent | None = None
    notes: Text | None = None
    outcome: Outcome | None = Field(None, description="What came of it: best times and lead scores are learned from it")


class Jobs(Out):
    performance_update: UUID
    next_task_assignment: UUID


class Automation(Out):
    success: bool = True
    task_id: int
    user_id: int = Field(description="The assignee, whoever completed it")
    jobs: Jobs


class Completed(Out):
    success: bool = True
    message: str
    automation: Automation


class StatusIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "in_progress"}]})

    status: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        description="todo, in_progress, blocked, done, cancelled or obsolete, in any case of letters"
    )
    outcome: Outcome | None = Field(None, description="With `done`: what came of it")


class OutcomeIn(In):
    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "no_answer"}]})

    outcome: Outcome | None = Field(description="null takes back what was said")


class OutcomeOut(Out):
    success: bool = True
    task_id: int
    outcome: str = Field(description="Empty where nothing is said")


class StatusOut(Out):
    success: bool = True
    message: str
    task_id: int
    status: str
    automation: Automation | None = Field(description="What completing set off; null for other statuses")


class AssignIn(In):
    user_id: Id | None = Field(None, description="Left out, the best person is found")
    pinned: bool | None = Field(None, description="Whether only people may move it from them; left out, as it was")


class Assigned(Out):
    success: bool = Field(description="Whether somebody has it now")
    task_id: int
    user_id: int | None
    code: str | None = Field(description="Why nobody could take it")
    reason: str


class NextTask(Out):
    user_id: int
    assigned: int | None = Field(description="The task's id")
    code: str | None
    reason: str


def _automation(done: lifecycle.Completion) -> Automation:
    jobs = Jobs(performance_update=done.performance_job, next_task_assignment=done.next_task_job)
    return Automation(task_id=done.task.pk, user_id=done.user_id, jobs=jobs)


@router.post("/automation/tasks/{int:id}/complete", auth=scope("tasks:write"), response=Completed)
def complete_task(request: HttpRequest, id: Id, payload: CompleteIn | None = None) -> Completed:
    """Finishes a task of yours; a manager also on behalf of others. Two jobs follow: the score and the next task."""
    user = caller(request)
    body = payload or CompleteIn(outcome=None)
    done = lifecycle.complete(
        finishing.held_by(user, id) or one(Task.objects.visible_to(user), id, "task"),
        by=user,
        now=timezone.now(),
        actual_hours=body.actual_hours,
        notes=body.notes or "",
        outcome=body.outcome or "",
    )
    return Completed(message="Task completed", automation=_automation(done))


@router.put("/automation/tasks/{int:id}/status", auth=scope("tasks:write"), response=StatusOut)
def set_task_status(request: HttpRequest, id: Id, payload: StatusIn) -> StatusOut:
    """Moves a task to another status. `done` obeys the rule of complete."""
    user = caller(request)
    task = one(Task.objects.visible_to(user), id, "task")
    done = dispatch.set_status(task, payload.status, by=user, now=timezone.now(), outcome=payload.outcome or "")
    if isinstance(done, lifecycle.Completion):
        return StatusOut(message="Task completed", task_id=id, status=done.task.status, automation=_automation(done))
    return StatusOut(message="Status updated", task_id=id, status=done.status, automation=None)


@router.put("/automation/tasks/{int:id}/outcome", auth=scope("tasks:write"), response=OutcomeOut)
def say_outcome(request: HttpRequest, id: Id, payload: OutcomeIn) -> OutcomeOut:
    """Says what came of a completed task, or says it anew: best times and lead scores are learned from it."""
    user = caller(request)
    task = one(Task.objects.visible_to(user), id, "task")
    task = lifecycle.say_outcome(task, payload.outcome or "", by=user, now=timezone.now())
    return OutcomeOut(task_id=id, outcome=task.outcome)


@router.post("/automation/tasks/{int:id}/assign", auth=scope("tasks:write"), response=Assigned)
def assign_task(request: HttpRequest, id: Id, payload: AssignIn | None = None) -> dict[str, Any]:
    """Gives a task to somebody, or to whoever fits best. Anybody may take a task that nobody holds."""
    user, now = caller(request), timezone.now()
    task = one(Task.objects.visible_to(user).select_related("team"), id, "task")
    body = payload or AssignIn(user_id=None, pinned=None)
    user_id = body.user_id
    if user_id != user.pk or task.assignee_id is not None:
        need(user, "manage_team", "assign tasks to others, or take one that somebody holds")
    if not task.is_open:
        raise conflict("This task is finished: reopen it before you assign it.", code="closed")
    if user_id is None:
        return _assign_best(task, user, pinned=body.pinned)
    receiver = named(User.objects.visible_to(user).active(), user_id, "/user_id", "active user")
    with transaction.atomic():
        assignment = dispatch.assign(task, receiver, by=user, now=now)
        if assignment is None:
            raise conflict("Somebody else changed this task meanwhile: look at it again.", code="changed")
        _pin(task, body.pinned, user)
    reason = str(assignment.reasons.get("sentence", ""))
    return {"success": True, "task_id": id, "user_id": receiver.pk, "code": None, "reason": reason}


def _pin(task: Task, pinned: bool | None, user: User) -> None:
    if pinned is not None:
        lifecycle.edit(task, by=user, now=timezone.now(), pinned=pinned)


def _assign_best(task: Task, user: User, *, pinned: bool | None) -> dict[str, Any]:
    with transaction.atomic():
        choice = dispatch.assign_best(task, now=timezone.now(), by=user)
        given = task.assignee_id is not None and task.assignee_id == choice.person_id
        if given:
            _pin(task, pinned, user)
    if given:
        held = explanations.of_task(task) or {}
        return {
            "success": True,
            "task_id": task.pk,
            "user_id": choice.person_id,
            "code": None,
            "reason": str(held.get("sentence", "")),
        }
    names = {member.pk: member.display_name for member in User.objects.visible_to(user)}
    return {
        "success": False,
        "task_id": task.pk,
        "user_id": task.assignee_id,
        "code": choice.code or "TAKEN",
        "reason": choice.sentence(names),
    }


@router.post("/automation/users/{int:id}/next-task", auth=scope("tasks:write"), response=NextTask)
def assign_next_task(request: HttpRequest, id: Id) -> dict[str, Any]:
    """Gives a person the waiting task most worth their time, now, with the reason."""
    user = caller(request)
    person = one(User.objects.visible_to(user).select_related("team"), id, "user")
    if person.pk != user.pk:
        need(user, "manage_team", "give others their next task")
    return next_task.give(person, now=timezone.now())
