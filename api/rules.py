"""/api/task-automation/rules and stats: what makes tasks by itself, and what it has done."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import ConfigDict, Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, by_field
from api.fields import UNSET, Estimate, Hours, Id, In, Out, Text, named, one
from api.paging import Cursor, Limit, Page, page
from api.tasks import Priority
from automation import rules
from automation.models import TaskAutomationRule
from people import rights
from people.models import User

router = Router(tags=["task automation"])

Trigger = Literal["activity", "status_change"]
Repeat = Literal["once_while_open", "once_ever", "once_per_window", "every_time"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
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


@router.get("/api/task-automation/stats/", auth=scope("rules:read"), response=StatsOut)
def rule_stats(request: HttpRequest) -> dict[str, Any]:
    """What the rules did: fired, suppressed and why, failed, and what became of their tasks."""
    return rules.stats(caller(request))


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
