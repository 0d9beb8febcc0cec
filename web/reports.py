"""The team's daily reports, and the moves that one suggests: looked at by leads, applied by managers."""

from collections.abc import Callable
from typing import Any

from csp.decorators import csp
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from assignment import rebalancing
from assignment.models import Suggestion
from people import rights
from performance import letters, reports, sections, tables
from performance.models import DailyReport
from web import paging
from web.access import Request, for_leads
from work.models import Assignment

SIZE = 30


@require_GET
@for_leads
def index(request: Request) -> HttpResponse:
    rows = DailyReport.objects.visible_to(request.user)
    page = paging.of(rows, "-id", cursor=request.GET.get("cursor", ""), size=SIZE)
    lines = [{"report": report, "summary": reports.summary(report.data)} for report in page.rows]
    return render(request, "web/reports/index.html", {"page": page, "lines": lines})


@require_GET
@for_leads
def page(request: Request, pk: int) -> HttpResponse:
    report = _report(request, pk)
    moves = _moves(report, request)
    parts = [
        {"section": section, "rows": [(row, moves.get(row.suggestion_id)) for row in section.rows]}
        for section in sections.of(report.data)
    ]
    others = DailyReport.objects.visible_to(request.user)
    context = {
        "report": report,
        "data": report.data,
        "summary": reports.summary(report.data),
        "parts": parts,
        "before": others.filter(on__lt=report.on).order_by("-on").first(),
        "after": others.filter(on__gt=report.on).order_by("on").first(),
        "may_move": rights.may(request.user, "manage_team"),
        "open_moves": sum(move.state == Suggestion.OPEN for move in moves.values()),
    }
    return render(request, "web/reports/page.html", context)


@require_GET
@for_leads
def file(request: Request, pk: int) -> HttpResponse:
    """The report for spreadsheets, in the viewer's language; the API's own is in English."""
    report = _report(request, pk)
    name = f"nextmove-report-{report.on}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(tables.of_report(report), content_type="text/csv; charset=utf-8", headers=headers)


@require_GET
@for_leads
@csp({"default-src": ["'none'"], "style-src": ["'unsafe-inline'"]})  # type: ignore[arg-type]
def mail(request: Request, pk: int) -> HttpResponse:
    """The report as it is mailed to the viewer: its styles stand inside it, as mail programs want them."""
    return HttpResponse(letters.html(_report(request, pk), base_url=settings.BASE_URL))


@require_POST
@for_leads
def apply(request: Request, pk: int, move: int) -> HttpResponse:
    return _moved(request, pk, move, rebalancing.apply, _("The task was moved."))


@require_POST
@for_leads
def undo(request: Request, pk: int, move: int) -> HttpResponse:
    return _moved(request, pk, move, rebalancing.undo, _("The task was moved back."))


@require_POST
@for_leads
def apply_all(request: Request, pk: int) -> HttpResponse:
    """Applies what stands of this report's moves; what no longer fits is left and says why."""
    _need_manager(request)
    report, now, moved = _report(request, pk), timezone.now(), 0
    for move in _moves(report, request).values():
        if move.state == Suggestion.OPEN:
            try:
                rebalancing.apply(move, by=request.user, now=now)
                moved += 1
            except rebalancing.Stale as stale:
                messages.error(request, str(stale))
    messages.success(request, ngettext("%(n)s task was moved.", "%(n)s tasks were moved.", moved) % {"n": moved})
    return redirect("web:report", report.pk)


def _moved(request: Request, pk: int, move: int, verb: Callable[..., Assignment], words: str) -> HttpResponse:
    _need_manager(request)
    report = _report(request, pk)
    suggestion = get_object_or_404(Suggestion.objects.visible_to(request.user), pk=move)
    try:
        verb(suggestion, by=request.user, now=timezone.now())
    except rebalancing.Stale as stale:
        messages.error(request, str(stale))
    else:
        messages.success(request, words)
    return redirect("web:report", report.pk)


def _need_manager(request: Request) -> None:
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers move others' work."))


def _report(request: Request, pk: int) -> DailyReport:
    return get_object_or_404(DailyReport.objects.visible_to(request.user), pk=pk)


def _moves(report: DailyReport, request: Request) -> dict[Any, Suggestion]:
    """The suggestions of the report as they stand now, in its order."""
    ids = [line["id"] for line in report.data.get("suggestions", ())]
    found = Suggestion.objects.visible_to(request.user).in_bulk(ids)
    return {pk: found[pk] for pk in ids if pk in found}
