"""Follow-up sequences: groups of tasks that a person schedules for a contact."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from assignment import dispatch
from automation.drafting import template_values
from automation.models import ScheduledTaskBatch
from crm.models import Contact
from domain import sequencing, templating
from people.models import User
from work import lifecycle
from work.models import Task

STEP_TITLES = {
    "standard": "Follow up with {{contact_name}}",
    "aggressive": "Follow up with {{contact_name}}",
    "gentle": "Check in with {{contact_name}}",
}
STEP_PRIORITIES = {"standard": Task.MEDIUM, "aggressive": Task.HIGH, "gentle": Task.LOW}


class AlreadyEnrolled(Exception):
    """The contact is in this sequence; `batch` names the group of tasks that is still open."""

    def __init__(self, batch: ScheduledTaskBatch) -> None:
        super().__init__(f"The contact is in this sequence already, as batch {batch.pk}: finish or cancel its tasks.")
        self.batch = batch


def enrol(
    contact: Contact,
    sequence_type: str,
    *,
    owner: User,
    now: datetime,
    start_delay_hours: Decimal | int | float = 0,
) -> tuple[ScheduledTaskBatch, list[Task]]:
    """Creates the sequence's tasks at once, days counted from now, all of them the owner's.

    Raises AlreadyEnrolled while the same sequence has open tasks for the contact, UnknownSequence, ValueError.
    """
    dates = sequencing.sequence_due_dates(sequence_type, start=now, start_delay_hours=start_delay_hours)
    key = f"sequence:{sequence_type}:{contact.pk}"
    try:
        with transaction.atomic():
            _let_go_if_finished(key)
            batch = ScheduledTaskBatch.objects.create(
                owner=owner,
                team_id=contact.team_id,
                name=f"{sequence_type.capitalize()} follow-up with {contact.name}"[:200],
                kind=ScheduledTaskBatch.SEQUENCE,
                contact=contact,
                active_key=key,
                created_at=now,
            )
            template = {"title": STEP_TITLES[sequence_type], "priority": STEP_PRIORITIES[sequence_type]}
            tasks = [
                _make(batch, template, due, number=f"{step} of {len(dates)}", key=str(step), now=now)
                for step, due in enumerate(dates, start=1)
            ]
    except IntegrityError:
        holder = ScheduledTaskBatch.objects.filter(active_key=key).first()
        if holder is None:
            raise
        raise AlreadyEnrolled(holder) from None
    return batch, tasks


def _make(
    batch: ScheduledTaskBatch,
    template: Mapping[str, Any],
    due: datetime,
    *,
    key: str,
    now: datetime,
    number: str = "",
) -> Task:
    assert batch.contact is not None  # every batch made here is for a contact
    values = template_values(batch.contact, None)
    title = templating.render_title(template["title"], values, fallback=batch.name)
    task = lifecycle.create(
        batch.contact.team,
        title=f"{title} ({number})"[:255] if number else title,
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


def _let_go_if_finished(key: str) -> None:
    """A sequence whose tasks are all finished no longer keeps the contact from the same one again."""
    for batch in ScheduledTaskBatch.objects.select_for_update().filter(active_key=key):
        if not batch.tasks.open().exists():  # type: ignore[attr-defined]
            ScheduledTaskBatch.objects.filter(pk=batch.pk).update(active_key=None)
