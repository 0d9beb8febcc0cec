"""Finishing a task, written out in SQL: the one verb people wait for all day long.

Building these statements through the ORM costs several times what running them does; the tests hold both databases to
the same outcome.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from people.models import User
from work.models import Assignment, Task

SELECT = (
    "SELECT id, team_id, contact_id, assignee_id, owner_id, status, completed_at, actual_hours, notes "
    "FROM work_task WHERE id = %s AND assignee_id = %s AND team_id = %s"
)


def held_by(user: User, task_id: int) -> Task | None:
    """The task, if it is this person's to do, with what finishing it needs; for all others ask `visible_to`."""
    found = list(Task.objects.raw(SELECT, [task_id, user.pk, user.team_id]))
    return found[0] if found else None


def finish(task: Task, holder_id: int, *, now: datetime, actual_hours: Decimal | None, notes: str) -> bool:
    """Sets an open task to done if this person still holds it; False when somebody was faster."""
    parameters = [
        Task.DONE,
        _stored(Task, "completed_at", now),
        _stored(Task, "actual_hours", actual_hours),
        notes,
        task.pk,
        holder_id,
        *Task.OPEN,
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_task SET status = %s, completed_at = %s, actual_hours = %s, notes = %s, once_key = NULL, "
            "version = version + 1 WHERE id = %s AND assignee_id = %s AND status IN (%s, %s, %s)",
            parameters,
        )
        return bool(cursor.rowcount)


def end_assignment(task: Task, outcome: str, *, now: datetime, actual_hours: Decimal | None = None) -> None:
    """Closes the assignment that is in force, if there is one."""
    parameters = [
        _stored(Assignment, "ended_at", now),
        outcome,
        _stored(Assignment, "actual_hours", actual_hours),
        task.pk,
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_assignment SET ended_at = %s, outcome = %s, actual_hours = %s "
            "WHERE task_id = %s AND ended_at IS NULL",
            parameters,
        )


def _stored(model: Any, field: str, value: Any) -> Any:
    """A value as the database keeps it in this column."""
    return model._meta.get_field(field).get_db_prep_save(value, connection)
