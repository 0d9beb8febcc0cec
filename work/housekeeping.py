"""What is deleted with time. Scores of past days are kept apart, so cleaning up changes no history that is shown."""

from datetime import datetime, timedelta

from jobs import pruning
from people.models import Team
from work.models import Assignment

KEEP = timedelta(days=90)


def delete_old_assignments(team: Team, *, now: datetime) -> int:
    """Deletes the team's assignments that were given and ended over 90 days ago; returns how many.

    Those that ended first go first, so the last of a task, which tells who held it, goes last. To be called outside
    a transaction, else all of them are one.
    """
    until = now - KEEP
    old = Assignment.objects.filter(task__team=team, ended_at__lt=until, assigned_at__lt=until)
    return pruning.prune(old.order_by("ended_at", "pk"))
