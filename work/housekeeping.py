"""What is deleted with time. Scores of past days are kept apart, so cleaning up changes no history that is shown."""

from datetime import datetime, timedelta

from people.models import Team
from work.models import Assignment

KEEP = timedelta(days=90)


def delete_old_assignments(team: Team, *, now: datetime) -> int:
    """Deletes the team's assignments that ended over 90 days ago; returns how many."""
    old = Assignment.objects.filter(task__team=team, ended_at__lt=now - KEEP)
    return Assignment.objects.filter(pk__in=old.values("pk")).delete()[0]
