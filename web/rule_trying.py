"""Delays of a rule that are tried: what a test would take, or optimising instead; how it stands, what becomes of it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from automation import experimenting
from automation.models import TaskAutomationRule
from domain.learning import experiments as trials
from domain.learning.experiments import MOST_ARMS
from learning.experiments import MOST_HOURS, CannotStart, HasEnded
from learning.models import Experiment
from web import words
from web.access import Request, signed_in
from web.rules_seen import dressed, must_edit, rule_of


class TrialForm(forms.Form):
    """Up to four delays, the first of which is compared with; shares in percent."""

    effect = forms.IntegerField(
        label=gettext_lazy("Smallest difference worth finding, in points"), min_value=1, max_value=99, initial=10
    )
    base = forms.IntegerField(
        label=gettext_lazy("Share that answers now, percent"),
        min_value=1,
        max_value=99,
        required=False,
        help_text=gettext_lazy("Left out, it is measured"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place in range(1, MOST_ARMS + 1):
            self.fields[f"delay_{place}"] = forms.IntegerField(
                label=_("Delay %(n)s, hours") % {"n": place}, min_value=0, max_value=MOST_HOURS, required=place <= 2
            )

    @property
    def delay_fields(self) -> list[forms.BoundField]:
        return [self[f"delay_{place}"] for place in range(1, MOST_ARMS + 1)]

    def delays(self) -> list[int]:
        given = [self.cleaned_data[f"delay_{place}"] for place in range(1, MOST_ARMS + 1)]
        return [hours for hours in given if hours is not None]

    def wanted(self) -> dict[str, Any]:
        """What a test of `experimenting` takes."""
        given = self.cleaned_data
        return {
            "delays_hours": self.delays(),
            "effect": given["effect"] / 100,
            "base": given["base"] / 100 if given["base"] is not None else None,
        }


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    rule = rule_of(request, pk)
    if request.method == "GET":
        return _shown(request, rule, TrialForm(initial={"delay_1": int(rule.delay_hours)}))
    must_edit(request, rule)
    verb = request.POST.get("do", "")
    if verb in ("stop", "adopt"):
        return _end(request, rule, verb)
    form = TrialForm(request.POST)
    form.fields["effect"].required = verb != "optimise"
    if not form.is_valid():
        return _shown(request, rule, form)
    try:
        planned = _begin(request, rule, form, verb)
    except CannotStart as refused:
        form.add_error(None, str(refused))
        return _shown(request, rule, form)
    if planned is not None:
        return _shown(request, rule, form, planned)
    messages.success(request, _("The delays are tried from now on."))
    return redirect("web:rule-trying", rule.pk)


def _begin(request: Request, rule: TaskAutomationRule, form: TrialForm, verb: str) -> trials.Plan | None:
    """Begins what was asked for; what a test would take, where only that was. Raises CannotStart."""
    user, now = request.user, timezone.now()
    if verb == "optimise":
        experimenting.optimise(rule, delays_hours=form.delays(), by=user, now=now)
    elif verb == "start":
        experimenting.start(rule, **form.wanted(), by=user, now=now)
    else:
        return experimenting.plan(rule, **form.wanted(), now=now)
    return None


def _end(request: Request, rule: TaskAutomationRule, verb: str) -> HttpResponse:
    row, arm = _newest(rule), request.POST.get("arm", "")
    try:
        if row is None:
            messages.error(request, _("Nothing is tried here."))
        elif verb == "stop":
            experimenting.stop(row, by=request.user, now=timezone.now())
            messages.success(request, _("Stopped: the rule goes on with its own delay."))
        else:
            place = int(arm) if arm.isdecimal() and len(arm) == 1 else MOST_ARMS
            experimenting.adopt(row, place, by=request.user, now=timezone.now())
            messages.success(request, _("The rule has this delay now."))
    except (CannotStart, HasEnded) as refused:
        messages.error(request, str(refused))
    return redirect("web:rule-trying", rule.pk)


def _newest(rule: TaskAutomationRule) -> Experiment | None:
    rows = Experiment.objects.filter(team=rule.team_id, subject_key=experimenting.key_of(rule))
    return rows.order_by("-pk").first()


def _shown(
    request: Request, rule: TaskAutomationRule, form: TrialForm, planned: trials.Plan | None = None
) -> HttpResponse:
    row = _newest(rule)
    context: dict[str, Any] = {"rule": dressed(request, rule), "form": form, "plan": planned, "experiment": row}
    if row is not None:
        context |= experimenting.figures(row, now=timezone.now())
        context["verdict"] = words.TRIALS.get(row.verdict, row.verdict)
        for arm in context["arms"] if row.optimises else ():
            arm["percent"] = 100 * arm["share"]
        context["matured"] = sum(arm["matured"] for arm in context["arms"])
        context["harm"] = words.TRIAL_HARMS.get(context["harmed_by"])
        may_adopt = row.is_running or row.decision == Experiment.RUN_OUT
        context["may_adopt"] = may_adopt and context["rule"].may_edit
    return render(request, "web/rules/trying.html", context, status=422 if form.errors else 200)
