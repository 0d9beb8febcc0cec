"""Open tasks changed by the hundred, as `lifecycle.edit` changes one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.rows import write_all
from people import audit
from people.models import User
from work import lifecycle
from work.audited import TASK
from work.models import Task

EDITABLE = lifecycle.EDITABLE - {"contact", "actual_hours", "pinned"}
"""Not what has to be looked at with who holds the task, nor what is scored."""
WRITTEN = (
    *("title", "description", "priority", "due_date", "reminder_offset_hours", "owner_id", "estimated_hours", "notes"),
    *("due_spec", "due_wall", "due_zone", "remind_at", "reminded_at", "chased_for", "chase_at"),
    *("timing", "priority_source", "estimated_at", "edited_at", "version"),
)


def edit_all(wanted: Mapping[int, Mapping[str, Any]], *, by: User, now: datetime) -> frozenset[int]:
    """Changes tasks of one team by id, their fields checked before. Returns the ids of those that are there and open.

    Be in a transaction. Costs two statements beside one for each task.
    """
    if refused := {name for fields in wanted.values() for name in fields} - EDITABLE:
        raise TypeError(f"{', '.join(sorted(refused))}: changed one by one only")
    rows = list(Task.objects.select_for_update(no_key=True).open().filter(pk__in=list(wanted)).order_by("pk"))
    before = {row.pk: TASK.facts(row) for row in rows}
    for row in rows:
        lifecycle.revise(row, wanted[row.pk], by=by, now=now)
        row.fill_in()
    write_all(rows, WRITTEN)
    TASK.record_all([(row, before[row.pk], TASK.facts(row)) for row in rows], audit.CHANGED, by=by, now=now)
    return frozenset(before)
