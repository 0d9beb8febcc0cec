"""One task: its page, the same beside a list, and completing it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import trigger_client_event

from assignment import explanations, ungiven
from automation.models import Firing
from crm.models import Activity
from jobs.models import Job
from people import rights
from people.models import User
from performance import sections
from web import answers, doing, learning, origins, timelines, undoing, waits, words
from web.access import Request, signed_in
from web.numbers import NumberField
from work import capacity, lifecycle
from work.models import Task

RELATED = 6
"""So many other tasks of the contact are listed beside one."""


class CompleteForm(forms.Form):
    """What one may add when finishing a task."""

    actual_hours = NumberField(
        label=gettext_lazy("Hours it took"),
        required=False,
        min_value=0,
        max_value=1000,
        max_digits=8,
        decimal_places=2,
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        required=False,
        choices=[("", gettext_lazy("Not said")), *words.TASK_OUTCOMES.items()],
    )
    notes = forms.CharField(
        label=gettext_lazy("What came of it"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


@require_GET
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    task = doing.task_of(request, pk)
    return render(request, "web/tasks/page.html", detail(request, task) | {"related": _related(request.user, task)})


@require_GET
@signed_in
def peek(request: Request, pk: int) -> HttpResponse:
    return render(request, "web/tasks/peek.html", detail(request, doing.task_of(request, pk)))


@require_POST
@signed_in
def complete(request: Request, pk: int) -> HttpResponse:
    """Finishes the task and says what that set off; by htmx as fragments, else by a redirect to where one was."""
    task = doing.task_of(request, pk)
    form, was = CompleteForm(request.POST), undoing.before(task)
    if not form.is_valid():
        return _incomplete(request, task, form)
    try:
        done = lifecycle.complete(task, by=request.user, now=timezone.now(), **form.cleaned_data)
    except (lifecycle.NotOpen, lifecycle.NotAllowed) as refusal:
        return answers.refused(request, str(refusal))
    undo = undoing.note(request.user, [undoing.step(undoing.COMPLETED, task, was)])
    if not request.htmx:
        text = _("Completed: %(title)s. Score and next task follow.") % {"title": task.title}
        return answers.done(request, text, undo=undo, back=f"/tasks/{pk}")
    jobs = Job.objects.visible_to(request.user).filter(pk__in=[done.performance_job, done.next_task_job])
    context = {"task": task, "done": done, "may_see_jobs": jobs.exists(), "undo": undo, "ask": doing.asked(task)}
    if request.htmx.target == "peek":
        context |= detail(request, doing.task_of(request, pk))
    response = render(request, "web/tasks/completed.html", context)
    return trigger_client_event(response, answers.CHANGED, after="swap")


@require_POST
@signed_in
def outcome(request: Request, pk: int) -> HttpResponse:
    """Says what came of a task that is completed, or says it anew."""
    task = doing.task_of(request, pk)
    was = undoing.before(task)
    try:
        lifecycle.say_outcome(task, request.POST.get("outcome", ""), by=request.user, now=timezone.now())
    except (lifecycle.NotDone, lifecycle.NotAllowed, lifecycle.Changed, lifecycle.UnknownOutcome) as refusal:
        return answers.refused(request, str(refusal), back=f"/tasks/{pk}")
    undo = undoing.note(request.user, [undoing.step(undoing.SAID, task, was)])
    label = words.TASK_OUTCOMES.get(task.outcome, _("No outcome said"))
    text = f"{label}: {task.title}"
    if request.htmx.target != "peek":
        return answers.done(request, text, undo=undo, back=f"/tasks/{pk}")
    shown = detail(request, doing.task_of(request, pk)) | {"text": text, "undo": undo}
    return trigger_client_event(render(request, "web/tasks/said.html", shown), answers.CHANGED, after="swap")


@require_POST
@signed_in
def pin(request: Request, pk: int) -> HttpResponse:
    """Pins the task to whoever holds it, or lets it go, as the button says."""
    task, why = doing.task_of(request, pk), ""
    if not rights.may_edit_task(request.user, task):
        raise PermissionDenied("Only its assignee, its owner or a manager of the team may pin this task.")
    try:
        task = lifecycle.edit(task, by=request.user, now=timezone.now(), pinned=request.POST.get("on") == "1")
    except ValidationError as refusal:
        why = " ".join(refusal.messages)
    if not request.htmx:
        if why:
            messages.error(request, why)
        return redirect(answers.way_back(request, f"/tasks/{pk}"))
    return render(request, "web/tasks/pinned.html", {"task": task, "refused": why})


def detail(request: Request, task: Task, form: CompleteForm | None = None) -> dict[str, Any]:
    """What the page and the panel show of one task."""
    waits.add_to(origins.add_to([task]), request.user)
    held = explanations.of_task(task)
    return {
        "task": task,
        "form": form or CompleteForm(initial={"actual_hours": task.estimated_hours}, auto_id="complete_%s"),
        "held": held,
        "may_compare": held is not None and (request.user.leads or (held["choice"] or {}).get("compared") == "tasks"),
        "why_nobody": _why_nobody(task),
        "cause": _cause(request.user, task),
        "assumed_hours": capacity.assumed_hours(task),
        "held_method": words.METHODS.get(held["method"], held["method"]) if held else "",
        "may_say_outcome": task.status == Task.DONE
        and task.contact_id is not None
        and rights.may_complete(request.user, task),
        "may_complete": task.is_open and rights.may_complete(request.user, task),
        "may_pin": task.is_open and task.assignee_id is not None and rights.may_edit_task(request.user, task),
        "excluded": [one.user for one in task.exclusions.select_related("user").order_by("user__username")],
        "skills": task.skill_levels.select_related("skill"),
        **learning.of_task(task),
        "timeline": timelines.of_task(request.user, task),
        "comment_form": doing.CommentForm(auto_id="comment_%s"),
        **_verbs(request.user, task),
    }


def _why_nobody(task: Task) -> str:
    found = ungiven.of_task(task)
    return sections.why_not(found["code"], found["reason"]) if found else ""


def _cause(user: User, task: Task) -> dict[str, Any]:
    """The version of the rule that made it, and the event that made the rule do so, where the viewer sees that."""
    firing = Firing.objects.filter(task=task).select_related("version").order_by("id").first()
    if firing is None:
        return {}
    seen = Activity.objects.visible_to(user).filter(pk=firing.activity_id)
    return {
        "rule_id": firing.rule_id,
        "version": firing.version.number if firing.version else None,
        "event_id": seen.values_list("pk", flat=True).first(),
    }


def _related(user: User, task: Task) -> list[Task]:
    """What else is to be done for its contact, what is due first first."""
    if task.contact_id is None:
        return []
    others = Task.objects.visible_to(user).open().filter(contact=task.contact_id).exclude(pk=task.pk)
    return list(others.select_related("assignee").order_by(F("due_date").asc(nulls_last=True), "id")[:RELATED])


def _incomplete(request: Request, task: Task, form: CompleteForm) -> HttpResponse:
    form.auto_id = "complete_%s"
    template = "web/tasks/peek.html" if request.htmx else "web/tasks/page.html"
    return render(request, template, detail(request, task, form), status=422)


def _verbs(user: User, task: Task) -> dict[str, Any]:
    """What the viewer may do with the task besides completing it."""
    may_edit = rights.may_edit_task(user, task)
    return {
        "snoozes": doing.snoozes_of([task], user).get(task.pk, {}),
        "receivers": [one for one in doing.receivers(user) if one.pk != task.assignee_id] if task.is_open else [],
        "may_take": task.is_open and task.assignee_id is None and not user.manages,
        "may_edit": may_edit,
        "may_reopen": not task.is_open and may_edit,
    }
