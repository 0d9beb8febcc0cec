"""What tasks took against their estimates: by kind and by person, as bars beside the figures. Members see their own."""

import math
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from automation import task_kinds
from domain.learning.estimates import Bias, Report
from learning import estimate_reports, settings
from people.models import User
from web.access import Request, signed_in

WIDTH = 120
"""Of a bar's drawing; the estimate itself is in its middle."""
WIDEST = 8.0
"""Times the estimate at the right end, and a so-manyth of it at the left: what lies beyond is drawn there."""


@dataclass(frozen=True)
class Line:
    """One row: `left`, `width` and `dot` draw the band of four of five tasks and the usual one."""

    name: str
    bias: Bias
    href: str
    left: str
    width: str
    dot: str


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user = request.user
    told = estimate_reports.told_to(user)
    context: dict[str, Any] = {"told": told, "on": settings.of(user.team_id).estimates, "width": WIDTH}
    if told is not None:
        report = told.report
        whole = report.workspace
        context |= {
            "whole": _line(user.team.name, whole) if whole is not None else None,
            "kinds": _kinds(user, report),
            "people": _people(user, report),
        }
    return render(request, "web/team/estimates.html", context)


def _kinds(user: User, report: Report) -> list[Line]:
    """Those of most tasks first."""
    names = task_kinds.names(user.team_id, report.kinds)
    ordered = sorted(report.kinds.items(), key=lambda one: (-one[1].n, one[0]))
    return [_line(names[kind], bias, _maker(kind) if names[kind] != kind else "") for kind, bias in ordered]


def _maker(kind: str) -> str:
    word, _, rest = kind.partition(":")
    return reverse(f"web:{word}", args=[int(rest.split(":")[0])]) if word in ("rule", "sequence", "campaign") else ""


def _people(user: User, report: Report) -> list[Line]:
    """By name: people who do other work cannot be compared."""
    rows = User.objects.visible_to(user).filter(pk__in=report.people)
    found = [_line(one.display_name, report.people[one.pk], reverse("web:member", args=[one.pk])) for one in rows]
    return sorted(found, key=lambda line: line.name)


def _line(name: str, bias: Bias, href: str = "") -> Line:
    left, right = _x(bias.low), _x(bias.high)
    return Line(name, bias, href, f"{left:.1f}", f"{max(2.0, right - left):.1f}", f"{_x(bias.middle):.1f}")


def _x(times: float) -> float:
    """Doubling is as far as halving."""
    share = math.log(times) / math.log(WIDEST)
    return WIDTH / 2 * (1 + min(1.0, max(-1.0, share)))
