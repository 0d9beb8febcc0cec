"""Task scheduling: the rules as sentences with their figures, one rule with its form and what it did."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from automation import rules, statistics
from automation.models import Firing, TaskAutomationRule
from people import rights
from web import paging
from web.access import Request, signed_in
from web.rule_form import RuleForm

ICONS = {
    TaskAutomationRule.ACTIVITY: "mouse-pointer-click",
    TaskAutomationRule.STATUS_CHANGE: "arrow-right-left",
    TaskAutomationRule.CADENCE: "repeat",
    TaskAutomationRule.TIME: "clock",
    TaskAutomationRule.OVERDUE: "hourglass",
    TaskAutomationRule.INACTIVITY: "moon",
    TaskAutomationRule.TASK_COMPLETED: "circle-check",
}


@require_GET
@signed_in
def index(request: Request) -> HttpResponse:
    stats = statistics.of_rules(request.user, now=timezone.now())
    figures = {row["id"]: row for row in stats["rules"]}
    rows = TaskAutomationRule.objects.visible_to(request.user).select_related("owner").order_by("-is_active", "name")
    shown = [_dressed(request, rule, figures.get(rule.pk, {})) for rule in rows]
    stats["suppressed"] = sum(row["suppressed"] for row in stats["rules"])
    return render(request, "web/rules/index.html", {"rules": shown, "stats": stats})


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request) -> HttpResponse:
    form = RuleForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            rule = rules.create(request.user, by=request.user, **form.rule_fields())
        except rules.BadRule as refusal:
            form.take_errors(refusal.errors)
        else:
            messages.success(request, _("The rule is on. It creates a task the next time this happens."))
            _warn(request, rule)
            return redirect("web:rule", rule.pk)
    return render(request, "web/rules/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    rule = _rule(request, pk)
    form = RuleForm(request.POST or None, user=request.user, rule=rule)
    if request.method == "POST" and form.is_valid():
        _must_edit(request, rule)
        try:
            rules.update(rule, by=request.user, **form.rule_fields())
        except rules.BadRule as refusal:
            form.take_errors(refusal.errors)
        else:
            messages.success(request, _("Saved. It holds from the next event on."))
            _warn(request, rule)
            return redirect("web:rule", rule.pk)
        rule = _rule(request, pk)
    firings = Firing.objects.visible_to(request.user).filter(rule=rule).select_related("contact", "task")
    context = {
        "rule": _dressed(request, rule, statistics.figures([rule], rule.team, now=timezone.now())[rule.pk]),
        "form": form,
        "page": paging.of(firings, "-at", "-id", cursor=request.GET.get("cursor", ""), size=20),
    }
    return render(request, "web/rules/page.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def switch(request: Request, pk: int) -> HttpResponse:
    """Turns the rule on or off, as the button says; a rule that cannot run stays off and says why."""
    rule = _rule(request, pk)
    _must_edit(request, rule)
    refused = ""
    try:
        rules.update(rule, by=request.user, is_active=request.POST.get("on") == "1")
    except rules.BadRule as refusal:
        refused = str(refusal)
        rule = _rule(request, pk)
    if not request.htmx:
        if refused:
            messages.error(request, refused)
        return redirect("web:rules")
    return render(request, "web/rules/switched.html", {"rule": _dressed(request, rule, {}), "refused": refused})


@require_POST
@signed_in
def archive(request: Request, pk: int) -> HttpResponse:
    rule = _rule(request, pk)
    _must_edit(request, rule)
    rules.archive(rule, by=request.user, now=timezone.now())
    messages.success(request, _("Deleted: %(name)s. Its tasks stay.") % {"name": rule.name})
    return redirect("web:rules")


def _rule(request: Request, pk: int) -> TaskAutomationRule:
    return get_object_or_404(TaskAutomationRule.objects.visible_to(request.user).select_related("owner", "team"), pk=pk)


def _dressed(request: Request, rule: TaskAutomationRule, figures: dict[str, object]) -> TaskAutomationRule:
    """The rule with what the page says about it."""
    rule.sentence = rules.sentence(rule)  # type: ignore[attr-defined]
    rule.icon = ICONS.get(rule.trigger_type, "zap")  # type: ignore[attr-defined]
    rule.may_edit = rights.may_edit_rule(request.user, rule)  # type: ignore[attr-defined]
    rule.figures = figures  # type: ignore[attr-defined]
    return rule


def _warn(request: Request, rule: TaskAutomationRule) -> None:
    if warning := rules.warning(rule, now=timezone.now()):
        messages.warning(request, warning)


def _must_edit(request: Request, rule: TaskAutomationRule) -> None:
    if not rights.may_edit_rule(request.user, rule):
        raise PermissionDenied(_("Only its owner and the team's managers may change this rule."))
