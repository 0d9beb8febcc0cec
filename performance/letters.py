"""A daily report as a mail: a whole HTML document that needs nothing from elsewhere, and the same as plain text."""

from collections.abc import Iterator

from django.conf import settings
from django.template.loader import render_to_string

from notifications.models import Notification
from people import speech
from performance import reports, sections
from performance.models import DailyReport

WIDTH = 78


def of_notice(notice: Notification) -> tuple[str, str] | None:
    """Text and HTML of the report that the notice tells of; None when it is gone."""
    report = DailyReport.objects.select_related("team").filter(pk=int(notice.key.split(":")[1])).first()
    if report is None:
        return None
    return text(report, base_url=settings.BASE_URL), html(report, base_url=settings.BASE_URL)


def title(report: DailyReport) -> str:
    return (
        f"Daily report of {report.data.get('team') or report.team.name}, {report.on:%a} {report.on.day} {report.on:%b}"
    )


def html(report: DailyReport, *, base_url: str) -> str:
    """Tables and inline styles, as mail programs want them; readable where these turn colours for the dark.

    This and the text speak the language that is active.
    """
    context = {
        "title": speech.said(title(report)),
        "summary": speech.said(reports.summary(report.data)),
        "sections": sections.of(report.data),
        "url": f"{base_url.rstrip('/')}/team/reports/{report.pk}",
        "base_url": base_url.rstrip("/"),
    }
    return render_to_string("performance/report_mail.html", context)


def text(report: DailyReport, *, base_url: str) -> str:
    """For programs that show no HTML."""
    return "\n".join(_lines(report, base_url.rstrip("/"))) + "\n"


def _lines(report: DailyReport, base_url: str) -> Iterator[str]:
    yield speech.said(title(report))
    yield ""
    yield speech.said(reports.summary(report.data))
    for section in sections.of(report.data):
        heading = speech.said(section.title)
        yield ""
        yield heading
        yield "-" * min(WIDTH, len(heading))
        for row in section.rows:
            told = [speech.said(row.figure), speech.said(row.detail)]
            rest = "; ".join(part for part in told if part)
            what = row.what if row.named else speech.word(row.what)
            head = f"{what} ({speech.said(row.who)})" if row.who else what
            yield f"* {head}: {rest}" if rest else f"* {head}"
        if not section.rows and section.nothing:
            yield speech.said(section.nothing)
    yield ""
    yield speech.said(f"Open it: {base_url}/team/reports/{report.pk}")
