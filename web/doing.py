"""What one does to tasks from a list, a panel or a page: one, or many at once; each can be taken back."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from assignment import dispatch
from people.models import User
from web import answers, undoing
from web.access import Request, signed_in
from work import lifecycle, snoozing
from work.models import Task

QUEUE, BEST = "queue", "best"
"""Whom a task may go to besides a person: back to the queue, or to whoever fits best."""
MOST = 100
"""Tasks that are done something to at once: as many as a page shows."""
REFUSALS = (lifecycle.NotAllowed, lifecycle.NotOpen, lifecycle.Changed, snoozing.Later, ValueError, ValidationError)
SNOOZES = {
    snoozing.HOUR: gettext_lazy("For an hour"),
    snoozing.TOMORROW: gettext_lazy("Until tomorrow"),
    snoozing.NEXT_WEEK: gettext_lazy("Until next week"),
}


class CommentForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Comment"),
        max_length=lifecycle.MOST_SAID,
        widget=forms.Textarea(attrs={"rows": 2, "data-key": "c"}),
    )


def snoozes_of(tasks: Iterable[Task], user: User) -> dict[int, dict[str, Any]]:
    """By task what puts it off, with its label: nothing where nothing does."""
    found = snoozing.choices(tasks, by=user, now=timezone.now())
    return {pk: {key: SNOOZES[key] for key in keys} for pk, keys in found.items()}


def receivers(user: User) -> list[User]:
    """Whom the viewer may give tasks to."""
    people = User.objects.visible_to(user).active().order_by("first_name", "username")
    return list(people) if user.manages else []


def task_of(request: Request, pk: int) -> Task:
    tasks = Task.objects.visible_to(request.user).select_related("contact", "assignee", "owner", "team")
    return get_object_or_404(tasks, pk=pk)


@require_POST
@signed_in
def snooze(request: Request, pk: int) -> HttpResponse:
    return _one(request, task_of(request, pk), undoing.PUT_OFF, _put_off(request), _("Put off: %(title)s"))


@require_POST
@signed_in
def give(request: Request, pk: int) -> HttpResponse:
    to = request.POST.get("to", "")
    text = _("Back in the queue: %(title)s") if to == QUEUE else _("Given on: %(title)s")
    return _one(request, task_of(request, pk), undoing.GIVEN, giving(request.user, to), text)


@require_POST
@signed_in
def reopen(request: Request, pk: int) -> HttpResponse:
    task = task_of(request, pk)
    try:
        dispatch.set_status(task, Task.TODO, by=request.user, now=timezone.now())
    except REFUSALS as refusal:
        return answers.refused(request, said(refusal), back=f"/tasks/{pk}")
    return answers.done(request, _("Open again: %(title)s") % {"title": task.title}, back=f"/tasks/{pk}")


@require_POST
@signed_in
def move(request: Request, pk: int) -> HttpResponse:
    """To another status, as the board does; completing goes without hours and notes."""
    task, status = task_of(request, pk), request.POST.get("status", "")
    what = undoing.COMPLETED if status == Task.DONE else undoing.MOVED

    def do(task: Task, now: datetime) -> None:
        dispatch.set_status(task, status, by=request.user, now=now)

    return _one(request, task, what, do, _("Moved: %(title)s"), ask=status == Task.DONE)


@require_POST
@signed_in
def comment(request: Request, pk: int) -> HttpResponse:
    task, form = task_of(request, pk), CommentForm(request.POST)
    if not form.is_valid():
        return answers.refused(request, _("Write something first."), back=f"/tasks/{pk}")
    lifecycle.comment(task, form.cleaned_data["text"], by=request.user, now=timezone.now())
    return answers.done(request, _("Comment added"), back=f"/tasks/{pk}")


@require_POST
@signed_in
def bulk(request: Request) -> HttpResponse:
    """The same to all that are ticked: what one of them refuses keeps none of the others from it."""
    verbs: dict[str, tuple[str, Callable[[Task, datetime], Any]]] = {
        "complete": (undoing.COMPLETED, _completing(request)),
        "snooze": (undoing.PUT_OFF, _put_off(request)),
        "give": (undoing.GIVEN, giving(request.user, request.POST.get("to", ""))),
    }
    chosen = verbs.get(request.POST.get("verb", ""))
    ids = [int(one) for one in request.POST.getlist("task")[:MOST] if one.isdecimal() and len(one) < 19]
    tasks = Task.objects.visible_to(request.user).select_related("contact", "assignee", "owner", "team")
    found = [task for pk, task in sorted(tasks.in_bulk(ids).items())]
    if chosen is None or not found:
        return answers.refused(request, _("Tick some tasks first, then choose what to do with them."))
    steps, refusals = _each(found, *chosen)
    undo = undoing.note(request.user, steps)
    if refusals:
        said_once = " ".join(dict.fromkeys(refusals))
        text = ngettext("%(n)s task stays as it is.", "%(n)s tasks stay as they are.", len(refusals)) % {
            "n": len(refusals)
        }
        return answers.refused(request, f"{text} {said_once}", changed=bool(steps), undo=undo)
    return answers.done(
        request, ngettext("%(n)s task done", "%(n)s tasks done", len(steps)) % {"n": len(steps)}, undo=undo
    )


def said(refusal: BaseException) -> str:
    return " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)


def _each(
    tasks: Iterable[Task], what: str, do: Callable[[Task, datetime], Any]
) -> tuple[list[undoing.Step], list[str]]:
    steps, refusals, now = [], [], timezone.now()
    for task in tasks:
        was = undoing.before(task)
        try:
            do(task, now)
        except REFUSALS as refusal:
            refusals.append(said(refusal))
        else:
            steps.append(undoing.step(what, task, was))
    return steps, refusals


def _one(
    request: Request, task: Task, what: str, do: Callable[[Task, datetime], Any], text: str, *, ask: bool = False
) -> HttpResponse:
    steps, refusals = _each([task], what, do)
    back = f"/tasks/{task.pk}"
    if refusals:
        return answers.refused(request, refusals[0], back=back)
    undo = undoing.note(request.user, steps)
    return answers.done(request, text % {"title": task.title}, undo=undo, back=back, ask=asked(task) if ask else None)


def asked(task: Task) -> Task | None:
    """The completed task, if somebody should be asked what came of it: it was for a contact, and nothing is said."""
    return task if task.contact_id is not None and not task.outcome else None


def _completing(request: Request) -> Callable[[Task, datetime], Any]:
    """With one outcome for all."""
    outcome = request.POST.get("outcome", "")
    return lambda task, now: lifecycle.complete(task, by=request.user, now=now, outcome=outcome)


def _put_off(request: Request) -> Callable[[Task, datetime], Any]:
    until = request.POST.get("until", "")
    return lambda task, now: snoozing.snooze(task, until, by=request.user, now=now)


def receiver(user: User, to: str) -> User:
    """The person of the viewer's team whose id this is. Raises ValueError for anything else."""
    people = User.objects.visible_to(user).active().select_related("team")
    found = people.filter(pk=int(to)).first() if to.isdecimal() and len(to) < 19 else None
    if found is None:
        raise ValueError(_("Choose who gets it."))
    return found


def giving(user: User, to: str) -> Callable[[Task, datetime], Any]:
    """To the person named, to whoever fits best, or back to the queue. Anybody may take what nobody holds."""

    def do(task: Task, now: datetime) -> None:
        if not user.manages and not (to == str(user.pk) and task.assignee_id is None):
            raise lifecycle.NotAllowed(_("Only managers give tasks to others, or take one that somebody holds."))
        if not task.is_open:
            raise lifecycle.NotOpen(lifecycle.why_closed(task))
        if to == QUEUE:
            if not dispatch.unassign(task, by=user, now=now):
                raise lifecycle.NotOpen(_("Nobody holds this task: it is in the queue."))
        elif to == BEST:
            _give_to_best(task, user, now)
        elif dispatch.assign(task, receiver(user, to), by=user, now=now) is None:
            raise lifecycle.Changed(_("Somebody else changed this task meanwhile: look at it again."))

    return do


def _give_to_best(task: Task, user: User, now: datetime) -> None:
    choice = dispatch.assign_best(task, now=now, by=user)
    if choice.person_id is None:
        names = {member.pk: member.display_name for member in User.objects.visible_to(user)}
        raise ValueError(choice.sentence(names))
