"""Rules: checked when saved, passed on when their owner leaves, counted from what really happened."""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automation import cycles, drafting, pauses
from automation.audited import RULE
from automation.models import Firing, RuleVersion, TaskAutomationRule
from automation.triggers import KINDS
from automation.triggers import time as time_trigger
from domain import conditions, delays, templating
from jobs import bell
from learning import experiments
from learning.models import Experiment
from people import audit, skills
from people.models import Skill, Team, User

CONTENT = (
    "name",
    "trigger_type",
    "trigger_config",
    "condition",
    "task_title_template",
    "task_description_template",
    "task_priority",
    "delay_hours",
    "delay_kind",
    "delay_days",
    "delay_at",
    "outside_hours",
    "reminder_offset_hours",
    "settle_seconds",
    "repeat_policy",
    "repeat_window_hours",
    "assign",
    "required_skills",
    "estimated_hours",
    "max_event_age_hours",
    "fires_on_imports",
    "fires_on_machines",
    "limit_per_hour",
    "limit_owner_day",
    "limit_contact_day",
    "overflow",
    "burst",
    "scope",
    "owner_id",
    "priority_from_score",
    "best_time_within_hours",
)
LATER = {"priority_from_score": False, "best_time_within_hours": None}
"""Columns that came later, as versions have them that name none: so these are what they were."""
EDITABLE = frozenset(CONTENT) - {"scope", "owner_id"} | {"is_active"}
TRIED = (
    "trigger_type",
    "trigger_config",
    "condition",
    "delay_hours",
    "delay_kind",
    "delay_days",
    "delay_at",
    "outside_hours",
    "best_time_within_hours",
)
"""What stays while delays are tried: who is in it, and when what is made for them is due."""
STRATEGIES = ("owner", "best_match", "round_robin", "unassigned")
MOST_DELAY_HOURS = Decimal(24 * 366)

Errors = dict[str, list[str]]


class BadRule(ValueError):
    """The rule cannot be saved; `errors` names the fields."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items()))
        self.errors = errors


def check(rule: TaskAutomationRule) -> Errors:
    """What keeps a rule from running, by field; empty for a sound one."""
    errors: Errors = {}
    try:
        rule.clean_fields()
    except ValidationError as failure:
        errors |= failure.message_dict
    trigger = KINDS.get(rule.trigger_type)
    if trigger is None:
        errors["trigger_type"] = [f"Unknown trigger {rule.trigger_type!r}: use one of {', '.join(KINDS)}."]
    elif not isinstance(rule.trigger_config, dict):
        errors["trigger_config"] = ["Give an object."]
    elif faults := trigger.check(rule.trigger_config):
        errors["trigger_config"] = faults
    elif unknown := _unknown_rules(rule):
        numbers = ", ".join(map(str, unknown))
        errors["trigger_config"] = [f"rule ids: the team has no rule {numbers}; name one of its own, or leave it out."]
    _check_template(errors, "task_title_template", rule.task_title_template, templating.TITLE_LIMIT)
    _check_template(errors, "task_description_template", rule.task_description_template, templating.DESCRIPTION_LIMIT)
    _check_hours(errors, rule)
    _check_delay(errors, rule)
    _check_condition(errors, rule)
    if fault := _fault_of_strategy(rule):
        errors["assign"] = [fault]
    if faults := _faults_of_skills(rule):
        errors["required_skills"] = faults
    return errors


def create(owner: User, *, by: User | None = None, now: datetime | None = None, **fields: Any) -> TaskAutomationRule:
    """A new rule of this owner. Raises BadRule."""
    rule = TaskAutomationRule(owner=owner, **({"created_at": now} if now else {}), **fields)
    with RULE.changing(rule, by=by, now=now or rule.created_at):
        return _save(rule, now or rule.created_at)


def update(
    rule: TaskAutomationRule, *, by: User | None = None, now: datetime | None = None, **fields: Any
) -> TaskAutomationRule:
    """Changes a rule; what it has already done stays under its old version. Raises BadRule.

    Switching it on is told apart from any other change: what happened while it was off fires nothing. The row is read
    anew under its lock, so that what the engine counted or switched off meanwhile stays. While delays of it are tried,
    what these are tried on stays as it is.
    """
    at = now or timezone.now()
    for name in fields:
        if name not in EDITABLE:
            raise BadRule({name: ["This cannot be changed."]})
    with RULE.changing(rule, by=by, now=at):
        rows = TaskAutomationRule.objects.select_for_update(of=("self",), no_key=True).select_related("owner", "team")
        rule.refresh_from_db(from_queryset=rows)
        before = content_of(rule)
        for name, value in fields.items():
            setattr(rule, name, value)
        was_on = rule.seen_active
        if rule.is_active != was_on:
            rule.note_switched(at)
        _save(rule, at, before=before)
        if was_on and not rule.is_active:
            pauses.announce(rule, pauses.BY_HAND, pauses.SWITCHED_OFF, now=at, by=by)
        return rule


def archive(rule: TaskAutomationRule, *, by: User | None = None, now: datetime) -> None:
    """Deleting keeps the row: its tasks and firings name it. Delays of it are tried no more."""
    with RULE.changing(rule, by=by, now=now, verb=audit.DELETED):
        rule.refresh_from_db(fields=["experiment"])
        if rule.experiment is not None:
            experiments.end(rule.experiment, Experiment.STOPPED, now=now)
        TaskAutomationRule.objects.filter(pk=rule.pk).update(
            is_active=False, seen_active=False, off_since=now, archived_at=now, experiment=None
        )


def freeze(rule: TaskAutomationRule, digest: str, *, now: datetime) -> RuleVersion:
    """The version with this content, made when there is none yet."""
    known = RuleVersion.objects.filter(rule=rule)
    found = known.filter(content_hash=digest).first()
    if found is not None:
        return found
    number = known.order_by("-number").values_list("number", flat=True).first() or 0
    return RuleVersion.objects.create(
        rule=rule, number=number + 1, content_hash=digest, content=content_of(rule), frozen_at=now
    )


def content_of(rule: TaskAutomationRule) -> dict[str, Any]:
    """What a version freezes, JSON-ready."""
    content = {name: _plain(getattr(rule, name)) for name in CONTENT}
    return {name: value for name, value in content.items() if name not in LATER or value != LATER[name]}


def _plain(value: Any) -> Any:
    if isinstance(value, time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def content_hash(rule: TaskAutomationRule) -> str:
    content = _comparable(content_of(rule))
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _comparable(content: dict[str, Any]) -> dict[str, Any]:
    """4 and 4.00 are the same delay, whether the row came from a form or from the database."""
    numbers = {
        name: str(Decimal(str(content[name])).normalize())
        for name in ("delay_hours", "reminder_offset_hours", "estimated_hours")
        if content.get(name) is not None
    }
    return content | numbers


def sentence(rule: TaskAutomationRule) -> str:
    """The rule in words: When … , then …"""
    trigger = KINDS.get(rule.trigger_type)
    when = trigger.sentence(rule.trigger_config) if trigger and not rule.parked_reason else rule.trigger_type
    only = f" and {conditions.sentence(rule.condition)}" if rule.condition.strip() and not rule.parked_reason else ""
    return f"When {when}{only}, then “{rule.task_title_template}” {delays.sentence(drafting.delay_of(rule))}"


def warning(rule: TaskAutomationRule, *, now: datetime) -> str:
    """What to look at once a rule is saved or switched on; empty when nothing is, or while it is off."""
    if not rule.is_active or rule.parked_reason:
        return ""
    told = [cycles.warning(rule)]
    if rule.trigger_type == TaskAutomationRule.TIME and time_trigger.next_run(rule, after=now) is None:
        told.append("Its date has passed, so it will not run: choose one that is still to come.")
    if rule.assign != "owner" and not rule.assign.startswith("user:"):
        told.append(_skills_warning(rule))
    return " ".join(filter(None, told))


def rebuild_counters(rule: TaskAutomationRule) -> None:
    """Sets the counters to what the firings say; they are the same unless somebody changed them by hand."""
    # Each firing made its task, also one that was deleted since.
    fired = Firing.objects.filter(rule=rule, outcome=Firing.FIRED).count()
    TaskAutomationRule.objects.filter(pk=rule.pk).update(times_triggered=fired, tasks_created=fired)


def without_score(team_id: int, kinds: Collection[str]) -> set[str]:
    """Of these kinds of tasks, as rule:7, those of rules that do not give the priority of the lead's score now."""
    ids = [int(kind.removeprefix("rule:")) for kind in kinds if kind.startswith("rule:")]
    rows = TaskAutomationRule.objects.filter(team=team_id, pk__in=ids, priority_from_score=False)
    return {f"rule:{pk}" for pk in rows.values_list("pk", flat=True)}


def pass_on_rules_of(user: User, by: User | None, now: datetime) -> None:
    """When somebody leaves, their rules pass to a manager; the scope stays, so passing on never widens a rule."""
    manager = User.objects.active().filter(team_id=user.team_id, role=User.MANAGER).exclude(pk=user.pk).first()
    for rule in TaskAutomationRule.objects.filter(owner=user) if manager is not None else ():
        with RULE.changing(rule, by=by, now=now):
            TaskAutomationRule.objects.filter(pk=rule.pk).update(owner=manager)


def _save(rule: TaskAutomationRule, now: datetime, *, before: dict[str, Any] | None = None) -> TaskAutomationRule:
    """A rule that runs is published as a version at once, so that its first firing has nothing to freeze."""
    rule.fill_in()
    errors = check(rule) or _faults_of_tried(rule, before or {})
    if errors:
        raise BadRule(errors)
    rule.parked_reason = ""
    with transaction.atomic():
        rule.save(force_update=not rule._state.adding)
        if rule.is_active:
            freeze(rule, content_hash(rule), now=now)
        transaction.on_commit(lambda: bell.ring(rule.team_id), robust=True)
    return rule


def _faults_of_tried(rule: TaskAutomationRule, before: dict[str, Any]) -> Errors:
    """What would make it another rule than the one that delays are tried on."""
    if rule.experiment_id is None:
        return {}
    was, now = _comparable(before), _comparable(content_of(rule))
    changed = next((name for name in TRIED if now.get(name) != was.get(name)), None)
    return {changed: ["Delays of this rule are tried: stop that first, then change this."]} if changed else {}


def _check_template(errors: Errors, field: str, source: str, limit: int) -> None:
    try:
        templating.check(source, limit=limit)
    except templating.TemplateError as failure:
        errors.setdefault(field, []).append(str(failure))


def _check_hours(errors: Errors, rule: TaskAutomationRule) -> None:
    for field in ("delay_hours", "reminder_offset_hours"):
        value = getattr(rule, field)
        try:
            if value is not None and field not in errors and Decimal(str(value)) > MOST_DELAY_HOURS:
                errors[field] = ["At most a year, 8,784 hours."]
        except InvalidOperation:
            errors.setdefault(field, ["Give a number of hours."])


def _check_delay(errors: Errors, rule: TaskAutomationRule) -> None:
    if {"delay_hours", "delay_kind", "delay_days", "outside_hours"} & set(errors):
        return
    if faults := delays.check(drafting.delay_of(rule)):
        errors["delay_hours" if rule.delay_days is None else "delay_days"] = faults


def _check_condition(errors: Errors, rule: TaskAutomationRule) -> None:
    try:
        conditions.check(rule.condition)
    except conditions.ConditionError as failure:
        errors.setdefault("condition", []).append(str(failure))
    if rule.settle_seconds and rule.trigger_type != TaskAutomationRule.STATUS_CHANGE:
        errors["settle_seconds"] = ["Only a change of status settles: leave it 0."]


def _fault_of_strategy(rule: TaskAutomationRule) -> str | None:
    if rule.assign in STRATEGIES:
        return None
    kind, _, number = rule.assign.partition(":")
    if kind == "user" and number.isascii() and number.isdigit() and len(number) < 19:
        if not User.objects.active().filter(pk=int(number), team_id=rule.team_id).exists():
            return f"There is no active member {number} in the team: choose somebody who is."
        if rule.scope == rule.OWN and int(number) != rule.owner_id and not rule.owner.manages:
            return "Only a manager's rule may give its tasks to somebody else by name: use best_match or owner."
        return None
    return f"Unknown way to assign {rule.assign!r}: use {', '.join(STRATEGIES)} or user:ID."


def _faults_of_skills(rule: TaskAutomationRule) -> list[str]:
    wanted = rule.required_skills
    if not isinstance(wanted, list):
        return ['Give a list, as [{"skill": "Negotiation", "level": 3}].']
    faults = []
    for entry in wanted:
        if not isinstance(entry, dict) or set(entry) - {"skill", "level"} or not isinstance(entry.get("skill"), str):
            faults.append('Each entry is {"skill": NAME, "level": 1 to 5}.')
        elif entry.get("level", 1) not in range(1, 6) or isinstance(entry.get("level", 1), bool):
            faults.append(f"The level of {entry['skill']} is a number from 1 to 5.")
    if not faults:
        faults = [f"The team has no skill {name!r}: add it first." for name in _unknown_skills(rule.team, wanted)]
    return faults


def _skills_warning(rule: TaskAutomationRule) -> str:
    levels = drafting.requirements_of(rule)
    ids = Skill.objects.filter(team_id=rule.team_id).values_list("pk", "name") if levels else ()
    return skills.warning(rule.team, {pk: levels[name.lower()] for pk, name in ids if name.lower() in levels})


def _unknown_rules(rule: TaskAutomationRule) -> list[int]:
    """Rules it waits for that the team never had; one deleted since may still have tasks to come."""
    named = set(rule.trigger_config.get("rule_ids") or [])
    if not named:
        return []
    ours = TaskAutomationRule.objects.filter(team_id=rule.team_id, pk__in=named)
    return sorted(named - set(ours.values_list("pk", flat=True)))


def _unknown_skills(team: Team, wanted: list[dict[str, Any]]) -> list[str]:
    known = {name.lower() for name in Skill.objects.filter(team=team).values_list("name", flat=True)}
    return [entry["skill"] for entry in wanted if entry["skill"].lower() not in known]
