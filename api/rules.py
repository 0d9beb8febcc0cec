"""/api/task-automation: rules, what they have done, and tasks scheduled together."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import ConfigDict, Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, by_field, conflict, invalid
from api.fields import UNSET, Estimate, Hours, Id, In, Out, Text, named, one
from api.paging import Cursor, Limit, Page, page
from api.tasks import BATCH, Priority
from automation import rules, sequences
from automation.models import ScheduledTaskBatch, TaskAutomationRule
from crm.models import Contact
from people import rights
from people.models import User
from work.models import Task

router = Router(tags=["task automation"])

Trigger = Literal["activity", "status_change"]
Repeat = Literal["once_while_open", "once_ever", "once_per_window", "every_time"]
SequenceType = Literal["standard", "aggressive", "gentle"]
Cadence = Literal["daily", "weekly", "biweekly", "monthly", "quarterly", "yearly"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
PlainHours = Annotated[float, Field(gt=0, le=8784, allow_inf_nan=False)]
TitleTemplate = Annotated[str, StringConstraints(min_length=1, max_length=1000)]

RULE_EXAMPLE: dict[str, Any] = {
    "name": "Email Open Follow-up",
    "trigger_type": "activity",
    "trigger_config": {"activity_types": ["email_opened"]},
    "task_title_template": "Follow up with {{contact_name}} - engaged with email",
    "task_priority": "high",
    "delay_hours": 4,
    "reminder_offset_hours": 1,
}

SEQUENCE_EXAMPLE: dict[str, Any] = {"contact_id": 123, "sequence_type": "aggressive", "start_delay_hours": 24}
RECURRING_EXAMPLE: dict[str, Any] = {
    "contact_id": 123,
    "cadence": "weekly",
    "task_template": {"title": "Weekly check-in with {{contact_name}}", "priority": "medium"},
}


class SkillNeeded(In):
    skill: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    level: Annotated[int, Field(ge=1, le=5)] = 1


class RulePatch(In):
    name: Name = UNSET
    trigger_type: Trigger = UNSET
    trigger_config: dict[str, Any] = UNSET
    task_title_template: TitleTemplate = UNSET
    task_description_template: Text = UNSET
    task_priority: Priority = UNSET
    delay_hours: Hours = UNSET
    reminder_offset_hours: Hours | None = None
    is_active: bool = UNSET
    repeat_policy: Repeat = UNSET
    repeat_window_hours: Annotated[int, Field(ge=1, le=87_600)] = UNSET
    assign: Annotated[str, StringConstraints(max_length=40)] = Field(
        UNSET, description="owner, best_match, round_robin, unassigned or user:ID"
    )
    required_skills: list[SkillNeeded] = Field(UNSET, max_length=20)
    estimated_hours: Estimate | None = None
    max_event_age_hours: Annotated[int, Field(ge=1, le=8760)] = UNSET
    fires_on_imports: bool = UNSET
    fires_on_machines: bool = UNSET


class RuleIn(RulePatch):
    """A trigger and a title are enough; all the rest has defaults."""

    model_config = ConfigDict(json_schema_extra={"examples": [RULE_EXAMPLE]})

    name: Name = Field(UNSET, description="The title, when left out")
    trigger_type: Trigger
    trigger_config: dict[str, Any] = {}
    task_title_template: TitleTemplate
    task_description_template: Text = ""
    task_priority: Priority = "medium"
    delay_hours: Hours = Field(Decimal(0), description="Elapsed hours from the event to the due date")
    is_active: bool = True
    repeat_policy: Repeat = "once_while_open"
    repeat_window_hours: Annotated[int, Field(ge=1, le=87_600)] = 24
    assign: Annotated[str, StringConstraints(max_length=40)] = "owner"
    required_skills: list[SkillNeeded] = Field([], max_length=20)
    max_event_age_hours: Annotated[int, Field(ge=1, le=8760)] = 72
    fires_on_imports: bool = False
    fires_on_machines: bool = False


class NewRule(RuleIn):
    owner_id: Id = Field(UNSET, description="You, unless said; for others you need manage_team")


class RuleOut(Out):
    id: int
    name: str
    sentence: str
    trigger_type: str
    trigger_config: dict[str, Any]
    task_title_template: str
    task_description_template: str
    task_priority: str
    delay_hours: float
    reminder_offset_hours: float | None
    is_active: bool
    repeat_policy: str
    repeat_window_hours: int
    assign: str
    required_skills: list[SkillNeeded]
    estimated_hours: float | None
    max_event_age_hours: int
    fires_on_imports: bool
    fires_on_machines: bool
    scope: str = Field(description="own: contacts its owner owns; team: all of the team's")
    owner_id: int
    team_id: int
    times_triggered: int
    tasks_created: int
    parked_reason: str = Field(description="Why a rule changed past this API does not run; empty when it does")
    created_at: datetime


class RuleStats(Out):
    id: int
    name: str
    is_active: bool
    times_triggered: int
    tasks_created: int
    fired: int
    suppressed: int
    failed: int
    suppressed_by_reason: dict[str, int]
    completed: int
    open: int


class StatsOut(Out):
    total_rules: int
    active_rules: int
    times_triggered: int
    tasks_created: int
    rules: list[RuleStats]


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


def shown(rows: Sequence[TaskAutomationRule]) -> list[RuleOut]:
    return [_rule_out(rule) for rule in rows]


def _rule_out(rule: TaskAutomationRule) -> RuleOut:
    columns = {name: getattr(rule, name) for name in _COLUMNS}
    return RuleOut.model_validate(columns | {"sentence": rules.sentence(rule)})


_COLUMNS = [name for name in RuleOut.model_fields if name != "sentence"]


@router.get("/api/task-automation/rules/", auth=scope("rules:read"), response=Page[RuleOut])
def list_rules(
    request: HttpRequest, limit: Limit, cursor: Cursor, is_active: Annotated[bool | None, Query(None)]
) -> dict[str, Any]:
    """The team's rules: they explain its tasks, so everybody in it may read them."""
    rows = TaskAutomationRule.objects.visible_to(caller(request))
    if is_active is not None:
        rows = rows.filter(is_active=is_active)
    return page(request, rows, limit=limit, cursor=cursor, shown=shown)


@router.post("/api/task-automation/rules/", auth=scope("rules:write"), response={201: RuleOut})
def create_rule(request: HttpRequest, payload: NewRule) -> Status[RuleOut]:
    """Makes a rule. A member's answers events of contacts they own, a manager's those of the whole team."""
    user = caller(request)
    owner = user
    if payload.owner_id not in (None, user.pk):
        need(user, "manage_team", "make rules for others")
        owner = named(User.objects.visible_to(user).active(), payload.owner_id, "/owner_id", "user")
    try:
        rule = rules.create(owner, **_whole(payload))
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None
    return Status(201, _rule_out(rule))


@router.get("/api/task-automation/rules/{int:id}/", auth=scope("rules:read"), response=RuleOut)
def get_rule(request: HttpRequest, id: Id) -> RuleOut:
    """One rule."""
    return _rule_out(one(TaskAutomationRule.objects.visible_to(caller(request)), id, "rule"))


@router.put("/api/task-automation/rules/{int:id}/", auth=scope("rules:write"), response=RuleOut)
def replace_rule(request: HttpRequest, id: Id, payload: RuleIn) -> RuleOut:
    """Sets the whole rule; what is left out takes its default. Owner and scope stay."""
    return _update(caller(request), id, _whole(payload))


@router.patch("/api/task-automation/rules/{int:id}/", auth=scope("rules:write"), response=RuleOut)
def update_rule(request: HttpRequest, id: Id, payload: RulePatch) -> RuleOut:
    """Changes what is sent. Future firings only: what it has done stays."""
    return _update(caller(request), id, payload.model_dump(exclude_unset=True))


@router.delete("/api/task-automation/rules/{int:id}/", auth=scope("rules:write"), response={204: None})
def delete_rule(request: HttpRequest, id: Id) -> Status[None]:
    """Stops the rule at once and takes it off the list; its tasks keep their origin."""
    user = caller(request)
    rules.archive(_editable(user, id), now=timezone.now())
    return Status(204, None)


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
        batch, tasks = sequences.schedule_recurring(contact, payload.cadence, template, owner=user, now=timezone.now())
    except sequences.BadTemplate as bad:
        raise invalid("/task_template", "template", str(bad)) from None
    return Status(201, _scheduled(batch, tasks))


@router.get("/api/task-automation/stats/", auth=scope("rules:read"), response=StatsOut)
def rule_stats(request: HttpRequest) -> dict[str, Any]:
    """What the rules did: fired, suppressed and why, failed, and what became of their tasks."""
    return rules.stats(caller(request))


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
    return page(request, rows, limit=limit, cursor=cursor, shown=_batches, order=("-id",))


def _batches(rows: Sequence[ScheduledTaskBatch]) -> list[BatchOut]:
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


def _whole(payload: RuleIn) -> dict[str, Any]:
    fields = payload.model_dump(exclude={"owner_id"})
    fields["name"] = fields["name"] or payload.task_title_template[:120]
    return fields


def _update(user: User, id: int, fields: dict[str, Any]) -> RuleOut:
    rule = _editable(user, id)
    try:
        return _rule_out(rules.update(rule, **fields))
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None


def _editable(user: User, id: int) -> TaskAutomationRule:
    rule = one(TaskAutomationRule.objects.visible_to(user).select_related("team", "owner"), id, "rule")
    if not rights.may_edit_rule(user, rule):
        raise Problem(403, "You need the right manage_team to change a team rule, or one that is not yours.")
    return rule


def _editable_contact(user: User, id: int) -> Contact:
    contact = named(Contact.objects.visible_to(user).select_related("team", "owner"), id, "/contact_id", "contact")
    if not rights.may_edit_contact(user, contact):
        need(user, "manage_team", "schedule work for a contact that is not yours")
    return contact


def _scheduled(batch: ScheduledTaskBatch, tasks: Sequence[Task]) -> dict[str, Any]:
    return {"batch_id": batch.pk, "tasks_created": len(tasks), "tasks": list(tasks)}


def _enrolled(active: Any) -> Problem:
    return conflict(str(active), pointer="/sequence_type", code="already_enrolled")
