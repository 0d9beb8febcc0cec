"""The first run: who you are, with sample data or without, a first rule of your own, an event that shows it at work.

It is there for the superuser of an installation in which there is nothing yet, until the session has walked through.
"""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import password_validation, update_session_auth_hash
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from automation import engine, rules
from automation.models import Firing, TaskAutomationRule
from crm import contacts, intake
from crm.models import Activity, Contact
from people.audited import MEMBER, TEAM
from people.models import Team, User
from web.access import Request, signed_in
from web.profile import zones
from web.rule_form import RuleForm
from web.rule_templates import TEMPLATES, Template
from work.models import Task

STATE = "first_run"
RULE, LEFT = "rule", "left"
"""What the session says once the first form is sent; else the id of the rule that was made."""
SAMPLE, EMPTY = "sample", "empty"
SOURCE = "setup"
SAMPLE_EMAIL = "ada.example@example.org"

Fill = Callable[[datetime], Any]
_fills: list[Fill] = []


def register(fill: Fill) -> None:
    """Says how an empty installation is filled with sample data: `fill(now)`."""
    _fills[:] = [fill]


class SetupForm(forms.Form):
    first_name = forms.CharField(label=gettext_lazy("First name"), max_length=150)
    last_name = forms.CharField(label=gettext_lazy("Last name"), max_length=150, required=False)
    team = forms.CharField(label=gettext_lazy("Your team or company"), max_length=100, required=False)
    timezone = forms.CharField(label=gettext_lazy("Time zone"))
    password = forms.CharField(
        label=gettext_lazy("A password of your own"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Left empty, the one you signed in with stays."),
    )
    start = forms.ChoiceField(
        label=gettext_lazy("Begin with"),
        choices=[
            (SAMPLE, gettext_lazy("Sample data: a team of eight with two months of history, to look around in")),
            (EMPTY, gettext_lazy("Nothing: my own contacts come later")),
        ],
        initial=EMPTY,
        widget=forms.RadioSelect,
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data, initial={"timezone": user.team.timezone, "first_name": user.first_name})
        self.user = user
        self.fields["timezone"].widget = forms.Select(
            choices=zones(user.team.timezone), attrs={"data-guess": user.team.timezone}
        )

    def clean_timezone(self) -> str:
        name: str = self.cleaned_data["timezone"]
        Team._meta.get_field("timezone").run_validators(name)
        return name

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            password_validation.validate_password(password, self.user)
        return password


def is_empty() -> bool:
    """Whether nobody has put anything into this installation yet."""
    return not (Contact.objects.exists() or Task.objects.exists() or TaskAutomationRule.objects.exists())


def is_due(request: Request) -> bool:
    """Whether who comes to the first page is better led to the first run."""
    return request.user.is_superuser and STATE not in request.session and is_empty()


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    state = _state(request)
    if state is None:
        form = SetupForm(request.POST or None, user=request.user)
        if request.method == "POST" and form.is_valid():
            begin(request.user, form.cleaned_data, now=timezone.now())
            if form.cleaned_data["password"]:
                update_session_auth_hash(request, request.user)
            request.session[STATE] = RULE
            return redirect("web:setup")
        status = 422 if form.errors else 200
        return render(
            request, "web/setup/begin.html", {"form": form, "samples": bool(_fills), "step": 1}, status=status
        )
    if state == RULE:
        return render(request, "web/setup/rule.html", {"templates": TEMPLATES, "step": 2})
    rule = _rule(request, state)
    firing = Firing.objects.filter(rule=rule).select_related("task", "contact").order_by("-at", "-id").first()
    context = {"rule": rule, "firing": firing, "shows_at_once": shows_at_once(rule), "step": 3}
    return render(request, "web/setup/see.html", context)


@require_POST
@signed_in
def first_rule(request: Request) -> HttpResponse:
    """Makes the rule of a template as it stands; it can be changed afterwards like any other."""
    if _state(request) != RULE:
        return redirect("web:setup")
    template = TEMPLATES.get(request.POST.get("template", ""))
    if template is None:
        raise Http404
    try:
        rule = rules.create(request.user, by=request.user, **fields_of(template, request.user))
    except rules.BadRule as refusal:
        messages.error(request, str(refusal))
    else:
        request.session[STATE] = rule.pk
    return redirect("web:setup")


def take_own(request: Request, rule: TaskAutomationRule) -> bool:
    """Whether the rule is the first one of somebody who would rather write their own: it is shown at work next."""
    if request.session.get(STATE) != RULE:
        return False
    request.session[STATE] = rule.pk
    return True


@require_POST
@signed_in
def see(request: Request) -> HttpResponse:
    """A sample contact does what the rule waits for."""
    state = _state(request)
    if not isinstance(state, int):
        return redirect("web:setup")
    rule = _rule(request, state)
    if shows_at_once(rule):
        happen(rule, by=request.user, now=timezone.now())
    return redirect("web:setup")


@require_POST
@signed_in
def leave(request: Request) -> HttpResponse:
    _state(request)
    request.session[STATE] = LEFT
    return redirect("web:mywork")


def begin(user: User, given: dict[str, Any], *, now: datetime) -> None:
    """Names the person and the team, and fills the installation if that is wanted and it is still empty."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=user.team_id)  # of two forms sent at once, one fills it
        if given["start"] == SAMPLE and _fills and is_empty():
            _fills[0](now)
        team = Team.objects.get(pk=user.team_id)
        with TEAM.changing(team, by=user, now=now):
            team.timezone = given["timezone"]
            team.name = given["team"] or team.name
            team.save(update_fields=["timezone", "name"])
        user.refresh_from_db()
        with MEMBER.changing(user, by=user, now=now):
            user.first_name, user.last_name = given["first_name"], given["last_name"]
            if given["password"]:
                user.set_password(given["password"])
            user.save(update_fields=["first_name", "last_name", "password"])


def fields_of(template: Template, user: User) -> dict[str, Any]:
    """The columns of a rule as the form of new rules makes them of a template and its own defaults."""
    shown = RuleForm(user=user, initial=template.initial())
    values = {bound.html_name: bound.value() for bound in shown}
    sent = {name: value for name, value in values.items() if value not in (None, False, "")}
    form = RuleForm(sent, user=user)
    if not form.is_valid():
        raise rules.BadRule({"name": [str(error) for errors in form.errors.values() for error in errors]})
    return form.rule_fields()


def shows_at_once(rule: TaskAutomationRule) -> bool:
    """Whether something a contact does sets it off; the others wait for time to pass."""
    return rule.trigger_type in (TaskAutomationRule.ACTIVITY, TaskAutomationRule.STATUS_CHANGE)


def happen(rule: TaskAutomationRule, *, by: User, now: datetime) -> None:
    """What the rule waits for is done by a sample contact, and goes the way of every event."""
    person = _sample_contact(by)
    if rule.trigger_type == TaskAutomationRule.STATUS_CHANGE:
        wanted = rule.trigger_config.get("to_status") or Contact.ACTIVE
        before = rule.trigger_config.get("from_status") or (Contact.LEAD if wanted != Contact.LEAD else Contact.ACTIVE)
        for status in (before, wanted):
            person = contacts.update(person, by=by, now=now, status=status)
        done = person.activities.filter(activity_type=Activity.STATUS_CHANGED).order_by("-pk")[:1]
    else:
        (kind, *_rest) = rule.trigger_config.get("activity_types") or [Activity.FORM_SUBMITTED]
        event = intake.Incoming(
            kind, contact_id=person.pk, source=SOURCE, source_key=str(uuid.uuid4()), signal=Activity.HUMAN
        )
        recorded = intake.record(by.team, [event], now=now)
        done = Activity.objects.filter(pk__in=recorded.accepted)
    for activity in done.select_related("contact__owner", "team"):
        engine.process(activity, now=now)


def _sample_contact(owner: User) -> Contact:
    known = contacts.by_email(owner.team_id, SAMPLE_EMAIL)
    if known is not None:
        return known
    told = {"name": "Ada Example", "company": "Example Ltd", "email": SAMPLE_EMAIL, "lead_score": 80}
    return contacts.create(owner.team, owner=owner, by=owner, **told)


def _state(request: Request) -> Any:
    """None before the first form, RULE, or the id of the rule. Raises Http404 where there is no first run."""
    state = request.session.get(STATE)
    open_ = state is not None and state != LEFT
    if not request.user.is_superuser or not (open_ or is_empty()):
        raise Http404
    return state if open_ else None


def _rule(request: Request, pk: int) -> TaskAutomationRule:
    try:
        return get_object_or_404(TaskAutomationRule.objects.visible_to(request.user), pk=pk)
    except Http404:
        request.session[STATE] = RULE
        raise
