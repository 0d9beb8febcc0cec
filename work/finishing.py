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

NEEDED = {"id", "team_id", "title", "status", "contact_id", "owner_id", "assignee_id", "actual_hours"}
COLUMNS = [field.attname for field in Task._meta.concrete_fields if field.attname in NEEDED]
"""What finishing a task asks of its row, in the model's order; Django fetches the rest when somebody asks."""
SELECT = f"SELECT {', '.join(COLUMNS)} FROM work_task WHERE id = %s AND assignee_id = %s AND team_id = %s"  # noqa: S608
FINISH = """
    UPDATE work_task SET status = %s, completed_at = %s, outcome = %s,
        actual_hours = COALESCE(%s, actual_hours), once_key = NULL,
        notes = CASE WHEN %s = '' THEN notes WHEN notes = '' THEN %s ELSE notes || %s END, version = version + 1
    WHERE id = %s AND assignee_id = %s AND status IN (%s, %s, %s)
"""


def held_by(user: User, task_id: int) -> Task | None:
    """The task, if it is this person's to do; for all others ask `visible_to`."""
    with connection.cursor() as cursor:
        cursor.execute(SELECT, [task_id, user.pk, user.team_id])
        row = cursor.fetchone()
    return None if row is None else Task.from_db(connection.alias, COLUMNS, row)


def finish(
    task: Task, holder_id: int, *, now: datetime, actual_hours: Decimal | None, notes: str, outcome: str = ""
) -> bool:
    """Sets an open task to done if this person still holds it; False when somebody was faster.

    Hours and notes are added to what the task has; None and "" leave it as it is.
    """
    parameters = [
        Task.DONE,
        _stored(Task, "completed_at", now),
        outcome,
        _stored(Task, "actual_hours", actual_hours),
        *(notes, notes, f"\n\n{notes}"),
        *(task.pk, holder_id),
        *Task.OPEN,
    ]
    with connection.cursor() as cursor:
        cursor.execute(FINISH, parameters)
        return bool(cursor.rowcount)


def end_assignment(task: Task, outcome: str, *, now: datetime) -> bool:
    """Closes the assignment that is in force with the hours the task then has; False when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE work_assignment SET ended_at = %s, outcome = %s, "
            "actual_hours = (SELECT actual_hours FROM work_task WHERE id = %s) "
            "WHERE task_id = %s AND ended_at IS NULL",
            [_stored(Assignment, "ended_at", now), outcome, task.pk, task.pk],
        )
        return bool(cursor.rowcount)


def _stored(model: Any, field: str, value: Any) -> Any:
    """A value as the database keeps it in this column."""
    return model._meta.get_field(field).get_db_prep_save(value, connection)
