"""One task: its page, the same beside a list, and completing it. And the list of all tasks one may see."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from assignment import explanations
from jobs.models import Job
from people import rights
from people.models import User
from web import mywork, origins, paging, timelines, waits, words
from web.access import Request, signed_in
from work import capacity, lifecycle
from work.models import Task

OPEN = "open"


class CompleteForm(forms.Form):
    """What one may add when finishing a task."""

    actual_hours = forms.DecimalField(
        label=gettext_lazy("Hours it took"),
        required=False,
        min_value=0,
        max_value=1000,
        max_digits=8,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "0.25", "inputmode": "decimal"}),
    )
    notes = forms.CharField(
        label=gettext_lazy("What came of it"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


@require_GET
@signed_in
def index(request: Request) -> HttpResponse:
    """Newest first, by status and assignee."""
    user = request.user
    rows = _filtered(Task.objects.visible_to(user).select_related("contact", "assignee"), request.GET, user)
    page = paging.of(rows, "-id", cursor=request.GET.get("cursor", ""))
    context = {
        "page": page,
        "tasks": origins.add_to(page.rows),
        "status": request.GET.get("status", OPEN),
        "assignee": request.GET.get("assignee", ""),
        "statuses": words.STATUSES,
        "people": User.objects.visible_to(user).active().order_by("first_name", "username"),
    }
    return render(request, "web/tasks/index.html", context)


def _filtered(tasks: QuerySet[Task], query: QueryDict, user: User) -> QuerySet[Task]:
    status, assignee = query.get("status", OPEN), query.get("assignee", "")
    if status == OPEN:
        tasks = tasks.filter(status__in=Task.OPEN)
    elif status in words.STATUSES:
        tasks = tasks.filter(status=status)
    if assignee == "none":
        return tasks.filter(assignee=None)
    if assignee == "me":
        return tasks.filter(assignee=user)
    return tasks.filter(assignee_id=int(assignee)) if assignee.isdecimal() and len(assignee) < 19 else tasks


@require_GET
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    return render(request, "web/tasks/page.html", _detail(request, _task(request, pk)))


@require_GET
@signed_in
def peek(request: Request, pk: int) -> HttpResponse:
    return render(request, "web/tasks/peek.html", _detail(request, _task(request, pk)))


@require_POST
@signed_in
def complete(request: Request, pk: int) -> HttpResponse:
    """Finishes the task and says what that set off; by htmx as fragments, else by a redirect to where one was."""
    task = _task(request, pk)
    form = CompleteForm(request.POST)
    if not form.is_valid():
        return _incomplete(request, task, form)
    try:
        done = lifecycle.complete(task, by=request.user, now=timezone.now(), **form.cleaned_data)
    except (lifecycle.NotOpen, lifecycle.NotAllowed) as refusal:
        return _refused(request, str(refusal))
    if not request.htmx:
        messages.success(request, _("Completed: %(title)s. Score and next task follow.") % {"title": task.title})
        return redirect(_back(request, task))
    jobs = Job.objects.visible_to(request.user).filter(pk__in=[done.performance_job, done.next_task_job])
    context = {"task": task, "done": done, "may_see_jobs": jobs.exists(), "view": request.POST.get("view", "")}
    if request.htmx.target == "peek":
        context |= _detail(request, _task(request, pk))
    return render(request, "web/tasks/completed.html", context | mywork.plan(request.user, timezone.now()))


@require_POST
@signed_in
def pin(request: Request, pk: int) -> HttpResponse:
    """Pins the task to whoever holds it, or lets it go, as the button says."""
    task, why = _task(request, pk), ""
    if not rights.may_edit_task(request.user, task):
        raise PermissionDenied("Only its assignee, its owner or a manager of the team may pin this task.")
    try:
        task = lifecycle.edit(task, by=request.user, now=timezone.now(), pinned=request.POST.get("on") == "1")
    except ValidationError as refusal:
        why = " ".join(refusal.messages)
    if not request.htmx:
        if why:
            messages.error(request, why)
        return redirect(_back(request, task))
    return render(request, "web/tasks/pinned.html", {"task": task, "refused": why})


def _task(request: Request, pk: int) -> Task:
    tasks = Task.objects.visible_to(request.user).select_related("contact", "assignee", "owner", "team")
    return get_object_or_404(tasks, pk=pk)


def _detail(request: Request, task: Task, form: CompleteForm | None = None) -> dict[str, Any]:
    """What the page and the panel show of one task."""
    waits.add_to(origins.add_to([task]), request.user)
    held = explanations.of_task(task)
    return {
        "task": task,
        "form": form or CompleteForm(initial={"actual_hours": task.estimated_hours}, auto_id="complete_%s"),
        "held": held,
        "assumed_hours": capacity.assumed_hours(task),
        "held_method": words.METHODS.get(held["method"], held["method"]) if held else "",
        "may_complete": task.is_open and rights.may_complete(request.user, task),
        "may_pin": task.is_open and task.assignee_id is not None and rights.may_edit_task(request.user, task),
        "excluded": [one.user for one in task.exclusions.select_related("user").order_by("user__username")],
        "skills": task.skill_levels.select_related("skill"),
        "timeline": timelines.of_task(request.user, task),
    }


def _incomplete(request: Request, task: Task, form: CompleteForm) -> HttpResponse:
    form.auto_id = "complete_%s"
    template = "web/tasks/peek.html" if request.htmx else "web/tasks/page.html"
    return render(request, template, _detail(request, task, form), status=422)


def _refused(request: Request, why: str) -> HttpResponse:
    if not request.htmx:
        messages.error(request, why)
        return redirect(_back(request, None))
    response = render(request, "web/tasks/refused.html", {"why": why}, status=409)
    response["HX-Reswap"] = "none"
    return response


def _back(request: Request, task: Task | None) -> str:
    """Where the form says one came from, if that is an address of ours; else the task, else my work."""
    target = request.POST.get("next", "")
    if target.startswith("/") and not target.startswith(("//", "/\\")):
        return target
    return f"/tasks/{task.pk}" if task is not None else "/"
