"""New tasks by the hundred, as `lifecycle.create` makes one and `lifecycle.assign` gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from crm.models import Activity
from jobs import announcing
from jobs.announcing import Fact
from jobs.rows import add_all, at_hand, give_ids, insert_new, new
from people.models import User
from work import announced
from work.lifecycle import SOURCE
from work.models import Assignment, Task

METHOD = "manual"
"""Of what a file gives to somebody."""


@dataclass(frozen=True)
class Holding:
    """How whoever a new task names as its assignee came to it, as the assignment keeps it."""

    method: str
    reasons: Mapping[str, Any]


def create_new(
    tasks: Sequence[Task], *, by: User | None, now: datetime, holdings: Mapping[str | None, Holding]
) -> None:
    """New tasks of one team, their fields checked before, each with an origin key: those whose key was free get ids.

    Whoever they name as assignee holds them, by the holding of their origin key. Be in a transaction. Costs a handful
    of statements, however many they are.
    """
    _fill_in(tasks, now)
    by_key = {task.origin_key: task for task in tasks}
    for pk, key in insert_new(tasks, returning=("id", "origin_key")):
        by_key[key].id = pk
    _follow([task for task in tasks if task.id is not None], by, now, holdings)


def create_all(
    tasks: Sequence[Task], *, by: User | None, now: datetime, holdings: Mapping[str | None, Holding]
) -> list[Assignment]:
    """The same for tasks with ids that were reserved, all of which are new: IntegrityError says that one is not.

    The assignments of those that somebody holds.
    """
    _fill_in(tasks, now)
    add_all(tasks)
    return _follow(tasks, by, now, holdings)


def _fill_in(tasks: Sequence[Task], now: datetime) -> None:
    for task in tasks:
        task.created_at = now
        task.started_at = now if task.status == Task.IN_PROGRESS else None
        task.fill_in()


def _follow(
    tasks: Sequence[Task], by: User | None, now: datetime, holdings: Mapping[str | None, Holding]
) -> list[Assignment]:
    """The assignments, and the ledger's rows with word to whoever listens."""
    given = {task.id: _assignment(task, holdings[task.origin_key], by, now) for task in tasks if task.assignee_id}
    give_ids(list(given.values()))
    add_all(list(given.values()))
    rows = []
    for task in tasks:
        rows.append(_activity(task, Activity.TASK_CREATED, {}, by, now))
        if (assignment := given.get(task.id)) is not None:
            data = {"user_id": assignment.user_id, "method": assignment.method}
            rows.append(_activity(task, Activity.TASK_ASSIGNED, data, by, now))
    give_ids(rows)
    add_all(rows)
    actor = by.id if by is not None else None
    announcing.announce_all([_fact(row, actor, now) for row in rows])
    return list(given.values())


def _fact(row: Activity, actor: int | None, now: datetime) -> Fact:
    kind, task_id = announced.FACTS[row.activity_type], cast(int, row.task_id)
    said = {"actor_id": actor, **row.data}
    return Fact(kind, f"activity:{row.id}", row.team_id, task_id, now, row.contact_id, said)


def _assignment(task: Task, holding: Holding, by: User | None, now: datetime) -> Assignment:
    given = new(
        Assignment,
        user_id=task.assignee_id,
        task_id=task.id,
        by_id=by.id if by is not None else None,
        method=holding.method,
        reasons=holding.reasons,
        assigned_at=now,
        due_date=task.due_date,
        estimated_hours=task.estimated_hours,
    )
    at_hand(given, task=task)
    return given


def _activity(task: Task, kind: str, data: dict[str, Any], by: User | None, now: datetime) -> Activity:
    return new(
        Activity,
        team_id=task.team_id,
        contact_id=task.contact_id,
        task_id=task.id,
        actor_id=by.id if by is not None else None,
        activity_type=kind,
        occurred_at=now,
        received_at=now,
        source=SOURCE,
        origin=Activity.SYSTEM,
        data=data,
        processed_at=now,
    )
