"""Erasing a person from the daily reports, which may quote what was suggested."""

from crm import erase
from performance.models import DailyReport


def wipe(subject: erase.Subject) -> None:
    erase.redact_in(DailyReport.objects.filter(team_id=subject.team_id), ("data",), subject)
