"""A task is late by a number of hours, or a contact's follow-up was missed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from automation import events
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past, in_order, standing
from crm.models import Contact
from domain import calendars
from work.models import Task

KIND = TaskAutomationRule.OVERDUE
LABEL = "A task or follow-up is overdue"
TASK, FOLLOW_UP = "task", "follow_up"
FOLLOW_UP_HOUR = 9


class Config(configs.Config):
    what: Literal["task", "follow_up"] = "task"
    after_hours: Annotated[int | float, Field(ge=0, le=8760)] = 0

    @model_validator(mode="after")
    def _of_tasks(self) -> "Config":
        if self.what == FOLLOW_UP and self.after_hours:
            raise ValueError("after_hours is for tasks: a missed follow-up counts from the next local 09:00")
        return self


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, config)


def after(config: dict[str, Any]) -> timedelta:
    return timedelta(hours=float(config.get("after_hours") or 0))


def sentence(config: dict[str, Any]) -> str:
    if config.get("what") == FOLLOW_UP:
        return "a contact's follow-up was missed"
    hours = config.get("after_hours") or 0
    return f"a task is {hours:g} h overdue" if hours else "a task is overdue"


def matches(config: dict[str, Any], event: Event) -> bool:
    if event.kind != KIND:
        return False
    if config.get("what") == FOLLOW_UP:
        return event.task is None
    due = event.task.due_date if event.task is not None else None
    return due is not None and abs(event.occurred_at - due - after(config)) < timedelta(seconds=1)


def of_task(task: Task, late_by: timedelta) -> Event:
    """The task became late by this much."""
    assert task.due_date is not None
    return events.at_instant(
        KIND, f"task:{task.pk}", task.due_date + late_by, team_id=task.team_id, contact=task.contact, task=task
    )


def of_follow_up(contact: Contact, missed: datetime) -> Event:
    """The contact's follow-up of this instant was missed."""
    return events.at_instant(KIND, f"contact:{contact.pk}", missed, team_id=contact.team_id, contact=contact)


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """What is late by as much now."""
    if rule.trigger_config.get("what") == FOLLOW_UP:
        rows = standing(only).filter(team_id=rule.team_id, next_touch_at__lt=now, do_not_contact=False)
        for contact in in_order(rows, "owner", "team"):
            assert contact.next_touch_at is not None
            if _told_at(contact, contact.next_touch_at) <= now:
                yield of_follow_up(contact, contact.next_touch_at)
        return
    late_by = after(rule.trigger_config)
    tasks = Task.objects.overdue(now - late_by).filter(team_id=rule.team_id)
    if only is not None:
        tasks = tasks.filter(contact=only)
    for task in in_order(tasks, "contact__owner", "contact__team"):
        yield of_task(task, late_by)


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    """Due dates as they stand now; a task done before it was late by as much never was."""
    if rule.trigger_config.get("what") == FOLLOW_UP:
        for contact in ledger.contacts.values():
            missed = contact.next_follow_up_at
            if (
                missed is not None
                and not contact.do_not_contact
                and ledger.start <= _told_at(contact, missed) < ledger.end
            ):
                yield of_follow_up(contact, missed)
        return
    late_by = after(rule.trigger_config)
    tasks = Task.objects.filter(
        team=ledger.team, due_date__gte=ledger.start - late_by, due_date__lt=ledger.end - late_by
    )
    for task in tasks.exclude(status__in=(Task.CANCELLED, Task.OBSOLETE)).order_by("due_date", "pk"):
        assert task.due_date is not None
        if task.completed_at is None or task.completed_at > task.due_date + late_by:
            task.contact = ledger.contacts.get(task.contact_id) if task.contact_id is not None else None
            yield of_task(task, late_by)


def _told_at(contact: Contact, missed: datetime) -> datetime:
    """The local nine o'clock after the date, when a missed follow-up becomes work."""
    owner = contact.owner
    zone = calendars.first_zone(contact.timezone, owner.timezone if owner else "", contact.team.timezone).zone
    return calendars.next_local_time(missed, zone, FOLLOW_UP_HOUR)
