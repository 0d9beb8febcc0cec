"""Putting a task off: an hour, until tomorrow or until next week, in the working time of whoever holds it."""

from datetime import datetime, timedelta

from domain import calendars
from people import hours, rights
from people.models import User
from work import lifecycle
from work.models import Task

HOUR, TOMORROW, NEXT_WEEK = "hour", "tomorrow", "next_week"
CHOICES = (HOUR, TOMORROW, NEXT_WEEK)


class Later(ValueError):
    """The task is due later than that already."""


def until(choice: str, plan: calendars.Schedule, *, now: datetime) -> datetime:
    """An hour from now; or when work begins on the next working day, or in the next week, by the plan's clock."""
    if choice == HOUR:
        return now + timedelta(hours=1)
    if choice not in CHOICES:
        raise ValueError(f"There is no {choice!r}: use one of {', '.join(CHOICES)}.")
    if choice == NEXT_WEEK:
        midnight = calendars.week_of(now, plan.zone)[1]
    else:
        midnight = calendars.next_local_time(now, plan.zone, 0)
    return calendars.shift_into_working_time(midnight, plan, "next")


def choices(task: Task, *, by: User, now: datetime) -> list[str]:
    """Those that put it off: not those that end before it is due. Looks for its holder's hours only if it is ahead."""
    if task.due_date is None or task.due_date <= now:
        return list(CHOICES)
    holder = task.assignee or by
    plan = hours.schedules([holder])[holder.pk]
    return [choice for choice in CHOICES if until(choice, plan, now=now) > task.due_date]


def snooze(task: Task, choice: str, *, by: User, now: datetime) -> Task:
    """Makes the task due then. Raises NotOpen, NotAllowed, and Later: putting off never brings anything forward."""
    if not rights.may_edit_task(by, task):
        raise lifecycle.NotAllowed("Only its assignee, its owner or a manager of the team may put this task off.")
    if not task.is_open:
        raise lifecycle.NotOpen(lifecycle.why_closed(task))
    holder = task.assignee or by
    due = until(choice, hours.schedules([holder])[holder.pk], now=now)
    if task.due_date is not None and task.due_date >= due:
        raise Later("This task is due later than that already: it stays as it is.")
    return lifecycle.edit(task, by=by, now=now, due_date=due)
