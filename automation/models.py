"""Rules, their frozen versions, what fired or did not and why; sequences, campaigns and who is in them; batches."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from crm.models import Activity, Contact
from domain import templating
from learning.models import Experiment
from people.models import Team, User
from people.rows import FilledInQuerySet, SavesChanges, numbers_fit
from work.models import Task


class RuleQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "RuleQuerySet":
        """Everybody in the team may read its rules: they explain the tasks. Who may change one is `rules.may_edit`."""
        return self.filter(team_id=user.team_id, archived_at__isnull=True)

    def live(self) -> "RuleQuerySet":
        return self.filter(is_active=True, archived_at__isnull=True)

    def unplanned(self) -> "RuleQuerySet":
        """Live rules on time whose first instants nobody has worked out since they changed; reads a partial index."""
        return self.live().filter(PLANNED_KIND, planned_for="")

    def update(self, **fields: Any) -> int:
        """A rule changed by hand is planned anew."""
        if "planned_for" not in fields and PLANNED_BY & set(fields):
            fields["planned_for"] = ""
        return super().update(**fields)


PLANNED_KIND = Q(trigger_type="time") | Q(trigger_type="inactivity") | Q(trigger_type="overdue")
"""In words by which SQLite sees that a query may use an index: it proves no IN with parameters."""
PLANNED_BY = frozenset({"is_active", "trigger_type", "trigger_config", "scope", "owner", "owner_id", "archived_at"})


MOST_STRETCHES = 50
"""Stretches of having been off that a rule remembers, so that late events find them."""


SWITCHED = ("is_active", "seen_active", "off_since", "active_since", "off_before", "paused_reason")
"""What is written when a rule is switched on or off."""


class TaskAutomationRule(SavesChanges):
    """When something happens, make a task. Rows written by hand are as good as those of the API."""

    ACTIVITY, STATUS_CHANGE, TASK_COMPLETED = "activity", "status_change", "task_completed"
    CADENCE, TIME, OVERDUE, INACTIVITY = "cadence", "time", "overdue", "inactivity"
    TRIGGERS = [
        (ACTIVITY, "Something a contact did"),
        (STATUS_CHANGE, "A contact's status changed"),
        (CADENCE, "A contact's cadence came round"),
        (TIME, "At set times"),
        (OVERDUE, "A task or follow-up is overdue"),
        (INACTIVITY, "Nothing heard for a while"),
        (TASK_COMPLETED, "A task was completed"),
    ]
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
    DELAYS = [("elapsed", "Elapsed time"), ("calendar", "Calendar days"), ("business", "Working time")]
    OUTSIDE = [("", "As the delay has it"), ("next", "Next"), ("previous", "Previous"), ("as_is", "As it falls")]
    DELAY, DROP = "delay", "drop"
    OVERFLOWS = [(DELAY, "Later, when there is room"), (DROP, "Not at all")]
    OWN, TEAM = "own", "team"
    SCOPES = [(OWN, "Contacts its owner owns"), (TEAM, "The team's contacts")]
    ALWAYS = frozenset({"planned_for"})  # whatever was changed, it is planned anew

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
    priority_from_score = models.BooleanField(default=False, help_text="By the lead's score, where it has one")
    best_time_within_hours = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(336)],
        help_text="Due when the contact answers soonest, at most so long after the rule's own time; empty: at that",
    )
    experiment = models.ForeignKey(
        Experiment,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="Under way: contacts get one of its delays each",
    )
    condition = models.TextField(blank=True, help_text="In CEL, as contact.lead_score > 80; empty holds always")
    delay_kind = models.CharField(max_length=10, choices=DELAYS, default="elapsed")
    delay_days = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(3650)])
    delay_at = models.TimeField(null=True, blank=True, help_text="Local time of day for a delay in days")
    outside_hours = models.CharField(max_length=8, choices=OUTSIDE, blank=True, help_text="Due outside working time")
    is_active = models.BooleanField(default=True)
    settle_seconds = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(7 * 86_400)])
    limit_per_hour = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    limit_owner_day = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    limit_contact_day = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    overflow = models.CharField(max_length=8, choices=OVERFLOWS, default=DELAY)
    burst = models.PositiveIntegerField(
        default=100, help_text="Tasks in an hour from which a sudden rush pauses the rule; 0 never pauses it"
    )
    paused_reason = models.TextField(blank=True, editable=False, help_text="Why it switched itself off")
    off_since = models.DateTimeField(null=True, editable=False, help_text="When it was last switched off")
    active_since = models.DateTimeField(null=True, editable=False, help_text="And on; between them nothing fires it")
    off_before = models.JSONField(default=list, editable=False, help_text="Earlier stretches, [off, on], the last ones")
    seen_active = models.BooleanField(default=False, editable=False)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Of a rule on time")
    planned_for = models.CharField(max_length=64, blank=True, editable=False, help_text="The content it was planned by")
    planned_at = models.DateTimeField(null=True, editable=False, help_text="It looks for nothing from before")
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
        constraints = [numbers_fit("rule_hours_fit", "delay_hours", "reminder_offset_hours", "estimated_hours")]
        indexes = [
            models.Index(
                fields=["team", "trigger_type"], name="rule_live", condition=Q(is_active=True, archived_at__isnull=True)
            ),
            models.Index(
                fields=["team", "next_run_at"],
                name="rule_to_run",
                condition=Q(is_active=True, archived_at__isnull=True, next_run_at__isnull=False),
            ),
            models.Index(
                fields=["team", "planned_for"],  # both are asked for, so that SQLite does not prefer rule_live
                name="rule_unplanned",
                condition=PLANNED_KIND & Q(is_active=True, archived_at__isnull=True, planned_for=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def fill_in(self) -> None:
        """Team and scope follow from the owner at creation; passing a rule on never widens it. No name is empty."""
        if self.team_id is None:
            self.team_id = self.owner.team_id
        if not self.scope:
            self.scope = self.TEAM if self.owner.manages else self.OWN
        if not self.name:
            self.name = self.usual_name()
        self.planned_for = ""
        if self.is_new and not self.is_active:
            self.off_since = self.created_at
        elif self.is_active != self.seen_active:
            self.note_switched(self.created_at if self.is_new else timezone.now())

    def usual_name(self) -> str:
        """What it is called when nobody names it: the words of its title."""
        return templating.outline(self.task_title_template)[:120].rstrip()

    def note_switched(self, at: datetime) -> None:
        """Remembers when it was switched: what happened while it was off never fires it."""
        self.seen_active = self.is_active
        if self.is_active:
            self.active_since, self.paused_reason = at, ""
        else:
            self.off_before, self.off_since = self.stretches_off(), at

    def stretches_off(self) -> list[list[str]]:
        """The closed stretches in which it was off, as they are kept: the last ones, enough for late events."""
        if self.off_since is None or self.active_since is None or self.active_since <= self.off_since:
            return list(self.off_before)
        return [*self.off_before, [self.off_since.isoformat(), self.active_since.isoformat()]][-MOST_STRETCHES:]

    def was_off(self, at: datetime) -> bool:
        """Whether it was off at the instant."""
        if self.off_since is not None and at >= self.off_since:
            return self.active_since is None or self.active_since < self.off_since or at < self.active_since
        return any(datetime.fromisoformat(off) <= at < datetime.fromisoformat(on) for off, on in self.off_before)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        named = kwargs.get("update_fields")
        if named is not None:
            switched = SWITCHED if "is_active" in named else ()
            kwargs["update_fields"] = {*named, *switched, *(self.ALWAYS if PLANNED_BY & set(named) else ())}
        super().save(*args, **kwargs)

    @property
    def tasks(self) -> models.QuerySet[Task]:
        """The tasks its firings made."""
        return Task.objects.filter(firings__rule=self)


class RuleVersion(models.Model):
    """A rule as it stood when it was published, or first fired after a change."""

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
    """What one rule made of one event: a task, nothing and why, a failure; or what it waits for."""

    FIRED, SUPPRESSED, FAILED, WAITING = "fired", "suppressed", "failed", "waiting"

    rule = models.ForeignKey(TaskAutomationRule, on_delete=models.CASCADE, db_index=False, related_name="firings")
    version = models.ForeignKey(RuleVersion, on_delete=models.CASCADE, null=True, related_name="firings")
    trigger_key = models.CharField(max_length=80, help_text="activity:42, overdue:task:7:20260617T1000")
    kind = models.CharField(max_length=20, blank=True, help_text="The event's trigger type")
    occurred_at = models.DateTimeField(null=True, help_text="The instant of the event")
    data = models.JSONField(default=dict, help_text="What templates may show of the event")
    cause = models.ForeignKey(Task, on_delete=models.SET_NULL, null=True, related_name="caused_firings")
    root = models.ForeignKey(Activity, on_delete=models.SET_NULL, null=True, related_name="+")
    depth = models.PositiveSmallIntegerField(default=0, help_text="How many firings lie between it and the root")
    path = models.JSONField(default=list, help_text="Ids of the rules passed, the first one first")
    due_at = models.DateTimeField(null=True, help_text="When one that waits is looked at again")
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", help_text="The task's")
    activity = models.ForeignKey(Activity, on_delete=models.SET_NULL, null=True, related_name="firings")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, db_index=False, related_name="firings")
    task = models.ForeignKey(Task, on_delete=models.SET_NULL, null=True, related_name="firings")
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(help_text="When it was decided")

    objects = FiringQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "trigger_key"], name="one_firing_per_trigger")]
        indexes = [
            models.Index(fields=["rule", "-at"], name="firing_newest"),
            models.Index(fields=["rule", "outcome", "at"], name="firing_outcome"),
            models.Index(fields=["rule", "task"], name="firing_made", condition=Q(task__isnull=False)),
            models.Index(fields=["contact", "rule", "-at"], name="firing_contact"),
            models.Index(fields=["owner", "-at"], name="firing_owner", condition=Q(outcome="fired")),
            models.Index(fields=["due_at"], name="firing_waiting", condition=Q(outcome="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.trigger_key}: {self.outcome}"


class ParkedPair(models.Model):
    """A rule that ran in circles over one contact: it leaves that contact alone until somebody lets it go on."""

    rule = models.ForeignKey(TaskAutomationRule, on_delete=models.CASCADE, related_name="parked_pairs")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=255)
    chain = models.JSONField(default=list, help_text="Rule names, the first cause first")
    at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "contact"], condition=Q(released_at__isnull=True), name="parked_once_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} for {self.contact_id}: {self.reason}"


class TeamQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "TeamQuerySet":
        """Everybody in the team may read its sequences and campaigns."""
        return self.filter(team_id=user.team_id, archived_at__isnull=True)


class Programme(models.Model):
    """What sequences and campaigns share: steps for a contact over time, and what ends them early."""

    REFUSE, ONCE, ALWAYS = "refuse", "once", "always"
    REENROL = [
        (REFUSE, "Not while under way"),
        (ONCE, "Once for each contact"),
        (ALWAYS, "As often as asked, also side by side"),
    ]

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", blank=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    exits = models.JSONField(default=dict, blank=True, help_text="What ends it early; all of it when left out")
    reenrol = models.CharField(max_length=10, choices=REENROL, default=REFUSE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def fill_in(self) -> None:
        if self.team_id is None:
            self.team_id = self.owner.team_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        super().save(*args, **kwargs)


class Sequence(Programme):
    """Follow-up tasks for one contact. The three presets are rows of this kind, one a team, made when first used."""

    ANCHOR, PUSH = "anchor", "push"
    SLIPS = [(ANCHOR, "Dates stay"), (PUSH, "Later steps move along")]
    AT_ONCE, ONE_BY_ONE = "at_once", "one_by_one"
    PACINGS = [(AT_ONCE, "All tasks at once"), (ONE_BY_ONE, "Each task when its time comes")]

    preset = models.CharField(max_length=20, blank=True, editable=False, help_text="standard, aggressive or gentle")
    slip = models.CharField(max_length=8, choices=SLIPS, default=ANCHOR)
    pacing = models.CharField(max_length=12, choices=PACINGS, default=ONE_BY_ONE)
    steps = models.JSONField(default=list, blank=True)

    def clean(self) -> None:
        """Refuses what the API refuses, naming the field."""
        from automation.programmes import sequences

        if self.owner_id is not None:
            sequences.clean(self)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "preset"], condition=~Q(preset=""), name="one_sequence_per_preset")
        ]


class Campaign(Programme):
    """Steps of several channels for many contacts; its steps are rows that may be written by hand."""


class AutomationStep(models.Model):
    """One step of a campaign. `delay_days` counts from the previous step; a TASK makes a task titled `name`."""

    TASK, EMAIL, SMS, WAIT = "task", "email", "sms", "wait"
    MESSAGE_TYPES = [(TASK, "Task"), (EMAIL, "E-mail"), (SMS, "SMS"), (WAIT, "Wait")]

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="steps")
    message_type = models.CharField(max_length=8, choices=MESSAGE_TYPES, default=TASK)
    name = models.CharField(max_length=255, blank=True)
    body = models.TextField(blank=True)
    delay_days = models.DecimalField(max_digits=8, decimal_places=2, default=0, validators=[MinValueValidator(0)])
    order = models.PositiveIntegerField(default=1)
    condition = models.TextField(blank=True)
    priority = models.CharField(max_length=8, choices=Task.PRIORITIES, default=Task.MEDIUM)
    settings = models.JSONField(
        default=dict, blank=True, help_text="What else a step takes: wait_for_previous and such"
    )

    class Meta:
        constraints = [numbers_fit("step_days_fit", "delay_days")]
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return f"{self.order}. {self.name or self.message_type}"

    def clean(self) -> None:
        """Refuses what the API refuses, such as a channel that is not set up, naming the field."""
        from automation.programmes import campaigns

        if self.campaign_id is not None:
            campaigns.clean_step(self)


class StepsVersion(models.Model):
    """A programme's steps as they stood when somebody was enrolled: who is under way goes on by them."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, null=True, related_name="versions")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, null=True, related_name="versions")
    number = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    content = models.JSONField()
    frozen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sequence", "content_hash"], name="one_steps_version_per_sequence"),
            models.UniqueConstraint(fields=["campaign", "content_hash"], name="one_steps_version_per_campaign"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"


class BatchQuerySet(models.QuerySet["ScheduledTaskBatch"]):
    def visible_to(self, user: User) -> "BatchQuerySet":
        team = self.filter(team_id=user.team_id)
        return team if user.leads else team.filter(Q(owner=user) | Q(contact__owner=user))


class ScheduledTaskBatch(models.Model):
    """Tasks that were scheduled together. Its tasks carry `batch:ID` as group key; progress is counted from them."""

    SEQUENCE, RECURRING, CAMPAIGN, BULK = "sequence", "recurring", "campaign", "bulk"
    KINDS = [
        (SEQUENCE, "Follow-up sequence"),
        (RECURRING, "Recurring"),
        (CAMPAIGN, "Campaign"),
        (BULK, "Bulk enrolment"),
    ]
    SCHEDULE, COMPLETION, TOUCH = "schedule", "completion", "touch"
    RECURS_FROM = [
        (TOUCH, "The last touch of the contact"),
        (SCHEDULE, "The calendar"),
        (COMPLETION, "The last one's completion"),
    ]

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="batches")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=KINDS)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, related_name="batches")
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="parts", help_text="The bulk run it was part of"
    )
    sequence = models.ForeignKey(Sequence, on_delete=models.SET_NULL, null=True, related_name="batches")
    campaign = models.ForeignKey(Campaign, on_delete=models.SET_NULL, null=True, related_name="batches")
    task_template = models.JSONField(default=dict, help_text="What a recurring series makes each time")
    cadence = models.CharField(max_length=10, blank=True, help_text="Of a recurring series")
    anchor_day = models.PositiveSmallIntegerField(null=True, help_text="The first day of the month chosen")
    recurs_from = models.CharField(max_length=10, choices=RECURS_FROM, blank=True)
    next_run_at = models.DateTimeField(null=True, help_text="Of a series on the calendar")
    time_of_day = models.TimeField(null=True, help_text="And at what local time")
    zone = models.CharField(max_length=64, blank=True, help_text="Whose clock it was worked out on")
    ended_at = models.DateTimeField(null=True)
    active_key = models.CharField(
        max_length=80, null=True, unique=True, help_text="sequence:NAME:CONTACT while its tasks are open"
    )
    created_at = models.DateTimeField()

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "scheduled task batches"
        indexes = [
            models.Index(
                fields=["team", "next_run_at"],
                name="batch_to_run",
                condition=Q(next_run_at__isnull=False, ended_at__isnull=True),
            )
        ]

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


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def visible_to(self, user: User) -> "EnrolmentQuerySet":
        team = self.filter(team_id=user.team_id)
        return team if user.leads else team.filter(Q(owner=user) | Q(contact__owner=user))

    def due(self, now: datetime) -> "EnrolmentQuerySet":
        """Reads only the partial index on those under way."""
        return self.filter(next_step_at__lte=now, state=Enrolment.ACTIVE)

    def to_resume(self, now: datetime) -> "EnrolmentQuerySet":
        """Paused until a date, as by an automatic reply, that has come."""
        return self.filter(resume_at__lte=now, state=Enrolment.PAUSED)


class Enrolment(models.Model):
    """One contact's way through a sequence or a campaign, on the version it was enrolled in."""

    ACTIVE, PAUSED, FINISHED, EXITED, STOPPED = "active", "paused", "finished", "exited", "stopped"
    UNDER_WAY: ClassVar[tuple[str, ...]] = (ACTIVE, PAUSED)

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="enrolments")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", help_text="Who enrolled it")
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, null=True, related_name="enrolments")
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, null=True, related_name="enrolments")
    version = models.ForeignKey(StepsVersion, on_delete=models.PROTECT, related_name="enrolments")
    batch = models.ForeignKey(ScheduledTaskBatch, on_delete=models.PROTECT, related_name="enrolments")
    state = models.CharField(max_length=10, default=ACTIVE)
    started_at = models.DateTimeField(help_text="What days are counted from")
    next_step_at = models.DateTimeField(
        null=True, help_text="When it is looked at next: a step is due, or a task it waits for may be done"
    )
    paused_at = models.DateTimeField(null=True)
    resume_at = models.DateTimeField(null=True, help_text="A pause that ends by itself")
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=255, blank=True, help_text="Why it paused or ended")
    heard_activity = models.BigIntegerField(
        default=0, help_text="Up to this id of the ledger nothing ends it: an undo has decided that"
    )
    undo = models.JSONField(null=True, help_text="What an undo restores")
    undo_until = models.DateTimeField(null=True)
    active_key = models.CharField(max_length=80, null=True, unique=True, help_text="sequence:7:42 while under way")
    created_at = models.DateTimeField()

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["team", "next_step_at"],
                name="enrolment_due",
                condition=Q(state="active", next_step_at__isnull=False),
            ),
            models.Index(
                fields=["team", "resume_at"],
                name="enrolment_to_resume",
                condition=Q(state="paused", resume_at__isnull=False),
            ),
            models.Index(fields=["contact", "state"], name="enrolment_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.sequence_id or self.campaign_id}"

    @property
    def group_key(self) -> str:
        """What its tasks carry: they are those of its batch."""
        return f"batch:{self.batch_id}"


class EnrolmentStep(models.Model):
    """One step of one enrolment: planned with its date, then done, skipped, failed or cancelled, once."""

    PLANNED, DONE, SKIPPED, FAILED, CANCELLED = "planned", "done", "skipped", "failed", "cancelled"

    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=40, help_text="The step's own, the same over versions")
    number = models.PositiveIntegerField()
    due_at = models.DateTimeField(help_text="Not before then; one that waits for the task before it may come later")
    due_wall = models.CharField(max_length=32, blank=True)
    due_zone = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, default=PLANNED)
    reason = models.CharField(max_length=255, blank=True)
    task = models.ForeignKey(Task, on_delete=models.SET_NULL, null=True, related_name="enrolment_steps")
    at = models.DateTimeField(null=True, help_text="When it was done, skipped, failed or cancelled")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enrolment", "key"], name="one_step_per_enrolment")]

    def __str__(self) -> str:
        return f"{self.enrolment_id}: {self.number} {self.state}"


class EngineQueue(models.Model):
    """One row a team: whoever holds its lock drains the team's activities, so policies and order cannot race."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    drained_at = models.DateTimeField(null=True, help_text="When it was last seen empty")

    def __str__(self) -> str:
        return f"queue of {self.team_id}"


class RuleChange(models.Model):
    """A change of some rule of a team, written by the database itself; see `automation.rule_changes`."""

    team_id = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return f"change {self.pk} of team {self.team_id}"


class BacktestQuerySet(models.QuerySet["Backtest"]):
    def visible_to(self, user: User) -> "BacktestQuerySet":
        """One's own, whoever one is."""
        return self.filter(by=user)


class Backtest(models.Model):
    """A replay of a rule that takes its time: how far it is, and what it found; see `automation.backtests`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    rule = models.ForeignKey(TaskAutomationRule, on_delete=models.CASCADE, related_name="backtests")
    by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    content = models.JSONField(help_text="The rule as it stood when it was asked, saved or not")
    start = models.DateTimeField()
    end = models.DateTimeField()
    job_id = models.UUIDField()
    made_at = models.DateTimeField(db_index=True)
    share = models.FloatField(default=0, help_text="Of the events that are behind, from 0 to 1")
    told = models.JSONField(null=True, encoder=DjangoJSONEncoder, help_text="What it found; no names of contacts")
    fault = models.TextField(blank=True, help_text="Why it found nothing")

    objects = BacktestQuerySet.as_manager()

    def __str__(self) -> str:
        return f"backtest of {self.rule_id} by {self.by_id}"

    @property
    def is_over(self) -> bool:
        return self.told is not None or bool(self.fault)


class Tally(models.Model):
    """The figures of a team's rules, sequences and campaigns as they were counted last; see `automation.tallies`."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField(help_text="When they were counted")
    figures = models.JSONField(encoder=DjangoJSONEncoder)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"figures of {self.team_id} at {self.at}"
