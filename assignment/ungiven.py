"""Why nobody has a task, as the newest run of the team found it."""

from typing import Any

from django.db.models import QuerySet

from assignment.models import Decision, Run
from domain import matching
from people.models import Team
from work.models import Task

Reason = tuple[str, str]
"""A code and its sentence."""


def why(team: Team) -> dict[int, Reason]:
    """By task id, of all that the newest run gave to nobody; a dry run counts, as it looked too."""
    found = _of_newest(team.pk).values_list("task", "code", "reasons__sentence")
    return {task_id: (code, sentence or "") for task_id, code, sentence in found}


def of_task(task: Task) -> dict[str, Any] | None:
    """Code, reason and when it was found, of an open task that nobody holds.

    None when no run has looked at it as it is now, as it is new or was changed since. What it waits for is not told:
    the tasks' own ties know which of these the reader may see.
    """
    if task.assignee_id is not None or not task.is_open:
        return None
    rows = _of_newest(task.team_id).filter(task=task, task_version=task.version).exclude(code=matching.DEPENDENCY)
    found = rows.select_related("run").first()
    if found is None:
        return None
    return {"code": found.code, "reason": str(found.reasons.get("sentence", "")), "at": found.run.created_at}


def _of_newest(team_id: int) -> QuerySet[Decision]:
    newest = Run.objects.filter(team=team_id).order_by("-created_at").values("pk")[:1]
    return Decision.objects.filter(run__in=newest, to_user__isnull=True)
