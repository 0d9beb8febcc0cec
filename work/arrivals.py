"""New tasks by the hundred, as `lifecycle.create` makes one and `lifecycle.assign` gives it."""

from collections.abc import Sequence
from datetime import datetime

from crm.models import Activity
from jobs import announcing
from jobs.announcing import TASK_ASSIGNED, TASK_CREATED, Fact
from jobs.rows import insert_new
from people.models import User
from work.lifecycle import SOURCE
from work.models import Assignment, Task

METHOD = "manual"


def create_all(tasks: Sequence[Task], *, by: User, now: datetime, sentence: str) -> list[Task]:
    """New tasks of one team, their fields checked before, each with an origin key: those whose key was free, with ids.

    Whoever they name as assignee holds them, for the reason of the sentence. Be in a transaction. Costs four
    statements, however many they are.
    """
    for task in tasks:
        task.created_at = now
        task.started_at = now if task.status == Task.IN_PROGRESS else None
        task.fill_in()
    by_key = {task.origin_key: task for task in tasks}
    for pk, key in insert_new(tasks, returning=("id", "origin_key")):
        by_key[key].pk = pk
    made = [task for task in tasks if task.pk is not None]
    held = [task for task in made if task.assignee_id is not None]
    insert_new(
        [_assignment(task, holder, by, now, sentence) for task in held if (holder := task.assignee_id) is not None]
    )
    _record(made, TASK_CREATED, Activity.TASK_CREATED, by, now)
    _record(held, TASK_ASSIGNED, Activity.TASK_ASSIGNED, by, now)
    return made


def _assignment(task: Task, holder: int, by: User, now: datetime, sentence: str) -> Assignment:
    return Assignment(
        task=task,
        user_id=holder,
        by=by,
        method=METHOD,
        reasons={"sentence": sentence},
        assigned_at=now,
        due_date=task.due_date,
        estimated_hours=task.estimated_hours,
    )


def _record(tasks: Sequence[Task], fact: str, kind: str, by: User, now: datetime) -> None:
    """The ledger's rows, and word to whoever listens."""
    details = {task.pk: {"user_id": task.assignee_id, "method": METHOD} for task in tasks if fact == TASK_ASSIGNED}
    rows = [
        Activity(
            team_id=task.team_id,
            contact_id=task.contact_id,
            task_id=task.pk,
            actor=by,
            activity_type=kind,
            occurred_at=now,
            received_at=now,
            source=SOURCE,
            origin=Activity.SYSTEM,
            data=details.get(task.pk, {}),
            processed_at=now,
        )
        for task in tasks
    ]
    ids = dict(insert_new(rows, returning=("task_id", "id")))
    with announcing.together():
        for task in tasks:
            key = f"activity:{ids[task.pk]}"
            said = {"actor_id": by.pk, **details.get(task.pk, {})}
            announcing.announce(Fact(fact, key, task.team_id, task.pk, now, task.contact_id, said))
