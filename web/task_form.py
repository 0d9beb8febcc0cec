"""A task made by hand, for oneself, for the queue or by a manager for somebody; and one that is changed by hand."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from assignment import dispatch
from crm.models import Contact
from people import rights, skills
from people.models import Skill, User
from web import doing
from web.access import Request, signed_in
from web.numbers import NumberField
from web.rule_form import LEVELS
from work import lifecycle, ties
from work.models import Task

ME, QUEUE = "me", "queue"
MOST_LISTED = 500


class EditForm(forms.Form):
    """What may be changed of a task; `version` is the one that was shown."""

    title = forms.CharField(label=gettext_lazy("What is to be done"), max_length=255)
    due_date = forms.DateTimeField(
        label=gettext_lazy("Due"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    priority = forms.ChoiceField(label=gettext_lazy("Priority"), choices=Task.PRIORITIES, initial=Task.MEDIUM)
    contact = forms.ModelChoiceField(
        label=gettext_lazy("Contact"), queryset=Contact.objects.none(), required=False, empty_label=gettext_lazy("None")
    )
    estimated_hours = NumberField(
        label=gettext_lazy("Estimated effort, hours"),
        required=False,
        min_value=0.01,
        max_value=100_000,
        max_digits=8,
        decimal_places=2,
    )
    reminder_offset_hours = NumberField(
        label=gettext_lazy("Remind before it is due, hours"),
        required=False,
        min_value=0,
        max_value=10_000,
        max_digits=8,
        decimal_places=2,
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("A line that begins with - [ ] is an item to tick."),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The select lists the first by name; any contact one may see is accepted (its page links here with its id).
        visible = Contact.objects.visible_to(user)
        contact: Any = self.fields["contact"]
        contact.queryset = visible
        listed = list(visible.order_by("name").values_list("pk", "name")[: MOST_LISTED + 1])
        if len(listed) > MOST_LISTED:
            listed.pop()
            text = _("Only the first %(n)s by name are listed; a contact's own page makes tasks for it.")
            contact.help_text = text % {"n": MOST_LISTED}
        chosen = self.data.get("contact") or self.initial.get("contact")
        if chosen and str(chosen).isdecimal() and int(chosen) not in dict(listed):
            listed += visible.filter(pk=int(chosen)).values_list("pk", "name")
        contact.widget.choices = [("", _("None")), *listed]


class TaskForm(EditForm):
    who = forms.ChoiceField(
        label=gettext_lazy("For"),
        choices=[(ME, gettext_lazy("Me")), (QUEUE, gettext_lazy("The queue: whoever fits best"))],
        initial=ME,
    )
    waits_for = forms.ModelChoiceField(
        label=gettext_lazy("Waits for"),
        queryset=Task.objects.none(),
        required=False,
        empty_label=gettext_lazy("Nothing"),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        who: Any = self.fields["who"]
        others = [one for one in doing.receivers(user) if one.pk != user.pk]
        who.choices = [*who.choices, *((str(one.pk), one.display_name) for one in others)]
        waits_for: Any = self.fields["waits_for"]
        waits_for.queryset = Task.objects.visible_to(user).open()
        newest = waits_for.queryset.order_by("-id").values_list("pk", "title")[:MOST_LISTED]
        waits_for.widget.choices = [("", _("Nothing")), *newest]
        self.skills = list(Skill.objects.visible_to(user).order_by("name"))
        for skill in self.skills:
            self.fields[f"skill_{skill.pk}"] = forms.ChoiceField(label=skill.name, choices=LEVELS, required=False)

    @property
    def skill_fields(self) -> list[forms.BoundField]:
        return [self[f"skill_{skill.pk}"] for skill in self.skills]

    @property
    def shows_skills(self) -> bool:
        return any(field.errors or field.value() for field in self.skill_fields)

    def fields_of_task(self) -> dict[str, Any]:
        """What was entered, the skills as the task's needs."""
        given, needs = dict(self.cleaned_data), []
        for skill in self.skills:
            level = given.pop(f"skill_{skill.pk}")
            if level:
                needs.append(lifecycle.Requirement(skill, int(level)))
        return given | {"required_skills": needs}


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request) -> HttpResponse:
    user = request.user
    form = TaskForm(request.POST or None, user=user, initial={"contact": request.GET.get("contact", "")})
    if request.method == "POST" and form.is_valid():
        try:
            task = _create(user, form.fields_of_task(), timezone.now())
        except lifecycle.Excluded as refusal:
            form.add_error("who", str(refusal))
        else:
            messages.success(request, _("Created: %(title)s") % {"title": task.title})
            needs = {need.skill.pk: need.min_level for need in form.fields_of_task()["required_skills"]}
            if warning := skills.warning(user.team, needs):
                messages.warning(request, warning)
            return redirect("web:task", task.pk)
    return render(request, "web/tasks/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: Request, pk: int) -> HttpResponse:
    task = doing.task_of(request, pk)
    if not rights.may_edit_task(request.user, task):
        raise PermissionDenied(_("Only its assignee, its owner or a manager of the team may change this task."))
    initial = {name: getattr(task, name) for name in EditForm.base_fields}
    form = EditForm(request.POST or None, user=request.user, initial=initial | {"contact": task.contact_id})
    version = request.POST.get("version", str(task.version))
    if request.method == "POST" and form.is_valid():
        try:
            _save(task, form.cleaned_data, version, request.user)
        except ValidationError as refusal:
            take_errors(form, refusal)
        else:
            messages.success(request, _("Saved: %(title)s") % {"title": task.title})
            return redirect("web:task", pk)
    context = {"task": task, "form": form, "version": version}
    return render(request, "web/tasks/edit.html", context, status=422 if form.errors else 200)


def take_errors(form: forms.Form, refusal: ValidationError) -> None:
    """Puts what the task itself refuses beside the field it is about, or on top."""
    for name, errors in getattr(refusal, "message_dict", {"": refusal.messages}).items():
        name = name.removesuffix("_id")
        form.add_error(name if name in form.fields else None, errors)


@transaction.atomic
def _save(task: Task, given: dict[str, Any], version: str, user: User) -> None:
    """Raises ValidationError, also when somebody changed the task since it was shown."""
    kept = Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    if str(kept.version) != version:
        raise ValidationError(_("Somebody changed this task meanwhile: reload the page, then change it."))
    changed = {name: value for name, value in given.items() if value != getattr(kept, name)}
    if changed:
        lifecycle.edit(kept, by=user, now=timezone.now(), **changed)


@transaction.atomic
def _create(user: User, given: dict[str, Any], now: datetime) -> Task:
    who, waits_for = given.pop("who"), given.pop("waits_for")
    if given["contact"] is not None:
        ties.keep(given["contact"])
    task = lifecycle.create(user.team, by=user, owner=user, now=now, **given)
    if waits_for is not None:
        ties.wait_for(task, [waits_for], by=user, now=now)
    if who == QUEUE:
        if waits_for is None:
            dispatch.assign_best(task, by=user, now=now)
    else:
        dispatch.assign(task, user if who == ME else doing.receiver(user, who), by=user, now=now)
    return task
