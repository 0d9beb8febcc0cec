"""Plans of whole teams and moves of work that were suggested, and what became of them."""

import uuid

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

    OPEN, APPLIED, STALE, UNDONE = "open", "applied", "stale", "undone"

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


class Overload(models.Model):
    """Somebody of whose week the leads are warned. It ends at a lower load than it begins, so it does not flicker."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="overload")
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} since {self.since:%Y-%m-%d}"


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: User) -> "RunQuerySet":
        return self.filter(team_id=user.team_id) if user.leads else self.none()


class Run(models.Model):
    """One plan of a team's work, and how far it was carried out.

    `value` and `bound` are in value per hour times quarter hours: no plan is worth more than the bound.
    """

    PLANNED, APPLYING, DONE, UNDOING, UNDONE = "planned", "applying", "done", "undoing", "undone"
    UNDER_WAY = (APPLYING, UNDOING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    key = models.CharField(max_length=120, null=True, unique=True, help_text="Of the job that asked for it")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, default=PLANNED)
    created_at = models.DateTimeField()
    held_until = models.DateTimeField(null=True, help_text="Past it, whoever carries it out is thought dead")
    ended_at = models.DateTimeField(null=True)
    value = models.BigIntegerField()
    bound = models.BigIntegerField()
    passes = models.PositiveIntegerField()
    solver = models.CharField(max_length=60)
    version = models.PositiveIntegerField(help_text="Of the engine")
    fault = models.CharField(max_length=255, blank=True, help_text="Why the solver was of no use")
    input_hash = models.CharField(max_length=64, help_text="The same input has the same plan")
    given = models.PositiveIntegerField(null=True, help_text="How many tasks it has given, once carried out")
    given_before = models.PositiveIntegerField(
        default=0, help_text="How many of the team's runs had given something when it was planned"
    )
    replan = models.BooleanField(default=False, help_text="It may move work that somebody holds and has not started")

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team"], condition=Q(state__in=["applying", "undoing"]), name="one_run_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["team", "-created_at"], name="run_of_team")]

    def __str__(self) -> str:
        return f"{self.id} of team {self.team_id}: {self.state}"

    @property
    def gap(self) -> float:
        """At most this share of the bound is missing."""
        return (self.bound - self.value) / self.bound if self.bound > self.value else 0.0


class Decision(models.Model):
    """What a run decided for one task: who gets it, or why nobody."""

    PLANNED, APPLIED, SKIPPED, UNDONE = "planned", "applied", "skipped", "undone"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="decisions")
    position = models.PositiveIntegerField()
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    task_version = models.PositiveIntegerField(help_text="As planned with; after applying, as it was left")
    from_user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="+", help_text="Whose it was, if it is moved"
    )
    to_user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    code = models.CharField(max_length=32, blank=True, help_text="Why nobody gets it, or why it was skipped")
    reasons = models.JSONField(default=dict)
    state = models.CharField(max_length=8, default=PLANNED)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "task"], name="one_decision_per_task_and_run")]
        indexes = [
            models.Index(fields=["run", "position"], name="decision_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} to {self.to_user_id}: {self.state}"
