"""Task templates as a series keeps them: checked when they are given, so that making a task never fails by them."""

from collections.abc import Mapping
from typing import Any

from domain import templating
from work.models import Task

FIELDS = frozenset({"title", "description", "priority", "estimated_hours", "reminder_offset_hours"})


class BadTemplate(ValueError):
    """The task template cannot be used; the message says what to change."""


def checked_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """A task template as it is kept. Raises BadTemplate."""
    unknown = set(template) - FIELDS
    if unknown:
        known = ", ".join(sorted(FIELDS))
        raise BadTemplate(f"Unknown field {', '.join(sorted(unknown))} in the task template: use {known}.")
    title = template.get("title")
    if not isinstance(title, str) or not title.strip():
        raise BadTemplate("The task template needs a title.")
    try:
        templating.check(title)
        templating.check(str(template.get("description") or ""), limit=templating.DESCRIPTION_LIMIT)
    except templating.TemplateError as failure:
        raise BadTemplate(str(failure)) from failure
    priority = template.get("priority", Task.MEDIUM)
    if priority not in dict(Task.PRIORITIES):
        raise BadTemplate(f"Unknown priority {priority!r}: use {', '.join(dict(Task.PRIORITIES))}.")
    for name in ("estimated_hours", "reminder_offset_hours"):
        value = template.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
            raise BadTemplate(f"{name} is a number of hours above 0.")
    return {**template, "priority": priority}
