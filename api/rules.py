"""/api/task-automation/rules and stats: what makes tasks by itself, and what it has done."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import ConfigDict, Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, by_field
from api.fields import UNSET, Estimate, Hours, Id, In, LocalTime, Out, Text, named, one
from api.paging import Cursor, Limit, Page, page
from api.tasks import Priority
from automation import rules, tallies
from automation.models import TaskAutomationRule
from people import rights
from people.models import User

router = Router(tags=["task automation"])

Trigger = Literal["activity", "status_change", "cadence", "time", "overdue", "inactivity", "task_completed"]
DelayKind = Literal["elapsed", "calendar", "business"]
Outside = Literal["", "next", "previous", "as_is"]
Overflow = Literal["delay", "drop"]
Repeat = Literal["once_while_open", "once_ever", "once_per_window", "every_time"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Most = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=3650)]
Settle = Annotated[int, Field(ge=0, le=7 * 86_400)]
Burst = Annotated[int, Field(ge=0, le=1_000_000)]
Window = Annotated[int, Field(ge=1, le=336)]
Cel = Annotated[str, StringConstraints(max_length=2000)]
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


class SkillNeeded(In):
    skill: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    level: Annotated[int, Field(ge=1, le=5)] = 1


class RulePatch(In):
    name: Name = UNSET
    trigger_type: Trigger = UNSET
    trigger_config: dict[str, Any] = UNSET
    condition: Cel = Field(UNSET, description="In CEL, such as contact.lead_score > 80; empty holds always")
    task_title_template: TitleTemplate = UNSET
    task_description_template: Text = UNSET
    task_priority: Priority = UNSET
    priority_from_score: bool = UNSET
    best_time_within_hours: Window | None = None
    delay_hours: Hours = UNSET
    delay_kind: DelayKind = UNSET
    delay_days: Days | None = None
    delay_at: LocalTime | None = None
    outside_hours: Outside = UNSET
    settle_seconds: Settle = UNSET
    limit_per_hour: Most | None = None
    limit_owner_day: Most | None = None
    limit_contact_day: Most | None = None
    overflow: Overflow = UNSET
    burst: Burst = UNSET
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

    name: Name = Field(UNSET, description="The words of the title, when left out")
    trigger_type: Trigger
    trigger_config: dict[str, Any] = {}
    task_title_template: TitleTemplate
    condition: Cel = Field("", description="In CEL, such as contact.lead_score > 80; empty holds always")
    task_description_template: Text = ""
    task_priority: Priority = "medium"
    priority_from_score: bool = Field(False, description="By the lead's score, where it has one, and as that moves")
    best_time_within_hours: Window | None = Field(
        None, description="Due when the contact answers soonest, at most so long after the rule's own time"
    )
    delay_hours: Hours = Field(
        Decimal(0), description="From the event to the due date: elapsed, or working hours for a business delay"
    )
    delay_kind: DelayKind = "elapsed"
    delay_days: Days | None = Field(None, description="Local or working days, for a calendar or business delay")
    delay_at: LocalTime | None = Field(None, description="Local time of day, with delay_days")
    outside_hours: Outside = Field(
        "", description="Where a due time outside working time moves; empty is the delay's own choice"
    )
    settle_seconds: Settle = Field(0, description="Of a change of status: fires once after the last of several")
    limit_per_hour: Most | None = Field(None, description="Tasks of the rule within an hour")
    limit_owner_day: Most | None = Field(None, description="Tasks of rules for one owner in a day")
    limit_contact_day: Most | None = Field(None, description="Tasks of rules for one contact in its local day")
    overflow: Overflow = Field("delay", description="What becomes of what is over a limit")
    burst: Burst = Field(100, description="Tasks in an hour from which a sudden rush pauses the rule; 0 never does")
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
    condition: str
    task_title_template: str
    task_description_template: str
    task_priority: str
    priority_from_score: bool
    best_time_within_hours: int | None
    delay_hours: float
    delay_kind: str
    delay_days: int | None
    delay_at: time | None
    outside_hours: str
    reminder_offset_hours: float | None
    is_active: bool
    settle_seconds: int
    limit_per_hour: int | None
    limit_owner_day: int | None
    limit_contact_day: int | None
    overflow: str
    burst: int
    paused_reason: str = Field(description="Why it switched itself off; empty when it did not")
    next_run_at: datetime | None = Field(description="Of a rule on time")
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


class SavedRule(RuleOut):
    warning: str = Field(description="What to look at, such as a circle that the rule closes; empty when nothing is")


class RuleDay(Out):
    on: date
    fired: int
    suppressed: int
    failed: int
    waiting: int
    tasks_created: int
    completed: int


class RuleStats(Out):
    id: int
    name: str
    is_active: bool
    times_triggered: int
    tasks_created: int
    fired: int
    suppressed: int
    failed: int
    waiting: int
    suppressed_by_reason: dict[str, int]
    completed: int
    on_time: int = Field(description="Of those completed, by their due date")
    open: int
    median_hours_to_done: float | None = Field(description="From creation to completion, of the last 30 days")
    by_day: list[RuleDay] = Field(description="The last 30 days and today, in the team's zone; empty ones left out")


class ProgrammeStats(Out):
    id: int
    name: str
    is_active: bool
    fired: int = Field(description="Contacts that were enrolled")
    active: int
    paused: int
    finished: int
    exited: int
    exited_by_reason: dict[str, int]
    stopped: int
    suppressed: int = Field(description="Steps that were skipped")
    suppressed_by_reason: dict[str, int]
    failed: int = Field(description="Steps that could not be done")
    tasks_created: int
    completed: int
    on_time: int
    open: int
    median_hours_to_done: float | None
    by_day: list[RuleDay]


class StatsOut(Out):
    counted_at: datetime = Field(
        description="When the figures of each were counted: now, or up to some minutes ago where there are very many"
    )
    total_rules: int
    active_rules: int
    times_triggered: int
    tasks_created: int
    rules: list[RuleStats]
    sequences: list[ProgrammeStats]
    campaigns: list[ProgrammeStats]


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


@router.post("/api/task-automation/rules/", auth=scope("rules:write"), response={201: SavedRule})
def create_rule(request: HttpRequest, payload: NewRule) -> Status[SavedRule]:
    """Makes a rule. A member's answers events of contacts they own, a manager's those of the whole team."""
    user = caller(request)
    owner = user
    if payload.owner_id not in (None, user.pk):
        need(user, "manage_team", "make rules for others")
        owner = named(User.objects.visible_to(user).active(), payload.owner_id, "/owner_id", "user")
    try:
        rule = rules.create(owner, by=user, now=timezone.now(), **whole(payload))
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None
    return Status(201, _saved(rule))


@router.get("/api/task-automation/rules/{int:id}/", auth=scope("rules:read"), response=RuleOut)
def get_rule(request: HttpRequest, id: Id) -> RuleOut:
    """One rule."""
    return _rule_out(one(TaskAutomationRule.objects.visible_to(caller(request)), id, "rule"))


@router.put("/api/task-automation/rules/{int:id}/", auth=scope("rules:write"), response=SavedRule)
def replace_rule(request: HttpRequest, id: Id, payload: RuleIn) -> SavedRule:
    """Sets the whole rule; what is left out takes its default. Owner and scope stay."""
    return _update(caller(request), id, whole(payload))


@router.patch("/api/task-automation/rules/{int:id}/", auth=scope("rules:write"), response=SavedRule)
def update_rule(request: HttpRequest, id: Id, payload: RulePatch) -> SavedRule:
    """Changes what is sent. Future firings only: what it has done stays."""
    return _update(caller(request), id, payload.model_dump(exclude_unset=True))


@router.delete("/api/task-automation/rules/{int:id}/", auth=scope("rules:write"), response={204: None})
def delete_rule(request: HttpRequest, id: Id) -> Status[None]:
    """Stops the rule at once and takes it off the list; its tasks keep their origin."""
    user = caller(request)
    rules.archive(editable(user, id), by=user, now=timezone.now())
    return Status(204, None)


@router.get("/api/task-automation/stats/", auth=scope("rules:read"), response=StatsOut)
def rule_stats(request: HttpRequest) -> dict[str, Any]:
    """What rules, sequences and campaigns did: fired, suppressed and why, failed, and what became of their tasks."""
    return tallies.of_team(caller(request).team, now=timezone.now())


def whole(payload: RuleIn) -> dict[str, Any]:
    fields = payload.model_dump(exclude={"owner_id"})
    fields["name"] = fields["name"] or TaskAutomationRule(task_title_template=payload.task_title_template).usual_name()
    return fields


def _update(user: User, id: int, fields: dict[str, Any]) -> SavedRule:
    rule = editable(user, id)
    try:
        return _saved(rules.update(rule, by=user, now=timezone.now(), **fields))
    except rules.BadRule as bad:
        raise by_field(bad.errors) from None


def _saved(rule: TaskAutomationRule) -> SavedRule:
    return SavedRule(**_rule_out(rule).model_dump(), warning=rules.warning(rule, now=timezone.now()))


def editable(user: User, id: int) -> TaskAutomationRule:
    rule = one(TaskAutomationRule.objects.visible_to(user).select_related("team", "owner"), id, "rule")
    if not rights.may_edit_rule(user, rule):
        raise Problem(403, "You need the right manage_team to change a team rule, or one that is not yours.")
    return rule
