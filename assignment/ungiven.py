"""Why nobody has a task, as the newest run of the team found it."""

from assignment.models import Decision, Run
from people.models import Team

Reason = tuple[str, str]
"""A code and its sentence."""


def why(team: Team) -> dict[int, Reason]:
    """By task id, of all that the newest run gave to nobody; a dry run counts, as it looked too."""
    newest = Run.objects.filter(team=team).order_by("-created_at").values("pk")[:1]
    rows = Decision.objects.filter(run__in=newest, to_user__isnull=True)
    found = rows.values_list("task", "code", "reasons__sentence")
    return {task_id: (code, sentence or "") for task_id, code, sentence in found}
