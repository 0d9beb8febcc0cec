"""Putting a task off: an hour, until tomorrow or until next week, in the working time of whoever holds it."""

from collections.abc import Iterable
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


def choices(tasks: Iterable[Task], *, by: User, now: datetime) -> dict[int, list[str]]:
    """By task those that put it off: not those that end before it is due, none of one that is closed or not theirs.

    The holders' hours are looked for once, and only of tasks that are ahead. Each comes with its assignee.
    """
    found = {task.pk: task for task in tasks if task.is_open and rights.may_edit_task(by, task)}
    ahead = {task.pk: task.assignee or by for task in found.values() if task.due_date and task.due_date > now}
    plans = hours.schedules({holder.pk: holder for holder in ahead.values()}.values())
    ends = {pk: {choice: until(choice, plan, now=now) for choice in CHOICES} for pk, plan in plans.items()}

    def puts_off(task: Task, choice: str) -> bool:
        due = task.due_date
        return due is None or task.pk not in ahead or ends[ahead[task.pk].pk][choice] > due

    return {pk: [choice for choice in CHOICES if puts_off(task, choice)] for pk, task in found.items()}


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
