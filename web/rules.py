"""Task scheduling: the rules as sentences with their figures, and the form of one with its dry run beside it."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from automation import rules, statistics, tallies
from automation.models import Firing, TaskAutomationRule
from web import first_run, notices, pools, rule_figures
from web.access import Request, signed_in
from web.rule_charts import SPARK_DAYS
from web.rule_form import RuleForm
from web.rule_templates import TEMPLATES
from web.rule_trials import DAY, NOW, SOURCES, STANDING, must_try, tried
from web.rules_seen import dressed, must_edit, rule_of

TRY = "try"
"""What the button beside the form does; the others that do not save change the rows of its conditions."""


@require_GET
@signed_in
def index(request: Request) -> HttpResponse:
    now = timezone.now()
    today = rule_figures.today(request.user.team, now)
    rows = list(
        TaskAutomationRule.objects.visible_to(request.user).select_related("owner").order_by("-is_active", "name", "pk")
    )
    figures, counted_at = tallies.in_short(request.user.team, rows, now=now, days=SPARK_DAYS - 1)
    shown = [dressed(request, rule, rule_figures.dressed(figures[rule.pk], today=today)) for rule in rows]
    lasts = rule_figures.last_runs(shown)
    for rule in shown:
        rule.last_run = lasts.get(rule.pk)  # type: ignore[attr-defined]
    context = {
        "rules": shown,
        "stats": _sums(rows, figures),
        "templates": TEMPLATES,
        "as_of": counted_at if counted_at != now else None,
    }
    return render(request, "web/rules/index.html", context)


def _sums(rows: list[TaskAutomationRule], figures: Mapping[int, Mapping[str, Any]]) -> dict[str, int]:
    """All rules together, as the page begins."""
    return {
        "total_rules": len(rows),
        "active_rules": sum(rule.is_active for rule in rows),
        "times_triggered": sum(rule.times_triggered for rule in rows),
        "tasks_created": sum(rule.tasks_created for rule in rows),
        **{name: sum(figure[name] for figure in figures.values()) for name in ("suppressed", "completed")},
    }


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request) -> HttpResponse:
    chosen = TEMPLATES.get(request.GET.get("template", ""))
    initial = chosen.initial() if chosen is not None else {}
    form = _sent_form(request) if request.method == "POST" else RuleForm(user=request.user, initial=initial)
    if _is_saving(request) and form.is_valid():
        try:
            rule = rules.create(request.user, by=request.user, **form.rule_fields())
        except rules.BadRule as refusal:
            form.take_errors(refusal.errors)
        else:
            messages.success(request, _("The rule is on. It creates a task the next time this happens."))
            _warn(request, rule)
            return redirect("web:setup") if first_run.take_own(request, rule) else redirect("web:rule", rule.pk)
    context = _editor(request, form) | {"templates": TEMPLATES, "chosen": request.GET.get("template", "")}
    return render(request, "web/rules/new.html", context, status=_status(request, form))


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    rule = rule_of(request, pk)
    form = _sent_form(request, rule) if request.method == "POST" else RuleForm(user=request.user, rule=rule)
    if request.method == "POST":
        must_edit(request, rule)
    if _is_saving(request) and form.is_valid():
        try:
            rules.update(rule, by=request.user, **form.rule_fields())
        except rules.BadRule as refusal:
            form.take_errors(refusal.errors)
        else:
            messages.success(request, _("Saved. It holds from the next event on."))
            _warn(request, rule)
            return redirect("web:rule", rule.pk)
        rule = rule_of(request, pk)
    now = timezone.now()
    figures = statistics.in_short([rule], rule.team, now=now, days=SPARK_DAYS - 1)[rule.pk]
    firings = Firing.objects.visible_to(request.user).filter(rule=rule).select_related("contact", "task")
    context = _editor(request, form) | {
        "rule": dressed(request, rule, rule_figures.dressed(figures, today=rule_figures.today(rule.team, now))),
        "mute": notices.mute_of(request.user, f"rule:{rule.pk}"),
        "firings": firings.order_by("-at", "-id")[:5],
    }
    return render(request, "web/rules/page.html", context, status=_status(request, form))


@require_POST
@signed_in
def switch(request: Request, pk: int) -> HttpResponse:
    """Turns the rule on or off, as the button says; a rule that cannot run stays off and says why."""
    rule = rule_of(request, pk)
    must_edit(request, rule)
    refused = ""
    try:
        rules.update(rule, by=request.user, is_active=request.POST.get("on") == "1")
    except rules.BadRule as refusal:
        refused = str(refusal)
        rule = rule_of(request, pk)
    if not request.htmx:
        if refused:
            messages.error(request, refused)
        return redirect("web:rules")
    return render(request, "web/rules/switched.html", {"rule": dressed(request, rule), "refused": refused})


@require_POST
@signed_in
def archive(request: Request, pk: int) -> HttpResponse:
    rule = rule_of(request, pk)
    must_edit(request, rule)
    rules.archive(rule, by=request.user, now=timezone.now())
    messages.success(request, _("Deleted: %(name)s. Its tasks stay.") % {"name": rule.name})
    return redirect("web:rules")


def _verb(request: Request) -> str:
    """What the button says that sent the form; empty for the one that saves."""
    return request.POST.get("do", "") if request.method == "POST" else ""


def _is_saving(request: Request) -> bool:
    return request.method == "POST" and not _verb(request)


def _sent_form(request: Request, rule: TaskAutomationRule | None = None) -> RuleForm:
    """The form as it was sent: judged when it is to be saved or tried, else as it stands, with its rows changed."""
    verb = _verb(request)
    form = RuleForm(request.POST, user=request.user, rule=rule, checked=verb in ("", TRY))
    form.conditions.act(verb)
    return form


def _editor(request: Request, form: RuleForm) -> dict[str, Any]:
    """The form and, when somebody asked without scripts, its dry run."""
    asked = request.POST.get("try_on")
    source = asked if asked in SOURCES else NOW if form["kind"].value() in STANDING else DAY
    context: dict[str, Any] = {
        "form": form,
        "part": form.conditions,
        "sources": SOURCES,
        "source": source,
        "pool": pools.of_form(form, request.user.team),
        "trial": None,
    }
    if _verb(request) == TRY:
        if form.rule is not None:
            must_try(request, form.rule)
        context["trial"] = tried(request, form)
    return context


def _status(request: Request, form: RuleForm) -> int:
    return 422 if _is_saving(request) and form.errors else 200


def _warn(request: Request, rule: TaskAutomationRule) -> None:
    if warning := rules.warning(rule, now=timezone.now()):
        messages.warning(request, warning)
