"""A daily report as a CSV file, for spreadsheets."""

import csv
import io

from domain.files.cells import harmless
from performance import sections
from performance.models import DailyReport

COLUMNS = ("section", "what", "who", "value", "unit", "detail")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def of_report(report: DailyReport) -> str:
    """All rows under one head: RFC 4180, with the mark by which spreadsheets know that it is UTF-8."""
    text = io.StringIO()
    text.write(BOM)
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    for section in sections.of(report.data):
        for row in section.rows:
            value = "" if row.value is None else row.value
            words = (section.title, row.what, row.who, value, row.unit, row.detail)
            lines.writerow([harmless(word) if isinstance(word, str) else word for word in words])
    return text.getvalue()
