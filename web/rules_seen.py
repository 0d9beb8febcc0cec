"""One rule as its pages show it, and who may open and change it."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from automation import rules
from automation.models import TaskAutomationRule
from domain import templating
from people import rights
from web.access import Request

ICONS = {
    TaskAutomationRule.ACTIVITY: "mouse-pointer-click",
    TaskAutomationRule.STATUS_CHANGE: "arrow-right-left",
    TaskAutomationRule.CADENCE: "repeat",
    TaskAutomationRule.TIME: "clock",
    TaskAutomationRule.OVERDUE: "hourglass",
    TaskAutomationRule.INACTIVITY: "moon",
    TaskAutomationRule.TASK_COMPLETED: "circle-check",
}


def rule_of(request: Request, pk: int) -> TaskAutomationRule:
    return get_object_or_404(TaskAutomationRule.objects.visible_to(request.user).select_related("owner", "team"), pk=pk)


def dressed(request: Request, rule: TaskAutomationRule, figures: Mapping[str, Any] | None = None) -> TaskAutomationRule:
    """The rule with what the page says about it."""
    rule.sentence = templating.outline(rules.sentence(rule))  # type: ignore[attr-defined]
    rule.icon = ICONS.get(rule.trigger_type, "zap")  # type: ignore[attr-defined]
    rule.may_edit = rights.may_edit_rule(request.user, rule)  # type: ignore[attr-defined]
    rule.may_try = request.user.leads or rule.may_edit  # type: ignore[attr-defined]
    rule.figures = figures or {}  # type: ignore[attr-defined]
    return rule


def must_edit(request: Request, rule: TaskAutomationRule) -> None:
    if not rights.may_edit_rule(request.user, rule):
        raise PermissionDenied(_("Only its owner and the team's managers may change this rule."))
