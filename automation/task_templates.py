"""Task templates as a series keeps them: checked when they are given, so that making a task never fails by them."""

import reprlib
from collections.abc import Mapping
from typing import Any

from automation import arguments
from crm import intake
from domain import templating
from work.models import Task

HOURS = ("estimated_hours", "reminder_offset_hours")
MOST_HOURS = 8_784
FIELDS = frozenset({"title", "description", "priority", *HOURS})


class BadTemplate(ValueError):
    """The task template cannot be used; the message says what to change."""


def checked_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """A task template as it is kept. Raises BadTemplate."""
    if not isinstance(template, Mapping):
        raise BadTemplate(f'task_template is {reprlib.repr(template)}: give a mapping such as {{"title": "Check in"}}.')
    unknown = sorted(str(name) for name in template if name not in FIELDS)
    if unknown:
        known = ", ".join(sorted(FIELDS))
        raise BadTemplate(f"Unknown field {', '.join(unknown)} in the task template: use {known}.")
    title, description = template.get("title"), template.get("description")
    if not isinstance(title, str) or not title.strip():
        raise BadTemplate("The task template needs a title, which is text.")
    if not isinstance(description, str | None):
        raise BadTemplate(f"description is {reprlib.repr(description)} in the task template: give text.")
    for source, limit in ((title, templating.TITLE_LIMIT), (description or "", templating.DESCRIPTION_LIMIT)):
        _check_text(source, limit)
    priority = template.get("priority", Task.MEDIUM)
    if not isinstance(priority, str) or priority not in dict(Task.PRIORITIES):
        raise BadTemplate(f"Unknown priority {reprlib.repr(priority)}: use {', '.join(dict(Task.PRIORITIES))}.")
    hours = {name: _hours(name, template[name]) for name in HOURS if template.get(name) is not None}
    return {**template, "priority": priority, **hours}


def _check_text(source: str, limit: int) -> None:
    try:
        templating.check(source, limit=limit)
    except templating.TemplateError as failure:
        raise BadTemplate(str(failure)) from failure
    if not intake.can_be_kept(source):
        raise BadTemplate("The task template holds a NUL or half a character, which cannot be kept: leave that out.")


def _hours(name: str, value: Any) -> float:
    """As JSON keeps them, to two places as columns do."""
    try:
        return float(arguments.hours(name, value, least=arguments.CENT, most=MOST_HOURS))
    except arguments.BadArgument as failure:
        raise BadTemplate(str(failure)) from failure
