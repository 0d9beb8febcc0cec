"""A rule replayed over what really happened: answered at once where that is quick, else by a job that one may leave."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from automation import backtests, rules
from automation.models import Backtest, TaskAutomationRule
from automation.simulation import backtest as replaying
from automation.simulation import telling
from crm.models import Contact
from domain import conditions
from web import live, rule_charts
from web.access import Request, signed_in
from web.rule_form import RuleForm
from web.rule_trials import draft_of, faults_of, must_try
from web.rules_seen import dressed, rule_of

AT_ONCE_SECONDS = 2.0
"""So long somebody waits for the answer; what takes longer becomes a job."""
LISTED = 5


class SpanForm(forms.Form):
    """The days to replay, in the viewer's zone; the last one counts."""

    start = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label=gettext_lazy("Until"), widget=forms.DateInput(attrs={"type": "date"}))

    def span(self) -> tuple[datetime, datetime]:
        first, last = self.cleaned_data["start"], self.cleaned_data["end"]
        end = min(_midnight(last + timedelta(days=1)), timezone.now())
        return _midnight(first).astimezone(UTC), end.astimezone(UTC)


@require_http_methods(["GET", "POST"])
@signed_in
def ask(request: Request, pk: int) -> HttpResponse:
    """The rule, or with POST its form as it stands, replayed between two days. The rule is not changed."""
    rule = rule_of(request, pk)
    must_try(request, rule)
    data = request.POST if request.method == "POST" else request.GET
    today = timezone.localdate()
    usual: dict[str, Any] = {"start": (today - timedelta(days=29)).isoformat(), "end": today.isoformat()}
    asked = "start" in data or request.method == "POST"
    span = SpanForm({name: data.get(name) or usual[name] for name in usual})
    context: dict[str, Any] = {"span": span, "faults": [], "asked": asked, "sent": _sent(request)}
    if asked and span.is_valid():
        answer = _answered(request, rule, span)
        if isinstance(answer, Backtest):
            moved = redirect("web:backtest", answer.pk)
            return HttpResponseClientRedirect(moved.url) if request.htmx else moved
        context |= answer
    mine = Backtest.objects.visible_to(request.user).filter(rule=rule.pk)
    context |= {"rule": dressed(request, rule), "latest": mine.order_by("-made_at")[:LISTED]}
    template = "web/rules/backtested.html" if request.htmx else "web/rules/backtest.html"
    return render(request, template, context)


@require_GET
@signed_in
def page(request: Request, pk: uuid.UUID) -> HttpResponse:
    """How far a replay is that was asked for, and what it found."""
    row = _mine(request, pk)
    told = backtests.told_of(row)
    faults = [row.fault] if row.fault else []
    if backtests.is_stuck(row):
        faults = [_("The replay was stopped before its end: ask once more.")]
    context = {
        "rule": dressed(request, rule_of(request, row.rule_id)),
        "row": row,
        "asked": True,
        "faults": faults,
        "percent": round(100 * row.share),
        "last_day": row.end - timedelta(seconds=1),
    }
    if told is not None:
        context |= _shown(told, names=_names(request, told)) | {"sent": told["difference"] is not None}
    return live.page(request, "web/rules/backtest_page.html", "web/rules/backtest_part.html", context)


@require_POST
@signed_in
def stop(request: Request, pk: uuid.UUID) -> HttpResponse:
    row = _mine(request, pk)
    backtests.stop(row)
    return redirect("web:rule-backtest", row.rule_id)


def _mine(request: Request, pk: uuid.UUID) -> Backtest:
    row = get_object_or_404(Backtest.objects.visible_to(request.user), pk=pk)
    must_try(request, rule_of(request, row.rule_id))
    return row


def _answered(request: Request, rule: TaskAutomationRule, span: SpanForm) -> dict[str, Any] | Backtest:
    if request.method == "POST":
        form = RuleForm(request.POST, user=request.user, rule=rule)
        draft = draft_of(request, form)
        if draft is None:
            return {"faults": list(faults_of(form))}
        rule = draft
    start, end = span.span()
    try:
        try:
            told = telling.of_backtest(rule, start=start, end=end, step=replaying.within(AT_ONCE_SECONDS))
        except replaying.TooLong:
            return backtests.ask(rule, start=start, end=end, by=request.user, now=timezone.now())
    except replaying.BadSpan as refusal:
        return {"faults": [str(refusal)]}
    except rules.BadRule as refusal:
        return {"faults": [text for texts in refusal.errors.values() for text in texts]}
    return _shown(told)


def _shown(told: telling.Told, *, names: dict[int, str] | None = None) -> dict[str, Any]:
    reasons = [(_why(reason), n) for reason, n in sorted(told["reasons"].items(), key=lambda one: -one[1])]
    samples = told["samples"]
    if names is not None:
        samples = [one | {"contact": names.get(one["contact_id"], "")} for one in samples]
    return {"told": told | {"samples": samples}, "reasons": reasons, "chart": rule_charts.loads(told["by_day"])}


def _names(request: Request, told: telling.Told) -> dict[int, str]:
    """Of those whom whoever looks may see now."""
    whom = [one["contact_id"] for one in told["samples"] if one["contact_id"] is not None]
    return dict(Contact.objects.visible_to(request.user).filter(pk__in=whom).values_list("pk", "name"))


def _why(reason: str) -> str:
    """A reason in words: the text of a condition that does not hold is told as one."""
    try:
        conditions.to_rows(reason)
    except conditions.ConditionError:
        return reason
    return _("Not so: %(clause)s") % {"clause": conditions.sentence(reason)}


def _sent(request: Request) -> list[tuple[str, str]]:
    """The fields of the rule's form as they were sent, to be sent again."""
    own = ("csrfmiddlewaretoken", "start", "end", "do")
    return [(name, value) for name, values in request.POST.lists() if name not in own for value in values]


def _midnight(on: date) -> datetime:
    return timezone.make_aware(datetime.combine(on, time()))
