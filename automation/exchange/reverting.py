"""Taking back an import: what it made goes, and what it changed is again as it was.

What somebody has changed or switched on since stays, and so does what the one who takes it back may not change.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from automation import programmes, rules
from automation.exchange import parsing, printing, shapes
from automation.exchange.reports import Report
from automation.exchange.rows import Refused, Row, Rows
from automation.models import TaskAutomationRule
from people.models import Team, User

State = Mapping[tuple[str, int], str]
"""By kind and id what each row of the team says, as in a file."""


@dataclass(frozen=True)
class Step:
    """One row that an import made or changed: what it said before, as in a file; empty for one that it made."""

    kind: str
    pk: int
    before: str
    after: str
    """The digest of what it says since."""


def state(by: User, *, now: datetime) -> State:
    """To be asked for before and after an import."""
    rows = Rows(by, now)
    return {key: printing.listed(rows.entry(row)) for key, row in rows.every().items()}


def steps(report: Report, was: State, since: State) -> list[Step]:
    """What the import did, by the state before and after it."""
    keys = [(one.kind, one.id) for one in (*report.created, *report.updated) if one.id is not None]
    return [Step(*key, was.get(key, ""), _digest(since[key])) for key in keys if key in since]


def take_back(done: Iterable[Step], *, by: User, now: datetime) -> int:
    """How many of them are as they were, the last one first: what names another rule goes before it."""
    count = 0
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=by.team_id)
        rows = Rows(by, now)
        standing = rows.every()
        for step in reversed(list(done)):
            row = standing.get((step.kind, step.pk))
            if row is not None and _digest(printing.listed(rows.entry(row))) == step.after:
                count += _is_back(step, row, rows)
    return count


def _is_back(step: Step, row: Row, rows: Rows) -> bool:
    try:
        with transaction.atomic():
            rows.check_may_change(row)
            if step.before:
                [raw] = parsing.parse(step.before).value
                entry, faults = shapes.normal(step.kind, raw)
                if faults:
                    raise Refused(*faults)
                rows.rewrite(row, step.kind, entry)
            elif row.is_active:
                return False
            elif isinstance(row, TaskAutomationRule):
                rules.archive(row, by=rows.by, now=rows.now)
            else:
                programmes.archive(row, by=rows.by, now=rows.now)
    except Refused:
        return False
    return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
