"""What the cells of a contact's row mean."""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from crm.files import outcomes
from crm.files.models import Import
from crm.files.outcomes import Fault, Job, Outcome
from crm.files.team import People
from crm.models import Contact
from domain import calendars, recurrence, touches
from domain.files import values
from domain.files.sheets import Row

NO_ADDRESS = "It is no e-mail address: write it as ada@example.com, or leave the cell empty."
MOST_TAGS, LONGEST_TAG = 50, 60
EVERY = re.compile(r"every (\d{1,4}) days", re.ASCII)
CADENCES = {label.lower(): word for word, label in Contact.CADENCES} | {word: word for word in recurrence.CADENCES}
STATUSES = {label.lower(): word for word, label in Contact.STATUSES} | {word: word for word, _ in Contact.STATUSES}

COLUMNS = (
    "name", "email", "phone", "company", "status", "contact_cadence", "next_follow_up_at", "timezone", "lead_score",
    "tags", "owner_id", "do_not_contact",
)  # fmt: skip
"""The columns of a contact that a file may say."""
CLEAN: dict[str, Callable[..., Any]] = {
    field.attname: field.clean
    for field in Contact._meta.concrete_fields
    if field.attname in {*COLUMNS} - {"owner_id", "tags", "next_follow_up_at"}
}
"""What the column itself makes of a value, or says of one that it cannot hold."""


class Reader:
    """Turns the texts of a row into values, and says of each that is none what to write instead."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.zone: ZoneInfo = calendars.first_zone(job.by.team.timezone).zone
        self.people = People(job.by)
        self.parsers: dict[str, Callable[[str], Any]] = {
            "nextmove_id": values.row_id,
            "lead_score": values.whole,
            "status": lambda text: _word(text, STATUSES, "status", "lead, active, inactive or lost"),
            "contact_cadence": _cadence,
            "next_follow_up_at": lambda text: values.instant(
                text, zone=self.zone, at=touches.TOUCH_AT, day_first=job.day_first
            ),
            "tags": _tags,
            "do_not_contact": values.yes_or_no,
            "owner": lambda text: self.people.named(text).pk,
        }

    def read(self, row: Row) -> Outcome:
        found = Outcome(row.line, Import.UNCHANGED, faults=outcomes.faults_of(self.job, row))
        for name, text in outcomes.cells_of(self.job, row).items():
            try:
                self._put(found.values, name, self.parsers.get(name, str)(text))
            except (ValueError, ValidationError) as wrong:
                message = NO_ADDRESS if name == "email" else _said(wrong)
                found.faults.append(Fault(self.job.column_of(name), message))
        given = found.values
        parts = [given.pop("first_name", ""), given.pop("last_name", "")]
        if "name" not in given and any(parts):
            self._put(given, "name", " ".join(filter(None, parts))[:200])
        found.name = str(given.get("name") or given.get("email") or "")
        return found

    def _put(self, given: dict[str, Any], name: str, value: Any) -> None:
        column = "owner_id" if name == "owner" else name
        if column in CLEAN:
            value = CLEAN[column](value, None)
        elif name == "external_id" and len(value) > 200:
            raise ValueError("It is longer than 200 characters: shorten it.")
        given[column] = value


def _said(wrong: ValueError | ValidationError) -> str:
    return " ".join(wrong.messages) if isinstance(wrong, ValidationError) else str(wrong)


def _word(text: str, words: dict[str, str], what: str, instead: str) -> str:
    found = words.get(text.strip().lower())
    if found is None:
        raise ValueError(f"{text[:40]!r} is no {what}: write {instead}.")
    return found


def _cadence(text: str) -> str:
    word = text.strip().lower()
    if match := EVERY.fullmatch(word):
        word = f"days:{int(match[1])}"
    if word.startswith("days:"):
        return recurrence.check_cadence(word)
    return _word(text, CADENCES, "cadence", "daily, weekly, biweekly, monthly, quarterly, yearly or days:10")


def _tags(text: str) -> list[str]:
    tags = list(dict.fromkeys(tag.strip() for tag in text.split(";" if ";" in text else ",") if tag.strip()))
    if len(tags) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in tags):
        raise ValueError(f"Up to {MOST_TAGS} tags of {LONGEST_TAG} characters each, parted by semicolons.")
    return tags
