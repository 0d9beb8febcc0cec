"""Telling rooms above what happened to a task: what its activity says, under that activity's key."""

from typing import Any

from crm.models import Activity
from jobs import announcing
from work.models import Task

FACTS = {
    Activity.TASK_CREATED: announcing.TASK_CREATED,
    Activity.TASK_ASSIGNED: announcing.TASK_ASSIGNED,
    Activity.TASK_COMPLETED: announcing.TASK_COMPLETED,
    # Of changes of status only reopening is told: the task is somebody's to do again.
    Activity.TASK_STATUS_CHANGED: announcing.TASK_ASSIGNED,
}


def tell(task: Task, activity: Activity, **details: Any) -> None:
    """Of an activity that was just written; `details` is what the task itself does not say."""
    announcing.announce(
        announcing.Fact(
            FACTS[activity.activity_type],
            f"activity:{activity.pk}",
            task.team_id,
            task.pk,
            activity.occurred_at,
            task.contact_id,
            {"actor_id": activity.actor_id, **details},
        )
    )
