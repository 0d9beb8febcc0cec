"""What the cells of a task's row mean."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from crm.files import outcomes
from crm.files.models import Import
from crm.files.outcomes import Fault, Job, Outcome
from crm.files.team import People
from domain import calendars, touches
from domain.files import values
from domain.files.sheets import Row
from work import lifecycle
from work.models import Task

CENT = Decimal("0.01")
COLUMNS = (
    "title", "description", "priority", "status", "due_date", "reminder_offset_hours", "contact_id", "owner_id",
    "assignee_id", "estimated_hours", "notes",
)  # fmt: skip
"""The columns of a task that a file may say."""
TEXTS = ("title", "description", "priority", "estimated_hours", "reminder_offset_hours", "notes")
CLEAN: dict[str, Callable[..., Any]] = {name: Task._meta.get_field(name).clean for name in TEXTS}  # type: ignore[union-attr]
"""What the column itself makes of a value, or says of one that it cannot hold."""
LONGEST_TEXT = 20_000


class Reader:
    """Turns the texts of a row into values, and says of each that is none what to write instead."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.zone: ZoneInfo = calendars.first_zone(job.by.team.timezone).zone
        self.people = People(job.by)
        self.parsers: dict[str, Callable[[str], Any]] = {
            "nextmove_id": values.row_id,
            "priority": _priority,
            "status": lifecycle.parse_status,
            "due_date": lambda text: values.instant(
                text, zone=self.zone, at=touches.DAY_ENDS_AT, day_first=job.day_first
            ),
            "reminder_offset_hours": _hours,
            "estimated_hours": _hours,
            "owner": lambda text: self.people.named(text).pk,
            "assignee": lambda text: self.people.named(text).pk,
        }

    def read(self, row: Row) -> Outcome:
        found = Outcome(row.line, Import.UNCHANGED, faults=outcomes.faults_of(self.job, row))
        for name, text in outcomes.cells_of(self.job, row).items():
            try:
                value = self.parsers.get(name, _text)(text)
                column = f"{name}_id" if name in ("owner", "assignee") else name
                found.values[column] = CLEAN[name](value, None) if name in CLEAN else value
            except (ValueError, ValidationError) as wrong:
                message = " ".join(wrong.messages) if isinstance(wrong, ValidationError) else str(wrong)
                found.faults.append(Fault(self.job.column_of(name), message))
        found.name = str(found.values.get("title", ""))
        return found


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"It is longer than {LONGEST_TEXT:,} characters: shorten it.")
    return text


def _hours(text: str) -> Decimal:
    return values.number(text).quantize(CENT, ROUND_HALF_UP)


def _priority(text: str) -> str:
    word = text.strip().lower()
    if word not in dict(Task.PRIORITIES):
        raise ValueError(f"{text[:40]!r} is no priority: write low, medium, high or urgent.")
    return word
