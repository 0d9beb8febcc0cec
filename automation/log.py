"""The automation log: what happened and why, read from the facts themselves, newest first.

Who was given what is read from the assignments, which have the reason, as long as none of them is ever cleaned up; what
is older, and what was left to nobody, from the ledger, which keeps the line for good. So cleaning up changes nothing
that the log tells.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet

from automation.models import Firing
from crm.models import Activity
from jobs.models import Job
from people.models import User
from work import housekeeping
from work.models import Assignment, Task

Entry = dict[str, Any]
GIVEN = (Activity.TASK_ASSIGNED,)
LEFT = "left waiting"
TASK_KINDS = (Activity.TASK_CREATED, Activity.TASK_COMPLETED, Activity.TASK_STATUS_CHANGED)


def entries(user: User, *, limit: int, now: datetime, before: tuple[datetime, str] | None = None) -> list[Entry]:
    """Up to `limit` entries older than the (at, id) of the last one read. Six short queries, merged by time."""
    since = now - housekeeping.KEEP
    names = _Names(user.team_id)
    sources = [
        _newest(_firings(user), "at", limit, before, _firing),
        _newest(_assignments(user).filter(assigned_at__gte=since), "assigned_at", limit, before, _assignment),
        _left(_newest(_ledger(user, GIVEN).filter(occurred_at__gte=since), "occurred_at", limit, before, names.given)),
        _newest(_ledger(user, GIVEN).filter(occurred_at__lt=since), "occurred_at", limit, before, names.given),
        _newest(_ledger(user, TASK_KINDS), "occurred_at", limit, before, _activity),
        _newest(_jobs(user), "created_at", limit, before, _job),
    ]
    merged = heapq.merge(*sources, key=lambda entry: (entry["at"], entry["id"]), reverse=True)
    return [entry for _, entry in zip(range(limit), merged, strict=False)]


def _newest(
    rows: QuerySet[Any], column: str, limit: int, before: tuple[datetime, str] | None, shown: Any
) -> Iterator[Entry]:
    if before is not None:
        rows = rows.filter(**{f"{column}__lte": before[0]})
    # One instant may hold many rows: read past those the last page has shown.
    extra = rows.filter(**{column: before[0]}).count() if before is not None else 0
    found = sorted(
        (shown(row) for row in rows.order_by(f"-{column}", "-pk")[: limit + extra]),
        key=lambda entry: (entry["at"], entry["id"]),
        reverse=True,
    )
    return (entry for entry in found if before is None or (entry["at"], entry["id"]) < before)


def _left(given: Iterator[Entry]) -> Iterator[Entry]:
    """Those that were left to nobody. For each other line there is an assignment, so that as many lines of the ledger
    as a page is long reach back as far as the page does."""
    return (entry for entry in given if entry["outcome"] == LEFT)


def _firings(user: User) -> QuerySet[Firing]:
    return Firing.objects.visible_to(user).select_related("rule", "activity")


def _assignments(user: User) -> QuerySet[Assignment]:
    return Assignment.objects.visible_to(user).select_related("user", "by")


def _ledger(user: User, kinds: Sequence[str]) -> QuerySet[Activity]:
    tasks = Activity.objects.filter(team_id=user.team_id, activity_type__in=kinds)
    if not user.leads:
        tasks = tasks.filter(
            Q(actor=user) | Q(task_id__in=Task.objects.visible_to(user).values("pk")),
        )
    return tasks.select_related("actor")


def _jobs(user: User) -> QuerySet[Job]:
    return Job.objects.visible_to(user).filter(Q(team_id=user.team_id) | Q(user_id=user.pk))


def _firing(row: Firing) -> Entry:
    cause = row.activity.activity_type if row.activity else "time"
    return _entry(
        f"firing:{row.pk}",
        row.at,
        "rule",
        actor=row.rule.name,
        task_id=row.task_id,
        rule_id=row.rule_id,
        outcome=row.outcome,
        reason=row.reason or f"{cause} of contact {row.contact_id}",
    )


def _assignment(row: Assignment) -> Entry:
    return _entry(
        f"assignment:{row.pk}",
        row.assigned_at,
        "assignment",
        actor=row.by.display_name if row.by else "automation",
        task_id=row.task_id,
        outcome=f"assigned to {row.user.display_name}",
        reason=str(row.reasons.get("sentence", row.method)),
    )


class _Names:
    """Lines of the ledger on who was given what; people's names are read when the first such line is met."""

    def __init__(self, team_id: int) -> None:
        self.team_id = team_id

    @cached_property
    def people(self) -> dict[int, str]:
        return {user.pk: user.display_name for user in User.objects.filter(team_id=self.team_id)}

    def given(self, row: Activity) -> Entry:
        holder = row.data.get("user_id")
        return _entry(
            f"activity:{row.pk}",
            row.occurred_at,
            "assignment",
            actor=row.actor.display_name if row.actor else "automation",
            task_id=row.task_id,
            outcome=f"assigned to {self.people.get(holder, f'user {holder}')}" if holder else LEFT,
            reason=str(row.data.get("note") or row.data.get("method", "")),
        )


def _activity(row: Activity) -> Entry:
    return _entry(
        f"activity:{row.pk}",
        row.occurred_at,
        row.activity_type,
        actor=row.actor.display_name if row.actor else "automation",
        task_id=row.task_id,
        outcome=str(row.data.get("new_status") or row.activity_type.removeprefix("task_")),
        reason="",
    )


def _job(row: Job) -> Entry:
    return _entry(
        f"job:{row.pk}",
        row.created_at,
        "job",
        actor=row.name.rpartition(".")[2],
        job_id=str(row.pk),
        outcome=row.status,
        reason=row.error or _told(row.result),
    )


def _told(result: Any) -> str:
    """The sentence of a job's result, where it has one."""
    return str(result.get("reason", "")) if isinstance(result, dict) else ""


def _entry(entry_id: str, at: datetime, kind: str, **fields: Any) -> Entry:
    blank = {"actor": "", "task_id": None, "rule_id": None, "job_id": None, "outcome": "", "reason": ""}
    return {"id": entry_id, "at": at, "kind": kind, **blank, **fields}
