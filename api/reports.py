"""/api/reports: the team's daily reports, as data, as a whole document for mail, and as a CSV file."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from csp.decorators import csp
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from api.auth import caller, need, scope
from api.fields import Id, Out, one
from api.paging import Cursor, Limit, Page, page
from performance import letters, reports, tables
from performance.models import DailyReport

router = Router(tags=["performance"])

HTML, CSV = "text/html", "text/csv"


class DailyReportLine(Out):
    id: int
    on: date = Field(description="The day in the team's zone; it tells of the day before")
    created_at: datetime
    summary: str


class DailyReportOut(DailyReportLine):
    data: dict[str, Any] = Field(
        description="yesterday, week and week_before (what was finished, on time, late), overdue and waiting (count, "
        "the first 10, why nobody has them), workload, overloaded, underutilized, suggestions (with ids to apply them "
        "by), stuck, performance, paused_rules, failed_jobs"
    )


def _document(kind: str, description: str) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "string"}}}
    return {"responses": {200: {"description": description, "content": content}}}


@router.get("/api/reports", auth=scope("performance:read"), response=Page[DailyReportLine])
def list_reports(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The team's daily reports, the newest first."""
    user = caller(request)
    need(user, "view_team", "read the team's reports")
    rows = DailyReport.objects.visible_to(user)
    return page(request, rows, limit=limit, cursor=cursor, shown=_lines, order=("-id",))


@router.get("/api/reports/{int:id}", auth=scope("performance:read"), response=DailyReportOut)
def read_report(request: HttpRequest, id: Id) -> DailyReportOut:
    """One day's report."""
    report = _report(request, id)
    return DailyReportOut(**_line(report).model_dump(), data=report.data)


@router.get(
    "/api/reports/{int:id}/html",
    auth=scope("performance:read"),
    openapi_extra=_document(HTML, "A whole document with its styles inside, ready to be mailed"),
)
@csp({"default-src": ["'none'"], "style-src": ["'unsafe-inline'"]})  # type: ignore[arg-type]
def report_html(request: HttpRequest, id: Id) -> HttpResponse:
    """The report as an HTML document that needs nothing from elsewhere."""
    document = letters.html(_report(request, id), base_url=settings.BASE_URL)
    return HttpResponse(document, content_type=f"{HTML}; charset=utf-8")


@router.get(
    "/api/reports/{int:id}/csv",
    auth=scope("performance:read"),
    openapi_extra=_document(CSV, "Columns section, what, who, value, unit, detail"),
)
def report_csv(request: HttpRequest, id: Id) -> HttpResponse:
    """The report as a CSV file for spreadsheets; text that could be a formula begins with an apostrophe."""
    report = _report(request, id)
    return HttpResponse(
        tables.of_report(report),
        content_type=f"{CSV}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="nextmove-report-{report.on}.csv"'},
    )


def _report(request: HttpRequest, id: int) -> DailyReport:
    user = caller(request)
    need(user, "view_team", "read the team's reports")
    return one(DailyReport.objects.visible_to(user).select_related("team"), id, "report")


def _lines(rows: Sequence[DailyReport]) -> list[DailyReportLine]:
    return [_line(row) for row in rows]


def _line(report: DailyReport) -> DailyReportLine:
    return DailyReportLine(
        id=report.pk, on=report.on, created_at=report.created_at, summary=reports.summary(report.data)
    )
