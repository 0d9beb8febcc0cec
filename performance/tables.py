"""A daily report as a CSV file, for spreadsheets: its words in the language that is active, its figures as they are."""

import csv
import io

from domain.files.cells import harmless
from people import speech
from performance import sections
from performance.models import DailyReport

COLUMNS = ("section", "what", "who", "value", "unit", "detail")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def of_report(report: DailyReport) -> str:
    """All rows under one head: RFC 4180, with the mark by which spreadsheets know that it is UTF-8."""
    text = io.StringIO()
    text.write(BOM)
    lines = csv.writer(text)
    lines.writerow([speech.head(column) for column in COLUMNS])
    for section in sections.of(report.data):
        for row in section.rows:
            lines.writerow([harmless(word) if isinstance(word, str) else word for word in _line(section, row)])
    return text.getvalue()


def _line(section: sections.Section, row: sections.Row) -> list[str | float]:
    """By `COLUMNS`; names that people gave are told as they are."""
    what = row.what if row.named else speech.word(row.what)
    value = "" if row.value is None else row.value
    return [
        speech.said(section.title),
        what,
        speech.said(row.who),
        value,
        speech.word(row.unit),
        speech.said(row.detail),
    ]
