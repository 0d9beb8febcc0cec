"""The checklist within a task's description: one item ticked, or taken back."""

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from domain import checklists
from people import rights
from people.speech import said
from web import answers, doing
from web.access import Request, signed_in
from work import lifecycle


class TickForm(forms.Form):
    """Which item, by its place and its words, and what it is to be."""

    place = forms.IntegerField(min_value=0)
    words = forms.CharField(strip=False)
    done = forms.BooleanField(required=False)


@require_POST
@signed_in
def tick(request: Request, pk: int) -> HttpResponse:
    """By htmx it answers with the description as it is then."""
    task, form = doing.task_of(request, pk), TickForm(request.POST)
    if not rights.may_edit_task(request.user, task):
        raise PermissionDenied("Only its assignee, its owner or a manager of the team may edit this task.")
    if not form.is_valid():
        return answers.refused(request, _("Say which item of the list it is."), back=f"/tasks/{pk}")
    try:
        task = lifecycle.tick(task, **form.cleaned_data, by=request.user, now=timezone.now())
    except checklists.Gone as refusal:
        return answers.refused(request, said(str(refusal)), back=f"/tasks/{pk}")
    if not request.htmx:
        return redirect(answers.way_back(request, f"/tasks/{pk}"))
    return render(request, "web/tasks/description.html", {"task": task, "may_edit": True})
