"""What an entry of the file may hold: the fields of rules, sequences, campaigns and steps, in the order of the file.

One normal form serves both ways: defaults left out, numbers without idle zeros, line ends of one kind. Rows and file
say the same when their normal forms are equal.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from automation.exchange import readers
from automation.models import AutomationStep, Sequence, TaskAutomationRule
from automation.programmes import steps
from automation.triggers import KINDS
from domain import templating
from work.models import Task

RULE, SEQUENCE, CAMPAIGN = "rule", "sequence", "campaign"
SECTIONS = {"rules": RULE, "sequences": SEQUENCE, "campaigns": CAMPAIGN}
"""The lists of a document, in their order, and what each holds."""

IDENTITY = ("name", "owner", "scope")
"""What makes it this one; all else is its content."""

MOST_STEPS = steps.MOST
GENERATED_KEY = re.compile(r"[0-9a-f]{8}")
"""Keys that were made for steps; they are made anew, so they stay out of the file."""


@dataclass(frozen=True)
class Field:
    """Reads a value into its normal form, or raises readers.Unfit. A value equal to `default` is not written."""

    read: Callable[[Any], Any]
    default: Any = None


_PRIORITY = Field(readers.one_of(*dict(Task.PRIORITIES)), "medium")
_CONDITION = Field(readers.text(4000), "")
_ASSIGN = Field(readers.text(200), "owner")
_HOURS = Field(readers.decimal)
_LIMIT = Field(readers.whole(1, readers.MOST_COUNT))

RULE_FIELDS: dict[str, Field] = {
    "name": Field(readers.exact(120)),
    "owner": Field(readers.exact(150)),
    "scope": Field(readers.one_of(*dict(TaskAutomationRule.SCOPES))),
    "trigger_type": Field(readers.one_of(*KINDS)),
    "trigger_config": Field(lambda value: value, {}),
    "condition": _CONDITION,
    "settle_seconds": Field(readers.whole(0, 7 * 86_400), 0),
    "task_title_template": Field(readers.text(1000)),
    "task_description_template": Field(readers.text(readers.MOST_TEXT), ""),
    "task_priority": _PRIORITY,
    "priority_from_score": Field(readers.yes_no, False),
    "delay": Field(readers.delay, {}),
    "best_time_within_hours": Field(readers.whole(1, 336)),
    "reminder_offset_hours": _HOURS,
    "repeat_policy": Field(readers.one_of(*dict(TaskAutomationRule.REPEATS)), "once_while_open"),
    "repeat_window_hours": Field(readers.whole(1, 87_600), 24),
    "assign": _ASSIGN,
    "required_skills": Field(readers.skills, []),
    "estimated_hours": _HOURS,
    "max_event_age_hours": Field(readers.whole(1, 8760), 72),
    "fires_on_imports": Field(readers.yes_no, False),
    "fires_on_machines": Field(readers.yes_no, False),
    "limit_per_hour": _LIMIT,
    "limit_owner_day": _LIMIT,
    "limit_contact_day": _LIMIT,
    "overflow": Field(readers.one_of(*dict(TaskAutomationRule.OVERFLOWS)), "delay"),
    "burst": Field(readers.whole(0, readers.MOST_COUNT), 100),
}
SETTINGS_FIELDS: dict[str, Field] = {
    "wait_for_previous": Field(readers.yes_no, False),
    "assign": _ASSIGN,
    "required_skills": Field(readers.skills, []),
    "estimated_hours": _HOURS,
    "reminder_offset_hours": _HOURS,
    "due_within_hours": Field(readers.decimal, steps.DUE_WITHIN),
}
STEP_FIELDS: dict[str, Field] = {
    "key": Field(readers.text(40)),
    "title": Field(readers.text(templating.TITLE_LIMIT)),
    "description": Field(readers.text(readers.MOST_TEXT), ""),
    "priority": _PRIORITY,
    "delay": Field(readers.delay, {}),
    "condition": _CONDITION,
    **SETTINGS_FIELDS,
}
CAMPAIGN_STEP_FIELDS: dict[str, Field] = {
    "message_type": Field(readers.one_of(*dict(AutomationStep.MESSAGE_TYPES)), "task"),
    "name": Field(readers.text(255), ""),
    "body": Field(readers.text(readers.MOST_TEXT), ""),
    "delay_days": Field(readers.decimal, Decimal(0)),
    "condition": _CONDITION,
    "priority": _PRIORITY,
    "settings": Field(lambda value: _sound(value, SETTINGS_FIELDS), {}),
}
_PROGRAMME_FIELDS: dict[str, Field] = {
    "name": Field(readers.exact(120)),
    "owner": Field(readers.exact(150)),
    "description": Field(readers.text(readers.MOST_TEXT), ""),
    "reenrol": Field(readers.one_of(*dict(Sequence.REENROL)), "refuse"),
    "exits": Field(readers.exits_of, {}),
}
SEQUENCE_FIELDS: dict[str, Field] = {
    **_PROGRAMME_FIELDS,
    "slip": Field(readers.one_of(*dict(Sequence.SLIPS)), "anchor"),
    "pacing": Field(readers.one_of(*dict(Sequence.PACINGS)), "one_by_one"),
    "steps": Field(lambda value: _steps(value, STEP_FIELDS), []),
}
CAMPAIGN_FIELDS: dict[str, Field] = {
    **_PROGRAMME_FIELDS,
    "steps": Field(lambda value: _steps(value, CAMPAIGN_STEP_FIELDS), []),
}
FIELDS = {RULE: RULE_FIELDS, SEQUENCE: SEQUENCE_FIELDS, CAMPAIGN: CAMPAIGN_FIELDS}
NEEDED = {
    RULE: ("name", "trigger_type", "task_title_template"),
    SEQUENCE: ("name", "steps"),
    CAMPAIGN: ("name",),
}


def normal(kind: str, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[readers.Fault]]:
    """The entry in its normal form, and what is wrong with it by place. Only without faults is the form whole."""
    read, faults = _read({name: value for name, value in raw.items() if name != "is_active"}, FIELDS[kind])
    if kind == RULE and "trigger_config" in read:
        try:
            config = readers.trigger_config(read.get("trigger_type"), read.pop("trigger_config"))
        except readers.Unfit as wrong:
            faults += _within(wrong, "trigger_config")
        else:
            read = _ordered(read | ({"trigger_config": config} if config else {}), RULE_FIELDS)
    at_fault = {place[0] for place, _ in faults}
    faults += [
        ((name,), "It is needed: give it.") for name in NEEDED[kind] if not read.get(name) and name not in at_fault
    ]
    return read, faults


def content(kind: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What it says beside its identity, every field with its value or default."""
    return {name: entry.get(name, field.default) for name, field in FIELDS[kind].items() if name not in IDENTITY}


def _read(raw: Mapping[str, Any], fields: Mapping[str, Field]) -> tuple[dict[str, Any], list[readers.Fault]]:
    found: dict[str, Any] = {}
    faults: list[readers.Fault] = [((name,), _unknown(name, fields)) for name in sorted(set(raw) - set(fields))]
    for name, field in fields.items():
        if raw.get(name) is None:
            continue
        try:
            value = field.read(raw[name])
        except readers.Unfit as wrong:
            faults += _within(wrong, name)
        else:
            if value != field.default:
                found[name] = value
    return found, faults


def _unknown(name: str, fields: Mapping[str, Field]) -> str:
    near = get_close_matches(name, list(fields), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(fields)}."
    return f"There is no field {name[:60]!r} here: {hint}"


def _within(wrong: readers.Unfit, name: str | int) -> list[readers.Fault]:
    return [((name, *place), message) for place, message in wrong.faults]


def _sound(value: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise readers.unfit(f"Give a map with {', '.join(fields)}.")
    found, faults = _read(value, fields)
    if faults:
        raise readers.Unfit(*faults)
    return found


def _steps(value: Any, fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MOST_STEPS:
        raise readers.unfit(f"Give a list of at most {MOST_STEPS} steps.")
    found: list[dict[str, Any]] = []
    faults: list[readers.Fault] = []
    for place, step in enumerate(value):
        try:
            found.append(_sound(step, fields))
        except readers.Unfit as wrong:
            faults += _within(wrong, place)
    if faults:
        raise readers.Unfit(*faults)
    return found


def _ordered(entry: dict[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    return {name: entry[name] for name in fields if name in entry}
