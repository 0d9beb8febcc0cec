"""Word of tasks that a file brought or moved: one notice a person, file and direction, however many tasks it is."""

from collections import Counter
from datetime import datetime

from django.db.models import QuerySet

from crm.files.models import Import
from notifications import outbox
from notifications.models import Notification
from people.models import User
from work import arrivals
from work.files.task_rows import group_of
from work.models import Assignment, Task


def tell(row: Import, now: datetime) -> None:
    """To whoever got tasks by it, or lost some, and did not bring the file in."""
    if row.kind != Import.TASKS:
        return
    moved = _moved(row)
    made = Task.objects.filter(group_key=group_of(row), assignee__isnull=False).exclude(pk__in=moved.values("task"))
    got = Counter(made.values_list("assignee", flat=True)) + Counter(moved.values_list("user", flat=True))
    gone = Assignment.objects.filter(
        task__in=moved.values("task"), outcome=Assignment.MOVED, ended_at__gte=row.started_at
    )
    _tell_each(row, Notification.ASSIGNED, f"import:{row.pk}", got, "{count} from a file {are} yours", now)
    lost = Counter(user for user, task in set(gone.values_list("user", "task")))
    _tell_each(row, Notification.MOVED, f"import:{row.pk}:gone", lost, "{count} {are} no longer yours", now)


def _moved(row: Import) -> QuerySet[Assignment]:
    """What the file gave to somebody who did not have it: such an assignment names nobody's reasons but the file's."""
    rows = Assignment.objects.filter(
        by=row.by, method=arrivals.METHOD, reasons={}, assigned_at__gte=row.started_at, ended_at__isnull=True
    )
    return rows.filter(task__team=row.team_id)


def _tell_each(row: Import, kind: str, key: str, counts: Counter[int], title: str, now: datetime) -> None:
    for user in User.objects.filter(pk__in=counts).exclude(pk=row.by_id).select_related("team").order_by("pk"):
        many = counts[user.pk]
        outbox.tell(
            user,
            kind=kind,
            key=key,
            title=title.format(count=f"{many:,} tasks" if many > 1 else "A task", are="are" if many > 1 else "is"),
            body=f"{row.by.display_name} imported {row.file_name or 'it'}.",
            path="/",
            now=now,
        )
