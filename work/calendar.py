"""Somebody's tasks as a calendar (RFC 5545): to-dos with their due dates, or appointments that end when they are due.

Instants are written in UTC, so that no clock change of any zone can move them; calendars show them in their own.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F
from icalendar import Alarm, Calendar, Component, Event, Todo, vDuration, vText

from people.models import CalendarFeed, User
from work import capacity
from work.models import Task

MOST = 1000
FINISHED_FOR = timedelta(days=30)
"""How long what is finished stays in to-do lists, ticked."""
PRIORITIES = {Task.URGENT: 1, Task.HIGH: 3, Task.MEDIUM: 5, Task.LOW: 9}
STATES = {
    Task.TODO: "NEEDS-ACTION",
    Task.BLOCKED: "NEEDS-ACTION",
    Task.IN_PROGRESS: "IN-PROCESS",
    Task.DONE: "COMPLETED",
}
LOOK_AGAIN = timedelta(minutes=15)


def of(feed: CalendarFeed, *, now: datetime) -> bytes:
    """The whole file: of open tasks those due first, 1,000 at most, and as to-dos those finished in 30 days as well."""
    calendar = _empty()
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"Nextmove: {feed.user.display_name}")
    calendar.add("refresh-interval", LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(LOOK_AGAIN))
    for _, component in entries(feed.user, feed.shows, now=now):
        calendar.add_component(component)
    return calendar.to_ical()


def entries(user: User, shows: str, *, now: datetime) -> Iterator[tuple[Task, Component]]:
    """Each task that is shown, with its entry."""
    return _todos(user, now) if shows == CalendarFeed.TODO else _events(user)


def alone(entry: Component) -> bytes:
    """A file of one entry, as calendars elsewhere keep them (RFC 4791, 4.1)."""
    calendar = _empty()
    calendar.add_component(entry)
    return calendar.to_ical()


def _empty() -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Nextmove//Tasks//EN")
    calendar.add("version", "2.0")
    return calendar


def _todos(user: User, now: datetime) -> Iterator[tuple[Task, Component]]:
    held = Task.objects.filter(assignee=user)
    finished = held.filter(status=Task.DONE, completed_at__gte=now - FINISHED_FOR)
    by_due = held.open().order_by(F("due_date").asc(nulls_last=True), "pk")
    for task in (*by_due[:MOST], *finished.order_by("-completed_at", "pk")[:MOST]):
        todo = Todo()
        _common(todo, task)
        todo.add("status", STATES[task.status])
        if task.due_date is not None:
            todo.add("due", task.due_date)
        if task.status == Task.DONE and task.completed_at is not None:
            todo.add("completed", task.completed_at)
            todo.add("percent-complete", 100)
        yield task, todo


def _events(user: User) -> Iterator[tuple[Task, Component]]:
    usual = capacity.UsualEstimates()
    dated = Task.objects.filter(assignee=user, due_date__isnull=False).open()
    for task in dated.order_by("due_date", "pk")[:MOST]:
        hours = task.estimated_hours if task.estimated_hours is not None else usual.of(task.team_id, task.kind)
        event = Event()
        _common(event, task)
        event.add("dtstart", task.due_date - timedelta(hours=float(hours)))
        event.add("dtend", task.due_date)
        event.add("transp", "TRANSPARENT")  # work may be done at any time: it blocks nobody's calendar
        yield task, event


def _common(component: Component, task: Task) -> None:
    component.add("uid", f"task-{task.pk}@{urlsplit(settings.BASE_URL).hostname}")
    component.add("dtstamp", task.edited_at or task.created_at)
    component.add("created", task.created_at)
    component.add("sequence", task.version - 1)
    component.add("summary", task.title)
    if task.description:
        component.add("description", task.description)
    component.add("priority", PRIORITIES[task.priority])
    component.add("url", f"{settings.BASE_URL}/tasks/{task.pk}")
    if task.remind_at is not None and task.is_open:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", vText(task.title))
        alarm.add("trigger", task.remind_at, parameters={"VALUE": "DATE-TIME"})  # else it is read as a duration
        component.add_component(alarm)
