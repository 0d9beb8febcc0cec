"""Campaigns: steps of several channels, written as rows, checked, and read as the outline that contacts go by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from automation.audited import CAMPAIGN
from automation.models import AutomationStep, Campaign
from automation.programmes import BadProgramme, Outline, exits, pausing, steps
from automation.programmes.steps import Errors, Step
from domain import delays, templating
from domain.delays import Delay
from people.models import Skill, Team, User

CHANNELS: dict[str, Callable[[Team], bool]] = {}
"""By kind of step (`email`, `sms`), whether a team can send through it. Whoever can send registers here."""

NAMES = {AutomationStep.EMAIL: "E-mail", AutomationStep.SMS: "SMS"}
EDITABLE = frozenset({"name", "description", "is_active", "exits", "reenrol"})
STEP_FIELDS = ("message_type", "name", "body", "delay_days", "order", "condition", "priority", "settings")
SETTINGS = frozenset(
    {"wait_for_previous", "assign", "required_skills", "estimated_hours", "reminder_offset_hours", "due_within_hours"}
)


def is_configured(channel: str, team: Team) -> bool:
    """Whether the team can send through this channel."""
    known = CHANNELS.get(channel)
    return known is not None and known(team)


def cannot_send(channel: str, team: Team) -> str:
    """Why a step of this channel cannot be done; said when it is saved, and by one that was saved past the checks."""
    name = NAMES.get(channel, channel)
    if not is_configured(channel, team):
        return f"{name} is not set up for this team, so nothing can be sent: use a task that asks somebody to write."
    return f"{name} cannot be sent by steps yet: use a task that asks somebody to write."


def outline(campaign: Campaign) -> Outline:
    """The steps as the rows stand now. A wait is no step of its own: what follows it comes that much later.

    A step whose channel is missing stays in, and fails with its reason when its time comes. Raises BadProgramme.
    """
    rows = list(campaign.steps.all())
    errors = {
        name: texts
        for place, row in enumerate(rows)
        for name, texts in check_step(row, place, campaign.team, campaign.owner, sending=False).items()
    }
    found = [] if errors else acting(rows)
    if not errors and not found:
        errors = {"steps": ["Nothing is to be done: add a step that is no wait."]}
    if errors:
        raise BadProgramme(errors)
    return Outline(steps=tuple(found))


def acting(rows: Iterable[AutomationStep]) -> list[Step]:
    """The steps of sound rows that do something; what waits went before is in their delays."""
    found: list[Step] = []
    waited = Decimal(0)
    for row in rows:
        if row.message_type == AutomationStep.WAIT:
            waited += Decimal(row.delay_days)
            continue
        found.append(_step(row, waited + Decimal(row.delay_days)))
        waited = Decimal(0)
    # The first has none before it to wait for.
    return [replace(step, wait_for_previous=step.wait_for_previous and place > 0) for place, step in enumerate(found)]


def _step(row: AutomationStep, days: Decimal) -> Step:
    more = {name: value for name, value in row.settings.items() if name in SETTINGS}
    raw = {
        **more,
        "key": f"step-{row.pk}",
        "channel": row.message_type,
        "title": row.name or NAMES.get(row.message_type, "Step"),
        "description": row.body,
        "priority": row.priority,
        "delay": delays.as_dict(_delay(days)),
        "from_previous": True,
        "condition": row.condition,
    }
    return steps.read(raw)


def _delay(days: Decimal) -> Delay:
    """Whole days keep the time of day on the contact's clock; parts of a day are elapsed hours."""
    if days == days.to_integral_value():
        return Delay("calendar", days=int(days), outside="as_is")
    return Delay(hours=days * 24)


def check_step(row: AutomationStep, place: int, team: Team, owner: User, *, sending: bool = True) -> Errors:
    """What is wrong with a step, by pointer; with `sending` also that its channel is not set up."""
    faults: dict[str, str | None] = {
        "name": _name_fault(row),
        "body": steps.template_fault(row.body, limit=templating.DESCRIPTION_LIMIT),
        "condition": _condition_fault(row),
        "priority": steps.priority_fault(row.priority),
        "delay_days": _days_fault(row.delay_days),
    }
    if row.message_type not in dict(AutomationStep.MESSAGE_TYPES):
        faults["message_type"] = f"Unknown type {row.message_type!r}: use {', '.join(dict(row.MESSAGE_TYPES))}."
    elif sending and row.message_type in NAMES and not is_configured(row.message_type, team):
        faults["message_type"] = cannot_send(row.message_type, team)
    faults |= _settings_faults(row.settings, team, owner)
    return {f"steps/{place}/{name}": [fault] for name, fault in faults.items() if fault}


def _name_fault(row: AutomationStep) -> str | None:
    needed = row.message_type == AutomationStep.TASK
    if needed and not str(row.name or "").strip():
        return "A task step needs a name: it is the title of the task."
    return steps.template_fault(row.name)


def _condition_fault(row: AutomationStep) -> str | None:
    if row.condition and row.message_type == AutomationStep.WAIT:
        return "A wait has no condition: put it on the step after it."
    return steps.condition_fault(row.condition)


def _days_fault(value: Any) -> str | None:
    try:
        days = Decimal(str(value))
    except ArithmeticError:
        return "Give a number of days."
    return None if days.is_finite() and 0 <= days <= delays.MAX_DAYS else "Give 0 to 3650 days."


def _settings_faults(settings: Any, team: Team, owner: User) -> dict[str, str | None]:
    if not isinstance(settings, Mapping):
        return {"settings": "Give an object, such as {}."}
    if unknown := sorted(map(str, set(settings) - SETTINGS)):
        return {"settings": f"Unknown {', '.join(unknown)}: use {', '.join(sorted(SETTINGS))}."}
    known = Skill.objects.filter(team=team) if settings.get("required_skills") else Skill.objects.none()
    skills = {name.lower() for name in known.values_list("name", flat=True)}
    hours = ("estimated_hours", "reminder_offset_hours", "due_within_hours")
    return {
        "settings/wait_for_previous": steps.waits_fault(settings.get("wait_for_previous")),
        "settings/assign": steps.assign_fault(settings.get("assign") or "owner", team=team, owner=owner),
        "settings/required_skills": steps.skills_fault(settings.get("required_skills"), skills),
        **{f"settings/{name}": steps.hours_fault(settings.get(name)) for name in hours},
    }


def clean_step(row: AutomationStep) -> None:
    """Raises ValidationError with what `check_step` finds, by field: for forms."""
    found = check_step(row, 0, row.campaign.team, row.campaign.owner)
    by_field: Errors = {}
    for pointer, texts in found.items():
        by_field.setdefault(pointer.split("/")[2], []).extend(texts)
    if by_field:
        raise ValidationError(by_field)


def create(owner: User, *, by: User | None = None, rows: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Campaign:
    """A new campaign with its steps. Raises BadProgramme."""
    campaign = Campaign(owner=owner, team=owner.team, **fields)
    with CAMPAIGN.changing(campaign, by=by, now=campaign.created_at):
        return _save(campaign, rows)


def update(
    campaign: Campaign,
    *,
    by: User | None = None,
    now: datetime,
    rows: Sequence[Mapping[str, Any]] | None = None,
    **fields: Any,
) -> Campaign:
    """Changes a campaign; steps given replace those there were, and one with an `id` stays the same step.

    Those under way finish on the steps they started with. Raises BadProgramme.
    """
    switched_on = fields.get("is_active") and not campaign.is_active
    for name, value in fields.items():
        if name not in EDITABLE:
            raise BadProgramme({name: ["This cannot be changed."]})
        setattr(campaign, name, value)
    with CAMPAIGN.changing(campaign, by=by, now=now):
        saved = _save(campaign, rows)
    if switched_on:
        pausing.switched_on(saved, now=now)
    return saved


def copy(campaign: Campaign, *, owner: User, name: str = "") -> Campaign:
    """A campaign of the owner's with the same steps, to be changed. Raises BadProgramme."""
    return create(
        owner,
        by=owner,
        name=(name or f"Copy of {campaign.name}")[:120],
        description=campaign.description,
        exits=campaign.exits,
        reenrol=campaign.reenrol,
        rows=[{field: getattr(step, field) for field in STEP_FIELDS} for step in campaign.steps.all()],
    )


def _save(campaign: Campaign, rows: Sequence[Mapping[str, Any]] | None) -> Campaign:
    errors: Errors = {}
    try:
        campaign.clean_fields()
    except ValidationError as failure:
        errors |= failure.message_dict
    if faults := exits.check(campaign.exits):
        errors["exits"] = faults
    with transaction.atomic():
        if rows is not None:
            errors |= _check_rows(campaign, rows)
        if errors:
            raise BadProgramme(errors)
        campaign.save()
        if rows is not None:
            _replace(campaign, rows)
    return campaign


def _check_rows(campaign: Campaign, rows: Sequence[Mapping[str, Any]]) -> Errors:
    if len(rows) > steps.MOST:
        return {"steps": [f"At most {steps.MOST} steps."]}
    own = set(campaign.steps.values_list("pk", flat=True)) if campaign.pk else set()
    errors: Errors = {}
    ids = [raw["id"] for raw in rows if raw.get("id")]
    for place, raw in enumerate(rows):
        if raw.get("id") and (raw["id"] not in own or ids.count(raw["id"]) > 1):
            errors[f"steps/{place}/id"] = ["There is no such step in this campaign: leave id out for a new one."]
        step = AutomationStep(**{name: raw[name] for name in STEP_FIELDS if name in raw})
        errors |= check_step(step, place, campaign.team, campaign.owner)
    return errors


def _replace(campaign: Campaign, rows: Sequence[Mapping[str, Any]]) -> None:
    kept = [raw["id"] for raw in rows if raw.get("id")]
    campaign.steps.exclude(pk__in=kept).delete()
    for place, raw in enumerate(rows, start=1):
        fields = {"order": place} | {name: raw[name] for name in STEP_FIELDS if name in raw}
        AutomationStep(pk=raw.get("id"), campaign=campaign, **fields).save()
