"""Hours that a task took: checked as its column is, and corrected once it is finished.

What is scored follows a correction; what was promised stays.
"""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from jobs import queue
from work.models import Assignment, Task

SCORE_JOB = "automation.tasks.update_user_performance_metrics"


def checked(hours: Decimal | None) -> Decimal | None:
    """The hours as the column keeps them. Raises ValidationError that names it, for what it would not take."""
    if hours is None:
        return None
    column: Any = Task._meta.get_field("actual_hours")
    try:
        return Decimal(column.clean(hours, None))
    except ValidationError as wrong:
        raise ValidationError({"actual_hours": wrong.messages}) from None


def follow(task: Task, *, now: datetime) -> uuid.UUID | None:
    """Gives the completed assignment the hours that the task has now, and has its holder's score computed anew.

    Returns the job; None when there is nothing to follow, as the task is not done or has the same hours. The estimate
    is the one that it was assigned with, whatever became of the task's. Be in the transaction of the correction, after
    the task's version has grown: the job is keyed by it.
    """
    if task.status != Task.DONE:
        return None
    completed = Assignment.objects.filter(task=task, outcome=Assignment.COMPLETED).order_by("-pk").first()
    if completed is None or completed.actual_hours == task.actual_hours:
        return None
    Assignment.objects.filter(pk=completed.pk).update(actual_hours=task.actual_hours)
    (job_id,) = queue.enqueue(
        queue.Request(
            SCORE_JOB,
            [completed.user_id],
            key=f"task:{task.pk}:hours:{task.version}",
            team_id=task.team_id,
            user_id=completed.user_id,
        ),
        now=now,
    )
    return job_id
