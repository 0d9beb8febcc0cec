"""Rules, their frozen versions, what fired or did not and why, and groups of scheduled tasks."""

from decimal import Decimal
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import Activity, Contact
from people.models import Team, User
from people.rows import FilledInQuerySet
from work.models import Task


class RuleQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "RuleQuerySet":
        """Everybody in the team may read its rules: they explain the tasks. Who may change one is `rules.may_edit`."""
        return self.filter(team_id=user.team_id, archived_at__isnull=True)

    def live(self) -> "RuleQuerySet":
        return self.filter(is_active=True, archived_at__isnull=True)


class TaskAutomationRule(models.Model):
    """When something happens, make a task. Rows written by hand are as good as those of the API."""

    ACTIVITY, STATUS_CHANGE = "activity", "status_change"
    TRIGGERS = [(ACTIVITY, "Something a contact did"), (STATUS_CHANGE, "A contact's status changed")]
    ONCE_WHILE_OPEN, ONCE_EVER, ONCE_PER_WINDOW, EVERY_TIME = (
        "once_while_open",
        "once_ever",
        "once_per_window",
        "every_time",
    )
    REPEATS = [
        (ONCE_WHILE_OPEN, "Not while its task for the contact is open"),
        (ONCE_EVER, "Once for each contact"),
        (ONCE_PER_WINDOW, "Once for each contact in a number of hours"),
        (EVERY_TIME, "Every time"),
    ]
    OWN, TEAM = "own", "team"
    SCOPES = [(OWN, "Contacts its owner owns"), (TEAM, "The team's contacts")]

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="rules")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="rules", blank=True)
    scope = models.CharField(max_length=4, choices=SCOPES, blank=True)
    name = models.CharField(max_length=120)
    trigger_type = models.CharField(max_length=20, choices=TRIGGERS)
    trigger_config = models.JSONField(default=dict, blank=True)
    task_title_template = models.CharField(max_length=1000)
    task_description_template = models.TextField(blank=True)
    task_priority = models.CharField(max_length=8, choices=Task.PRIORITIES, default=Task.MEDIUM)
    delay_hours = models.DecimalField(max_digits=8, decimal_places=2, default=0, validators=[MinValueValidator(0)])
    reminder_offset_hours = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    is_active = models.BooleanField(default=True)
    repeat_policy = models.CharField(max_length=20, choices=REPEATS, default=ONCE_WHILE_OPEN)
    repeat_window_hours = models.PositiveIntegerField(default=24, validators=[MinValueValidator(1)])
    assign = models.CharField(
        max_length=40, default="owner", help_text="owner, best_match, round_robin, unassigned or user:ID"
    )
    required_skills = models.JSONField(default=list, blank=True, help_text='[{"skill": "Negotiation", "level": 3}]')
    estimated_hours = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal("0.01"))]
    )
    max_event_age_hours = models.PositiveIntegerField(
        default=72, validators=[MinValueValidator(1), MaxValueValidator(8760)]
    )
    fires_on_imports = models.BooleanField(default=False)
    fires_on_machines = models.BooleanField(default=False, help_text="Also on opens and clicks made by programs")
    times_triggered = models.PositiveIntegerField(default=0, editable=False)
    tasks_created = models.PositiveIntegerField(default=0, editable=False)
    parked_reason = models.TextField(blank=True, editable=False, help_text="Why an invalid rule does not run")
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = RuleQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["team", "trigger_type"], name="rule_live", condition=Q(is_active=True, archived_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return self.name

    def fill_in(self) -> None:
        """Team and scope follow from the owner at creation; passing a rule on never widens it."""
        if self.team_id is None:
            self.team_id = self.owner.team_id
        if not self.scope:
            self.scope = self.TEAM if self.owner.manages else self.OWN

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        super().save(*args, **kwargs)

    @property
    def tasks(self) -> models.QuerySet[Task]:
        """The tasks its firings made."""
        return Task.objects.filter(firings__rule=self)


class RuleVersion(models.Model):
    """A rule as it stood when it first fired after a change."""

    rule = models.ForeignKey(TaskAutomationRule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    content = models.JSONField()
    frozen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["rule", "content_hash"], name="one_version_per_content"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class FiringQuerySet(models.QuerySet["Firing"]):
    def visible_to(self, user: User) -> "FiringQuerySet":
        team = self.filter(rule__team_id=user.team_id)
        return team if user.leads else team.filter(Q(rule__owner=user) | Q(contact__owner=user))


class Firing(models.Model):
    """What one rule made of one event: a task, nothing and why, or a failure."""

    FIRED, SUPPRESSED, FAILED = "fired", "suppressed", "failed"

    rule = models.ForeignKey(TaskAutomationRule, on_delete=models.CASCADE, related_name="firings")
    version = models.ForeignKey(RuleVersion, on_delete=models.CASCADE, null=True, related_name="firings")
    trigger_key = models.CharField(max_length=80, help_text="activity:42")
    activity = models.ForeignKey(Activity, on_delete=models.SET_NULL, null=True, related_name="firings")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, related_name="firings")
    task = models.ForeignKey(Task, on_delete=models.SET_NULL, null=True, related_name="firings")
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    objects = FiringQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "trigger_key"], name="one_firing_per_trigger")]
        indexes = [
            models.Index(fields=["rule", "-at"], name="firing_newest"),
            models.Index(fields=["contact", "rule", "-at"], name="firing_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.trigger_key}: {self.outcome}"


class BatchQuerySet(models.QuerySet["ScheduledTaskBatch"]):
    def visible_to(self, user: User) -> "BatchQuerySet":
        team = self.filter(team_id=user.team_id)
        return team if user.leads else team.filter(Q(owner=user) | Q(contact__owner=user))


class ScheduledTaskBatch(models.Model):
    """Tasks that were scheduled together. Its tasks carry `batch:ID` as group key; progress is counted from them."""

    SEQUENCE, RECURRING = "sequence", "recurring"
    KINDS = [(SEQUENCE, "Follow-up sequence"), (RECURRING, "Recurring")]

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="batches")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=KINDS)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, related_name="batches")
    task_template = models.JSONField(default=dict, help_text="What a recurring series makes each time")
    active_key = models.CharField(
        max_length=80, null=True, unique=True, help_text="sequence:NAME:CONTACT while its tasks are open"
    )
    created_at = models.DateTimeField()

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "scheduled task batches"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.team_id is None:
            self.team_id = self.owner.team_id
        super().save(*args, **kwargs)

    @property
    def group_key(self) -> str:
        return f"batch:{self.pk}"

    @property
    def tasks(self) -> models.QuerySet[Task]:
        return Task.objects.filter(group_key=self.group_key)


class EngineQueue(models.Model):
    """One row a team: whoever holds its lock drains the team's activities, so policies and order cannot race."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return f"queue of {self.team_id}"
