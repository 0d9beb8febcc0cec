"""Moves of work that were suggested, and what became of them."""

from django.db import models
from django.db.models import Q

from people.models import Team, User
from work.models import Task


class SuggestionQuerySet(models.QuerySet["Suggestion"]):
    def visible_to(self, user: User) -> "SuggestionQuerySet":
        return self.filter(team_id=user.team_id) if user.leads else self.none()

    def standing(self) -> "SuggestionQuerySet":
        return self.filter(state=Suggestion.OPEN)


class Suggestion(models.Model):
    """Move this task from one person to another; the figures are those of the moment it was made."""

    OPEN, APPLIED, STALE = "open", "applied", "stale"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    from_user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    to_user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    hours = models.DecimalField(max_digits=8, decimal_places=2)
    loads = models.JSONField(help_text="Utilisation in percent: from_before, from_after, to_before, to_after")
    reason = models.CharField(max_length=255)
    state = models.CharField(max_length=8, default=OPEN)
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    applied_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = SuggestionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task"], condition=Q(state="open"), name="one_open_suggestion_per_task")
        ]

    def __str__(self) -> str:
        return f"{self.task_id}: {self.from_user_id} to {self.to_user_id}"
