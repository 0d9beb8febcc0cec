"""Putting a task on somebody, and on a day: what dragging it onto a person's day does, and the menu beside it."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domain import placing
from people import hours
from people.absences import between
from people.models import User
from web import answers, doing, undoing
from web.access import Request, signed_in
from web.templatetags.face import due_full
from work import lifecycle
from work.models import Task


@require_POST
@signed_in
def place(request: Request, pk: int) -> HttpResponse:
    """Gives the task `to` a person, to whoever fits best, or back to the queue; with `on` it is due that day as well.

    Dropping on a day puts it there: its due date goes along, with the time of day it had. Without `on` no date changes.
    """
    task, back = doing.task_of(request, pk), reverse("web:workload")
    was = undoing.before(task)
    try:
        on = _day(request.POST.get("on", ""))
        with transaction.atomic():
            _place(request, task, on, timezone.now())
    except doing.REFUSALS as refusal:
        return answers.refused(request, doing.said(refusal), back=back)
    undo = undoing.note(request.user, [undoing.step(undoing.PLACED, task, was)])
    return answers.done(request, _said(task, was), undo=undo, back=back)


def _day(text: str) -> date | None:
    """None for no day. Raises ValueError for what is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValueError(_("Choose a day.")) from None


def _place(request: Request, task: Task, on: date | None, now: datetime) -> None:
    user, to = request.user, request.POST.get("to", "")
    if not task.is_open:
        raise lifecycle.NotOpen(lifecycle.why_closed(task))
    if on is not None:
        if not user.manages:
            raise lifecycle.NotAllowed(_("Only managers plan others' days."))
        _plan(task, doing.receiver(user, to), on, by=user, now=now)
    if to != str(task.assignee_id):
        doing.giving(user, to)(task, now)
    elif on is None:
        raise ValueError(_("%(who)s has it already.") % {"who": task.assignee})


def _plan(task: Task, receiver: User, on: date, *, by: User, now: datetime) -> None:
    """Makes the task due on that day of the receiver, unless it is already. Raises ValueError for a day off."""
    off = between([receiver], first=on, last=on)[receiver.pk].get(on)
    if off is not None:
        name = f": {off.name}" if off.name else ""
        raise ValueError(
            _("%(who)s is off on this day%(name)s. Choose another day.") % {"who": receiver.display_name, "name": name}
        )
    plan = hours.schedules([receiver])[receiver.pk]
    due = placing.due_on(on, was=task.due_date, plan=plan, now=now)
    if due != task.due_date:
        task.due_date = lifecycle.edit(task, by=by, now=now, due_date=due).due_date


def _said(task: Task, was: dict[str, Any]) -> str:
    """What was done, with the date where that changed."""
    held = Task.objects.select_related("assignee").get(pk=task.pk)
    facts = {"title": task.title, "who": held.assignee, "due": due_full(held.due_date)}
    if held.assignee is not None:
        facts["who"] = held.assignee.display_name
    moved = (held.due_date.isoformat() if held.due_date else None) != was["due_date"]
    if held.assignee is None:
        return _("Back in the queue: %(title)s") % facts
    if held.assignee_id == was["assignee"]:
        return _("%(title)s is now due %(due)s") % facts
    if moved:
        return _("%(who)s has it now, due %(due)s: %(title)s") % facts
    return _("%(who)s has it now: %(title)s") % facts
