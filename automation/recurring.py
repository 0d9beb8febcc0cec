"""Recurring series: a task template that makes a task for a contact again and again."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from assignment import dispatch
from automation.drafting import template_values
from automation.models import ScheduledTaskBatch
from crm.models import Contact
from domain import calendars, recurrence, templating
from people.models import User
from work import lifecycle
from work.models import Task

TEMPLATE_FIELDS = frozenset({"title", "description", "priority", "estimated_hours", "reminder_offset_hours"})


class BadTemplate(ValueError):
    """The task template cannot be used; the message says what to change."""


def schedule_recurring(
    contact: Contact, cadence: str, task_template: Mapping[str, Any], *, owner: User, now: datetime
) -> tuple[ScheduledTaskBatch, list[Task]]:
    """Sets the contact's cadence and makes the first task of the series, due at its first occurrence.

    Later ones come as the cadence falls due. Asking again replaces the series and makes a task all the same.
    Raises ValueError for an unknown cadence, BadTemplate.
    """
    template = checked_template(task_template)
    zone = calendars.first_zone(contact.timezone, owner.timezone, contact.team.timezone).zone
    first = recurrence.next_occurrence(cadence, after=now, zone=zone)
    with transaction.atomic():
        batch = ScheduledTaskBatch.objects.create(
            owner=owner,
            team_id=contact.team_id,
            name=f"{dict(Contact.CADENCES)[cadence]} task for {contact.name}"[:200],
            kind=ScheduledTaskBatch.RECURRING,
            contact=contact,
            task_template=template,
            created_at=now,
        )
        task = _make(batch, template, first, key=f"{first:%Y%m%dT%H%M}", now=now)
        Contact.objects.filter(pk=contact.pk).update(contact_cadence=cadence, next_touch_at=first)
        contact.contact_cadence, contact.next_touch_at = cadence, first
    return batch, [task]


def next_of_series(batch: ScheduledTaskBatch, due: datetime, *, now: datetime) -> Task | None:
    """The series' task for an occurrence; None when there is one already."""
    key = f"{due:%Y%m%dT%H%M}"
    if Task.objects.filter(origin_key=_origin(batch, key)).exists():
        return None
    return _make(batch, batch.task_template, due, key=key, now=now)


def checked_template(template: Mapping[str, Any]) -> dict[str, Any]:
    """A task template as it is kept. Raises BadTemplate."""
    unknown = set(template) - TEMPLATE_FIELDS
    if unknown:
        known = ", ".join(sorted(TEMPLATE_FIELDS))
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


def _make(
    batch: ScheduledTaskBatch,
    template: Mapping[str, Any],
    due: datetime,
    *,
    key: str,
    now: datetime,
) -> Task:
    assert batch.contact is not None  # every batch made here is for a contact
    values = template_values(batch.contact, None)
    title = templating.render_title(template["title"], values, fallback=batch.name)
    task = lifecycle.create(
        batch.contact.team,
        title=title,
        description=templating.render(str(template.get("description") or ""), values),
        priority=template.get("priority", Task.MEDIUM),
        due_date=due,
        reminder_offset_hours=_hours(template.get("reminder_offset_hours")),
        estimated_hours=_hours(template.get("estimated_hours")),
        contact=batch.contact,
        owner=batch.owner,
        group_key=batch.group_key,
        origin_key=_origin(batch, key),
        now=now,
    )
    reasons = {"sentence": f"{batch.owner.display_name} scheduled it: {batch.name}."}
    dispatch.assign(task, batch.owner, by=batch.owner, now=now, method=dispatch.OWNER, reasons=reasons)
    return task


def _hours(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _origin(batch: ScheduledTaskBatch, key: str) -> str:
    return f"{batch.group_key}:{key}"
