"""What an entry of the file may hold: the fields of rules, sequences, campaigns and steps, in the order of the file.

One normal form serves both ways: defaults left out, numbers without idle zeros, line ends of one kind. Rows and file
say the same when their normal forms are equal.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from automation import exits, steps
from automation.models import AutomationStep, Sequence, TaskAutomationRule
from automation.triggers import KINDS
from domain import delays, templating
from work.models import Task

RULE, SEQUENCE, CAMPAIGN = "rule", "sequence", "campaign"
SECTIONS = {"rules": RULE, "sequences": SEQUENCE, "campaigns": CAMPAIGN}
"""The lists of a document, in their order, and what each holds."""

IDENTITY = ("name", "owner", "scope")
"""What makes it this one; all else is its content."""

MOST_TEXT = 20_000
MOST_COUNT = 1_000_000
MOST_STEPS = steps.MOST
GENERATED_KEY = re.compile(r"[0-9a-f]{8}")
"""Keys that were made for steps; they are made anew, so they stay out of the file."""


Fault = tuple[tuple[str | int, ...], str]
"""Where in a value something is wrong, and what to do."""


class Unfit(ValueError):
    """A value that its field cannot take, with what is wrong by its place in the value."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = list(faults)


def unfit(message: str, *place: str | int) -> Unfit:
    return Unfit((place, message))


@dataclass(frozen=True)
class Field:
    """Reads a value into its normal form, or raises Unfit. A value equal to `default` is not written."""

    read: Callable[[Any], Any]
    default: Any = None


def text(most: int = MOST_TEXT) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise unfit(f"Give a text: put {str(value)[:40]} in quotes if it is one.")
        lines = value.replace("\r\n", "\n").replace("\r", "\n")
        if len(lines) > most:
            raise unfit(f"It has {len(lines):,} characters and may have {most:,}: shorten it.")
        return lines

    return read


def one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise unfit(f"Unknown {str(value)[:40]!r}: use {', '.join(words)}.")
        return str(value)

    return read


def whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, Decimal) and value == value.to_integral_value():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise unfit(f"Give a whole number from {least:,} to {most:,}.")
        return value

    return read


def decimal(value: Any) -> Decimal:
    """A number of hours or days; which are allowed is for the domain to say."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -MOST_COUNT <= value <= MOST_COUNT:
        raise unfit("Give a number, such as 4 or 1.5.")
    return Decimal(value).normalize() + 0  # no minus before a zero


def hours(value: Any) -> Any:
    """A number of hours that JSON keeps as a text or a float; anything else as it is."""
    if value == "" or isinstance(value, bool) or not isinstance(value, str | int | float):
        return value if value != "" else None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return value
    return number if number.is_finite() else str(value)


def yes_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise unfit("Give true or false.")
    return value


def delay(value: Any) -> dict[str, Any]:
    """As a map without what is usual: {} is at once."""
    if not isinstance(value, Mapping):
        raise unfit("Give a map, such as {kind: business, days: 2}.")
    try:
        read = delays.from_dict({name: str(one) if isinstance(one, Decimal) else one for name, one in value.items()})
    except ValueError as failure:
        raise unfit(str(failure)) from None
    kept = delays.as_dict(read)
    if kept["kind"] == "elapsed":
        del kept["kind"]
    if "hours" in kept:
        kept["hours"] = decimal(Decimal(kept["hours"]))
    return kept


def skills(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise unfit("Give a list, such as [{skill: Negotiation, level: 3}].")
    found = []
    for place, need in enumerate(value):
        if not isinstance(need, Mapping) or set(need) - {"skill", "level"} or not isinstance(need.get("skill"), str):
            raise unfit("Each skill is a map such as {skill: Negotiation, level: 3}.", place)
        level = whole(1, 5)(need.get("level", 1))
        found.append({"skill": need["skill"]} | ({"level": level} if level != 1 else {}))
    return found


def exits_of(value: Any) -> dict[str, Any]:
    """What differs from the usual exits, in their order."""
    if faults := exits.check(value):
        raise unfit(" ".join(faults))
    return {name: value[name] for name in exits.DEFAULTS if name in value and value[name] != exits.DEFAULTS[name]}


def plain(value: Any) -> Any:
    """Settings of a trigger at any depth: names sorted, numbers in their shortest form."""
    if isinstance(value, Mapping):
        return {str(name): plain(value[name]) for name in sorted(value, key=str)}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and not value.is_finite():
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    return value


def trigger_config(kind: Any, value: Any) -> dict[str, Any]:
    """In the order of the trigger's own settings, without those left at what they are anyway."""
    if not isinstance(value, Mapping):
        raise unfit("Give a map of the trigger's settings.")
    if "rule_ids" in value:
        raise unfit("Name the rules, as rules: [Call back]: numbers differ from one installation to the next.")
    known = KINDS[kind].Config.model_fields if isinstance(kind, str) and kind in KINDS else {}
    order = ["rules", *known, *sorted(set(value) - set(known) - {"rules"})]
    given = {name: plain(value[name]) for name in order if name in value}
    usual = {name: one.default for name, one in known.items()}
    return {name: one for name, one in given.items() if one not in (None, "", []) and one != usual.get(name)}


_PRIORITY = Field(one_of(*dict(Task.PRIORITIES)), "medium")
_CONDITION = Field(text(4000), "")
_ASSIGN = Field(text(200), "owner")
_HOURS = Field(decimal)
_LIMIT = Field(whole(1, MOST_COUNT))

RULE_FIELDS: dict[str, Field] = {
    "name": Field(text(120)),
    "owner": Field(text(150)),
    "scope": Field(one_of(*dict(TaskAutomationRule.SCOPES))),
    "trigger_type": Field(one_of(*KINDS)),
    "trigger_config": Field(lambda value: value, {}),
    "condition": _CONDITION,
    "settle_seconds": Field(whole(0, 7 * 86_400), 0),
    "task_title_template": Field(text(1000)),
    "task_description_template": Field(text(MOST_TEXT), ""),
    "task_priority": _PRIORITY,
    "delay": Field(delay, {}),
    "reminder_offset_hours": _HOURS,
    "repeat_policy": Field(one_of(*dict(TaskAutomationRule.REPEATS)), "once_while_open"),
    "repeat_window_hours": Field(whole(1, 87_600), 24),
    "assign": _ASSIGN,
    "required_skills": Field(skills, []),
    "estimated_hours": _HOURS,
    "max_event_age_hours": Field(whole(1, 8760), 72),
    "fires_on_imports": Field(yes_no, False),
    "fires_on_machines": Field(yes_no, False),
    "limit_per_hour": _LIMIT,
    "limit_owner_day": _LIMIT,
    "limit_contact_day": _LIMIT,
    "overflow": Field(one_of(*dict(TaskAutomationRule.OVERFLOWS)), "delay"),
    "burst": Field(whole(0, MOST_COUNT), 100),
}
SETTINGS_FIELDS: dict[str, Field] = {
    "wait_for_previous": Field(yes_no, False),
    "assign": _ASSIGN,
    "required_skills": Field(skills, []),
    "estimated_hours": _HOURS,
    "reminder_offset_hours": _HOURS,
    "due_within_hours": Field(decimal, steps.DUE_WITHIN),
}
STEP_FIELDS: dict[str, Field] = {
    "key": Field(text(40)),
    "title": Field(text(templating.TITLE_LIMIT)),
    "description": Field(text(MOST_TEXT), ""),
    "priority": _PRIORITY,
    "delay": Field(delay, {}),
    "condition": _CONDITION,
    **SETTINGS_FIELDS,
}
CAMPAIGN_STEP_FIELDS: dict[str, Field] = {
    "message_type": Field(one_of(*dict(AutomationStep.MESSAGE_TYPES)), "task"),
    "name": Field(text(255), ""),
    "body": Field(text(MOST_TEXT), ""),
    "delay_days": Field(decimal, Decimal(0)),
    "condition": _CONDITION,
    "priority": _PRIORITY,
    "settings": Field(lambda value: _sound(value, SETTINGS_FIELDS), {}),
}
_PROGRAMME_FIELDS: dict[str, Field] = {
    "name": Field(text(120)),
    "owner": Field(text(150)),
    "description": Field(text(MOST_TEXT), ""),
    "reenrol": Field(one_of(*dict(Sequence.REENROL)), "refuse"),
    "exits": Field(exits_of, {}),
}
SEQUENCE_FIELDS: dict[str, Field] = {
    **_PROGRAMME_FIELDS,
    "slip": Field(one_of(*dict(Sequence.SLIPS)), "anchor"),
    "pacing": Field(one_of(*dict(Sequence.PACINGS)), "one_by_one"),
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


def normal(kind: str, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The entry in its normal form, and what is wrong with it by place. Only without faults is the form whole."""
    read, faults = _read({name: value for name, value in raw.items() if name != "is_active"}, FIELDS[kind])
    if kind == RULE and "trigger_config" in read:
        try:
            config = trigger_config(read.get("trigger_type"), read.pop("trigger_config"))
        except Unfit as wrong:
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


def _read(raw: Mapping[str, Any], fields: Mapping[str, Field]) -> tuple[dict[str, Any], list[Fault]]:
    found: dict[str, Any] = {}
    known = ", ".join(fields)
    faults: list[Fault] = [
        ((name,), f"There is no field {name!r} here: use {known}.") for name in sorted(set(raw) - set(fields))
    ]
    for name, field in fields.items():
        if raw.get(name) is None:
            continue
        try:
            value = field.read(raw[name])
        except Unfit as wrong:
            faults += _within(wrong, name)
        else:
            if value != field.default:
                found[name] = value
    return found, faults


def _within(wrong: Unfit, name: str | int) -> list[Fault]:
    return [((name, *place), message) for place, message in wrong.faults]


def _sound(value: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise unfit(f"Give a map with {', '.join(fields)}.")
    found, faults = _read(value, fields)
    if faults:
        raise Unfit(*faults)
    return found


def _steps(value: Any, fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MOST_STEPS:
        raise unfit(f"Give a list of at most {MOST_STEPS} steps.")
    found: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for place, step in enumerate(value):
        try:
            found.append(_sound(step, fields))
        except Unfit as wrong:
            faults += _within(wrong, place)
    if faults:
        raise Unfit(*faults)
    return found


def _ordered(entry: dict[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    return {name: entry[name] for name in fields if name in entry}
