"""Why a task is whose it is: the same data for the page, the API, the log and the notice."""

from typing import Any

from work.models import Assignment, Task


def of_task(task: Task) -> dict[str, Any] | None:
    """The assignment in force, or the last one; None for a task nobody ever held."""
    assignment = Assignment.objects.filter(task=task).select_related("user", "by").order_by("-pk").first()
    return None if assignment is None else of_assignment(assignment)


def of_assignment(assignment: Assignment) -> dict[str, Any]:
    return {
        "assignment_id": assignment.pk,
        "user_id": assignment.user_id,
        "user": assignment.user.display_name,
        "by": assignment.by.display_name if assignment.by else None,
        "method": assignment.method,
        "assigned_at": assignment.assigned_at,
        "sentence": assignment.reasons.get("sentence", ""),
        "late": bool(assignment.reasons.get("late", False)),
        "choice": assignment.reasons.get("choice"),
    }
