"""/api/tasks: the work itself. Status and assignee have verbs of their own, under /automation/tasks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Header, Query, Router
from ninja.responses import Status
from pydantic import Field

from api.auth import caller, need, scope
from api.errors import Problem, conflict, invalid, pointing_to
from api.fields import UNSET, Estimate, Hours, Id, In, Instant, Level, Out, Spent, Text, Title, all_named, named, one
from api.paging import Cursor, Limit, Page, page
from assignment import dispatch, explanations, ungiven
from automation.models import Firing
from crm.models import Contact
from learning import sentences
from people import rights, skills
from people.models import Skill, User
from work import capacity, lifecycle, ties
from work.models import Task

router = Router(tags=["tasks"])

Priority = Literal["low", "medium", "high", "urgent"]
BATCH = "batch:"
BESIDE = {"assignee_id", "required_skills", "depends_on", "excluded_user_ids"}
"""What is kept in rows of its own."""


class Need(In):
    skill_id: Id
    min_level: Level = 1


class TaskPatch(In):
    title: Title = UNSET
    description: Text = UNSET
    priority: Priority = UNSET
    due_date: Instant | None = None
    reminder_offset_hours: Hours | None = Field(None, description="Hours before due_date")
    contact_id: Id | None = None
    owner_id: Id = UNSET
    estimated_hours: Estimate | None = None
    actual_hours: Spent | None = Field(None, description="Corrected once it is done, the score is computed anew")
    notes: Text = UNSET
    pinned: bool = Field(UNSET, description="Stays with whoever holds it: nothing moves it by itself")
    depends_on: list[Id] = Field(
        UNSET,
        max_length=100,
        description="Tasks that have to be finished first: all of them, but for those you may not see, which stay",
    )
    excluded_user_ids: list[Id] = Field(UNSET, max_length=200, description="All who must not have it")


class TaskIn(TaskPatch):
    title: Title = Field(examples=["Send the offer"])
    description: Text = ""
    priority: Priority = "medium"
    assignee_id: Id | None = Field(None, description="Left out, it waits for whoever fits best")
    required_skills: list[Need] = Field([], max_length=20)
    notes: Text = ""


class Held(Out):
    """Who holds the task, and why they do."""

    assignment_id: int
    user_id: int
    user: str
    by: str | None
    method: str
    assigned_at: datetime
    sentence: str
    late: bool
    choice: dict[str, Any] | None


class TaskOut(Out):
    id: int
    title: str
    description: str
    priority: str
    status: str
    due_date: datetime | None
    reminder_offset_hours: float | None
    remind_at: datetime | None
    contact_id: int | None
    owner_id: int | None
    assignee_id: int | None
    team_id: int
    estimated_hours: float | None
    actual_hours: float | None
    notes: str
    outcome: str = Field(
        description="What came of it: reached, no_answer, message_left, won or lost; empty when nobody said"
    )
    pinned: bool
    firing_id: int | None = Field(None, description="The firing that made it")
    rule_id: int | None = Field(None, description="The rule that made it")
    batch_id: int | None = Field(None, description="The sequence or series it belongs to")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    version: int = Field(description="Counts changes; sent back as If-Match it guards yours")


class DependencyOut(Out):
    task_id: int
    title: str
    status: str


class Ungiven(Out):
    code: str = Field(description="NO_SKILLED_PERSON, NO_CAPACITY_BEFORE_DUE or OUTRANKED")
    reason: str
    at: datetime = Field(description="When the run looked")


class TaskDetail(TaskOut):
    assumed_hours: float | None = Field(
        description="What it counts as while it has no estimate: the median of tasks of its kind"
    )
    required_skills: list[Need]
    assignment: Held | None = Field(description="Who holds it and why; the last one when finished")
    unassigned: Ungiven | None = Field(
        description="Why nobody holds it though it is ready, as the team's newest run found it"
    )
    dependencies: list[DependencyOut] = Field(description="What it waits for, or waited for, as far as you may see it")
    ready: bool = Field(description="Nothing that it waits for is open, seen or unseen")
    excluded_user_ids: list[int] = Field(description="Who must not have it, beside those of its contact")
    timing: str = Field(description="Why it is due at its hour, where its rule asks for the best one; else empty")


class SavedTask(TaskDetail):
    warning: str = Field(description="What to look at, such as a skill that nobody has; empty when nothing is")


def shown(tasks: Sequence[Task]) -> list[TaskOut]:
    """Tasks with where they come from: one query more, whatever their number."""
    firings = Firing.objects.filter(task_id__in=[task.pk for task in tasks]).values_list("task_id", "id", "rule_id")
    origins = {task_id: (firing_id, rule_id) for task_id, firing_id, rule_id in firings} if tasks else {}
    rows = []
    for task in tasks:
        row = TaskOut.model_validate(task)
        row.firing_id, row.rule_id = origins.get(task.pk, (None, None))
        if task.group_key.startswith(BATCH):
            row.batch_id = int(task.group_key.removeprefix(BATCH))
        rows.append(row)
    return rows


def detail(task: Task, user: User) -> TaskDetail:
    (row,) = shown([task])
    needs = [{"skill_id": pk, "min_level": level} for pk, level in task.skill_levels.values_list("skill", "min_level")]
    waits_for = ties.waited_for(task)
    seen, _ = ties.parted(waits_for, user)
    return TaskDetail.model_validate(
        row.model_dump()
        | {
            "assumed_hours": capacity.assumed_hours(task),
            "required_skills": needs,
            "assignment": explanations.of_task(task),
            "unassigned": ungiven.of_task(task),
            "dependencies": [{"task_id": one.pk, "title": one.title, "status": one.status} for one in seen],
            "ready": not any(one.is_open for one in waits_for),
            "excluded_user_ids": ties.excluded(task),
            "timing": sentences.timing_of(task.timing),
        }
    )


def _saved(task: Task, user: User) -> SavedTask:
    task.refresh_from_db(fields=["version"])
    whole = detail(task, user)
    needs = {need.skill_id: need.min_level for need in whole.required_skills} if task.is_open else {}
    return SavedTask(**whole.model_dump(), warning=skills.warning(user.team, needs))


@router.get("/api/tasks", auth=scope("tasks:read"), response=Page[TaskOut])
def list_tasks(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    contact_id: Annotated[Id | None, Query(None)],
    assignee_id: Annotated[Id | None, Query(None)],
    status: Annotated[str | None, Query(None, max_length=20, description="A status, or `open`")],
    due_before: Annotated[Instant | None, Query(None)],
) -> dict[str, Any]:
    """The tasks you may see, newest first."""
    tasks = Task.objects.visible_to(caller(request))
    if contact_id is not None:
        tasks = tasks.filter(contact_id=contact_id)
    if assignee_id is not None:
        tasks = tasks.filter(assignee_id=assignee_id)
    if status is not None:
        tasks = tasks.open() if status == "open" else tasks.filter(status=lifecycle.parse_status(status))
    if due_before is not None:
        tasks = tasks.filter(due_date__lt=due_before)
    return page(request, tasks, limit=limit, cursor=cursor, shown=shown, order=("-id",))


@router.post("/api/tasks", auth=scope("tasks:write"), response={201: SavedTask})
def create_task(request: HttpRequest, payload: TaskIn) -> Status[SavedTask]:
    """Makes a task of yours. Without an assignee it waits in the team's queue for whoever fits best."""
    user, now = caller(request), timezone.now()
    fields = _rows_of(payload, user)
    fields.setdefault("owner", user)
    needs = _needs(payload, user)
    assignee = _assignee(payload, user)
    if payload.pinned and assignee is None:
        raise invalid("/pinned", "pinned", "Nobody would hold this task: name an assignee, or pin it later.")
    with transaction.atomic():
        if assignee is not None and fields.get("contact") is not None:
            ties.keep(fields["contact"])
        task = lifecycle.create(user.team, by=user, now=now, required_skills=needs, **fields)
        _tie(task, payload, user)
        if assignee is not None:
            dispatch.assign(task, assignee, by=user, now=now)
    return Status(201, _saved(task, user))


@router.get("/api/tasks/{int:id}", auth=scope("tasks:read"), response=TaskDetail)
def get_task(request: HttpRequest, id: Id, response: HttpResponse) -> TaskDetail:
    """One task, who holds it and why, and where it comes from."""
    user = caller(request)
    task = one(Task.objects.visible_to(user), id, "task")
    response["ETag"] = f'"{task.version}"'
    return detail(task, user)


@router.patch("/api/tasks/{int:id}", auth=scope("tasks:write"), response=SavedTask)
def update_task(
    request: HttpRequest,
    id: Id,
    payload: TaskPatch,
    response: HttpResponse,
    if_match: Annotated[str | None, Header(None, alias="If-Match", max_length=40)],
) -> SavedTask:
    """Changes what is sent. With `If-Match: "version"` it is refused (412) when somebody changed the task meanwhile.

    Status: PUT /automation/tasks/{id}/status. Assignee: POST /automation/tasks/{id}/assign.
    """
    user = caller(request)
    with transaction.atomic():
        task = one(Task.objects.visible_to(user).select_for_update(of=("self",), no_key=True), id, "task")
        _may_edit(user, task)
        if if_match is not None and if_match.strip('"') not in (str(task.version), "*"):
            raise Problem(412, f"This task is at version {task.version} by now: read it again, then change it.")
        task = lifecycle.edit(task, by=user, now=timezone.now(), **_rows_of(payload, user))
        _tie(task, payload, user)
    saved = _saved(task, user)
    response["ETag"] = f'"{saved.version}"'
    return saved


@router.delete("/api/tasks/{int:id}", auth=scope("tasks:write"), response={204: None})
def cancel_task(request: HttpRequest, id: Id) -> Status[None]:
    """Cancels the task. It stays in the records; a finished one is left as it is (409)."""
    user = caller(request)
    task = one(Task.objects.visible_to(user), id, "task")
    _may_edit(user, task)
    if task.status == Task.DONE:
        raise conflict("This task is done and stays in the records: reopen it first to cancel it.", code="done")
    lifecycle.set_status(task, Task.CANCELLED, by=user, now=timezone.now())
    return Status(204, None)


def _may_edit(user: User, task: Task) -> None:
    if not rights.may_edit_task(user, task):
        need(user, "manage_team", "change a task that is neither yours nor assigned to you")


def _rows_of(payload: TaskPatch, user: User) -> dict[str, Any]:
    """The fields that were sent, ids turned into rows one may name."""
    fields = payload.model_dump(exclude_unset=True, exclude=BESIDE)
    if fields.get("contact_id") is not None:
        fields["contact"] = named(Contact.objects.visible_to(user), fields.pop("contact_id"), "/contact_id", "contact")
    elif "contact_id" in fields:
        fields["contact"] = fields.pop("contact_id")
    if "owner_id" in fields:
        owner_id = fields.pop("owner_id")
        if owner_id != user.pk:
            need(user, "manage_team", "give tasks to another owner")
        fields["owner"] = named(User.objects.visible_to(user).active(), owner_id, "/owner_id", "user")
    return fields


def _tie(task: Task, payload: TaskPatch, user: User) -> None:
    """What it waits for and who must not have it, as far as that was sent."""
    now = timezone.now()
    if "depends_on" in payload.model_fields_set:
        chosen = all_named(Task.objects.visible_to(user), payload.depends_on, "depends_on", "task")
        _, unseen = ties.parted(ties.waited_for(task), user)
        with pointing_to("depends_on"):
            ties.wait_for(task, [*chosen, *unseen], by=user, now=now)
    if "excluded_user_ids" in payload.model_fields_set:
        people = all_named(User.objects.visible_to(user), payload.excluded_user_ids, "excluded_user_ids", "user")
        with pointing_to("excluded_user_ids"):
            ties.exclude(task, people, by=user, now=now)


def _needs(payload: TaskIn, user: User) -> list[lifecycle.Requirement]:
    levels = {row.skill_id: row.min_level for row in payload.required_skills}
    known = Skill.objects.visible_to(user).in_bulk(levels) if levels else {}
    for index, row in enumerate(payload.required_skills):
        if row.skill_id not in known:
            named(Skill.objects.none(), row.skill_id, f"/required_skills/{index}/skill_id", "skill")
    return [lifecycle.Requirement(known[pk], level) for pk, level in levels.items()]


def _assignee(payload: TaskIn, user: User) -> User | None:
    if payload.assignee_id is None:
        return None
    if payload.assignee_id != user.pk:
        need(user, "manage_team", "assign tasks to others")
    return named(User.objects.visible_to(user).active(), payload.assignee_id, "/assignee_id", "user")
