"""Tasks, the skills they need, and who held them when."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from crm import trigrams
from crm.models import Contact
from people.models import Skill, Team, User
from people.rows import FilledInQuerySet, numbers_fit

UNFINISHED = ~Q(status="done") & ~Q(status="cancelled") & ~Q(status="obsolete")
"""The open ones, in words by which SQLite sees that a query may use an index: it proves no IN with parameters."""

DATED = frozenset({"due_date", "reminder_offset_hours"})
FOLLOWING = ("remind_at", "reminded_at", "chase_at", "chased_for")
"""The columns that follow from when a task is due."""


class TaskQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "TaskQuerySet":
        """Members: work they hold or own, and work on contacts they own. Leads and managers: the team's."""
        team = self.filter(team_id=user.team_id)
        if user.leads:
            return team
        return team.filter(Q(assignee=user) | Q(owner=user) | Q(contact__owner=user))

    def update(self, **fields: Any) -> int:
        """Reminder and chase follow a date moved by hand, as they do after `save()`."""
        if "remind_at" in fields or not DATED & set(fields):
            return super().update(**fields)
        with transaction.atomic():
            pks = list(self.values_list("pk", flat=True))
            changed = super().update(**fields)
            for start in range(0, len(pks), 500):
                rows = list(Task.objects.filter(pk__in=pks[start : start + 500]))
                for row in rows:
                    row.fill_in()
                Task.objects.bulk_update(rows, FOLLOWING)
        return changed

    def open(self) -> "TaskQuerySet":
        return self.filter(UNFINISHED)

    def found_by(self, letters: str) -> "TaskQuerySet":
        """Rows in whose title these letters stand, anywhere and in any case."""
        return self.filter(Task.TRIGRAMS.may_hold(letters), title__icontains=letters)

    def about(self, letters: str) -> "TaskQuerySet":
        """Rows in whose title they stand, or in the name or the company of whom they are for."""
        named = Q(name__icontains=letters) | Q(company__icontains=letters)
        found = (
            Contact.objects.filter(Contact.TRIGRAMS.may_hold(letters), named).order_by().values_list("pk", flat=True)
        )
        contacts = list(found[: trigrams.FEW + 1])
        titled = Q(title__icontains=letters)
        if len(contacts) <= trigrams.FEW:  # by their ids, for no index reaches over a join
            return self.filter(Q(contact__in=contacts) | titled & Task.TRIGRAMS.may_hold(letters))
        return self.filter(Q(contact__name__icontains=letters) | Q(contact__company__icontains=letters) | titled)

    def waiting(self) -> "TaskQuerySet":
        """Ready work that nobody holds: what waits for other tasks is not ready."""
        return self.unheld().filter(~Exists(Dependency.objects.unmet().filter(task=OuterRef("pk"))))

    def unheld(self) -> "TaskQuerySet":
        """Work to do that nobody holds, ready or not."""
        return self.filter(status=Task.TODO, assignee__isnull=True)

    def overdue(self, now: datetime) -> "TaskQuerySet":
        return self.open().filter(due_date__lt=now)

    def to_chase(self, now: datetime) -> "TaskQuerySet":
        """Reads only the partial index on what somebody is still to be told of; finished ones are settled silently."""
        return self.filter(chase_at__lte=now)

    def to_remind(self, now: datetime) -> "TaskQuerySet":
        """Reads only the partial index on what is still to be told; finished ones are settled without a word."""
        return self.filter(remind_at__lte=now, reminded_at__isnull=True)


WITH_HOURS = Q(completed_at__isnull=False, actual_hours__isnull=False)
"""Finished, with what it took."""


class Task(models.Model):
    LOW, MEDIUM, HIGH, URGENT = "low", "medium", "high", "urgent"
    PRIORITIES = [(LOW, "Low"), (MEDIUM, "Medium"), (HIGH, "High"), (URGENT, "Urgent")]
    TODO, IN_PROGRESS, BLOCKED = "todo", "in_progress", "blocked"
    DONE, CANCELLED, OBSOLETE = "done", "cancelled", "obsolete"
    STATUSES = [
        (TODO, "To do"),
        (IN_PROGRESS, "In progress"),
        (BLOCKED, "Blocked"),
        (DONE, "Done"),
        (CANCELLED, "Cancelled"),
        (OBSOLETE, "Obsolete"),
    ]
    REACHED, NO_ANSWER, MESSAGE_LEFT, WON, LOST = "reached", "no_answer", "message_left", "won", "lost"
    OUTCOMES = [
        (REACHED, "Reached"),
        (NO_ANSWER, "No answer"),
        (MESSAGE_LEFT, "Message left"),
        (WON, "Won"),
        (LOST, "Lost"),
    ]
    BY_SCORE = "score"
    """The source of a priority that follows the contact's lead score; any other is a person's or a rule's own."""
    OPEN: ClassVar[tuple[str, ...]] = (TODO, IN_PROGRESS, BLOCKED)
    TRIGRAMS: ClassVar = trigrams.Trigrams("work_task", ("title",))

    # Team and contact have no index of their own: those that begin with them do.
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="tasks", blank=True, db_index=False)
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    priority = models.CharField(max_length=8, choices=PRIORITIES, default=MEDIUM)
    status = models.CharField(max_length=12, choices=STATUSES, default=TODO)
    due_date = models.DateTimeField(null=True, blank=True)
    reminder_offset_hours = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    remind_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="due_date less the offset")
    reminded_at = models.DateTimeField(null=True, blank=True, editable=False)
    due_spec = models.JSONField(null=True, blank=True, editable=False, help_text="The delay it was derived by")
    due_wall = models.CharField(max_length=32, blank=True, editable=False, help_text="The wall time meant, ISO")
    due_zone = models.CharField(max_length=64, blank=True, editable=False, help_text="And its zone")
    chase_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When somebody is next told, or a rule looks, that it is late"
    )
    chased_for = models.DateTimeField(null=True, blank=True, editable=False, help_text="The due date chase_at is of")
    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, null=True, blank=True, related_name="tasks", db_index=False
    )
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="owned_tasks")
    assignee = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="tasks")
    estimated_hours = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal("0.01"))]
    )
    estimated_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the estimate was last changed; empty: never since",
    )
    actual_hours = models.DecimalField(
        max_digits=8, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    notes = models.TextField(blank=True)
    outcome = models.CharField(
        max_length=12, choices=OUTCOMES, blank=True, editable=False, help_text="What came of it, as it was completed"
    )
    priority_source = models.CharField(
        max_length=8, blank=True, editable=False, help_text="score: the priority follows the contact's lead score"
    )
    timing = models.JSONField(
        null=True, blank=True, editable=False, help_text="How its hour was chosen, where it is the contact's best time"
    )
    pinned = models.BooleanField(default=False, help_text="Stays with whoever holds it: nothing moves it by itself")
    required_skills = models.ManyToManyField(Skill, through="TaskSkill", related_name="tasks", blank=True)
    origin_key = models.CharField(max_length=120, null=True, blank=True, unique=True, editable=False)
    group_key = models.CharField(max_length=60, blank=True, editable=False)
    kind = models.CharField(
        max_length=60, blank=True, editable=False, help_text="What made it, as rule:7: tasks of a kind take alike long"
    )
    once_key = models.CharField(max_length=120, null=True, blank=True, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When a person last changed it")
    banner = models.CharField(max_length=255, blank=True, editable=False, help_text="What happened since it was made")
    close_reason = models.CharField(max_length=255, blank=True, editable=False, help_text="Why it became obsolete")
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["todo", "in_progress", "blocked", "done", "cancelled", "obsolete"]),
                name="task_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(priority__in=["low", "medium", "high", "urgent"]), name="task_priority_is_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", "reached", "no_answer", "message_left", "won", "lost"]),
                name="task_outcome_is_known",
            ),
            numbers_fit("task_hours_fit", "reminder_offset_hours", "estimated_hours", "actual_hours"),
            models.CheckConstraint(
                condition=Q(estimated_hours__gt=0, actual_hours__gte=0, reminder_offset_hours__gte=0),
                name="task_hours_are_positive",
            ),
        ]
        # Without statistics SQLite takes the last of those that fit as well: the narrow ones come after the wide ones.
        indexes = [
            models.Index(fields=["group_key"], name="task_group"),
            models.Index(fields=["team", "-id"], name="task_newest"),
            models.Index(fields=["team", "-id"], name="task_open", condition=UNFINISHED),
            models.Index(fields=["team", "status", "due_date", "-id"], name="task_column"),
            models.Index(fields=["team", "status", "-completed_at", "-id"], name="task_closed"),
            models.Index(fields=["team", "kind", "-id"], name="task_of_kind"),
            models.Index(fields=["contact", "status"], name="task_contact"),
            models.Index(fields=["contact", "due_date", "id"], name="task_next_of_contact", condition=UNFINISHED),
            models.Index(
                fields=["assignee", "due_date", "id"],
                name="task_held",
                condition=UNFINISHED,
            ),
            models.Index(
                fields=["team", "priority", "due_date"],
                name="task_waiting",
                condition=Q(status="todo", assignee__isnull=True),
            ),
            models.Index(
                fields=["team", "remind_at"],
                name="task_to_remind",
                condition=Q(remind_at__isnull=False, reminded_at__isnull=True),
            ),
            models.Index(
                fields=["team", "chase_at"],
                name="task_to_chase",
                condition=Q(chase_at__isnull=False),  # SQLite proves no IN with parameters, so not by status
            ),
            models.Index(
                fields=["team", "id"],
                name="task_derived",
                condition=Q(due_spec__isnull=False) & UNFINISHED,
            ),
            models.Index(
                fields=["assignee", "-completed_at", "-id"],
                name="task_finished",
                condition=Q(completed_at__isnull=False),
            ),
            # What later estimates are corrected by: the latest with hours of a team, of a kind, of a person.
            models.Index(fields=["team", "-completed_at", "-id"], name="task_hours", condition=WITH_HOURS),
            models.Index(
                fields=["team", "kind", "-completed_at", "-id"], name="task_hours_of_kind", condition=WITH_HOURS
            ),
            models.Index(
                fields=["team", "assignee", "-completed_at", "-id"], name="task_hours_of_person", condition=WITH_HOURS
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def fill_in(self) -> None:
        """What follows from other columns: the team of a row written by hand, words in other letters, its reminder."""
        self.status = self.status.strip().lower().replace(" ", "_").replace("-", "_")
        self.priority = self.priority.strip().lower()
        if self.team_id is None:
            source = self.owner or self.contact or self.assignee
            if source is not None:
                self.team_id = source.team_id
        remind_at = self.reminder_due
        if remind_at != self.remind_at:
            self.remind_at, self.reminded_at = remind_at, None
        if self.due_date != self.chased_for:
            self.chased_for = self.due_date
            self.chase_at = self.due_date if self.is_open else None

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        if self.pinned and self.assignee_id is None:
            raise ValidationError({"pinned": "Nobody holds this task: assign it first, then pin it."}, code="pinned")

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def reminder_due(self) -> datetime | None:
        """The instant to remind of it; none for an offset that reaches beyond the calendar, as hours mistyped do."""
        if self.due_date is None or self.reminder_offset_hours is None:
            return None
        try:
            return self.due_date - timedelta(hours=float(self.reminder_offset_hours))
        except OverflowError:
            return None


class TaskSkill(models.Model):
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="skill_levels")
    skill = models.ForeignKey(Skill, on_delete=models.PROTECT, related_name="+")
    min_level = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(5)])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "skill"], name="one_requirement_per_skill")]

    def __str__(self) -> str:
        return f"{self.task_id} needs {self.skill_id} at {self.min_level}"


class DependencyQuerySet(models.QuerySet["Dependency"]):
    def unmet(self) -> "DependencyQuerySet":
        """Those that still hold a task back: one that was cancelled holds back nothing."""
        return self.filter(waits_for__status__in=Task.OPEN)


class Dependency(models.Model):
    """`task` is not ready before `waits_for` is finished; never in a circle."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="dependencies")
    waits_for = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="dependents")

    objects = DependencyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "waits_for"], name="one_dependency_per_pair"),
            models.CheckConstraint(condition=~Q(task=models.F("waits_for")), name="no_task_waits_for_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} waits for {self.waits_for_id}"

    def clean(self) -> None:
        from work import ties  # which is made of these models

        if self.task_id and self.waits_for_id:
            ties.check_waits(self.task, [self.waits_for])


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    def of(self, task: Task) -> "ExclusionQuerySet":
        """Of the task itself and of the contact that it now is for."""
        return self.filter(Q(task=task) | Q(contact__tasks=task))


class Exclusion(models.Model):
    """Somebody who must not have one task, or any work of one contact."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exclusions")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, blank=True, related_name="exclusions")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, null=True, blank=True, related_name="exclusions")

    objects = ExclusionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "user"], name="one_exclusion_per_task"),
            models.UniqueConstraint(fields=["contact", "user"], name="one_exclusion_per_contact"),
            models.CheckConstraint(
                condition=Q(task__isnull=True, contact__isnull=False) | Q(task__isnull=False, contact__isnull=True),
                name="exclusion_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} not for task {self.task_id}, contact {self.contact_id}"

    def clean(self) -> None:
        from work import ties  # which is made of these models

        if self.user_id:
            ties.check_exclusion(self)


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def visible_to(self, user: User) -> "AssignmentQuerySet":
        team = self.filter(task__team_id=user.team_id)
        return team if user.leads else team.filter(user=user)


class Assignment(models.Model):
    """One stretch in which one person held one task, with the reason it was theirs."""

    COMPLETED, MOVED, DROPPED, REOPENED = "completed", "moved", "dropped", "reopened"
    """How it ended; REOPENED: it was completed, and the task was taken up again, so that it counts once."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="assignments")
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="assignments")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    method = models.CharField(max_length=20, help_text="owner, best_match, next_task, batch, rebalance, manual")
    reasons = models.JSONField(default=dict)
    assigned_at = models.DateTimeField()
    due_date = models.DateTimeField(null=True, help_text="As it stood when assigned")
    estimated_hours = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    actual_hours = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    skill_match = models.DecimalField(max_digits=5, decimal_places=2, null=True, help_text="0 to 100")
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task"], condition=Q(ended_at__isnull=True), name="one_holder_per_task")
        ]
        indexes = [
            models.Index(fields=["user", "assigned_at"], name="assignment_scored"),
            models.Index(fields=["ended_at"], name="assignment_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} with {self.user_id}"


class CalendarPush(models.Model):
    """A calendar elsewhere (CalDAV) in which the tasks of a person are kept. `config` is address, user name and
    password, sealed.

    `turn` counts the jobs that were to push: one of an earlier turn leaves it alone. `seen` is a word for the tasks as
    they were when all was in step.
    """

    TODO, EVENT = "todo", "event"
    ON, STOPPED = "on", "stopped"

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="calendar_push")
    config = models.TextField()
    shows = models.CharField(max_length=5, choices=[(TODO, "To-dos"), (EVENT, "Appointments")], default=TODO)
    state = models.CharField(max_length=8, choices=[(ON, "On"), (STOPPED, "Stopped")], default=ON)
    made_at = models.DateTimeField()
    turn = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    seen = models.CharField(max_length=100, blank=True)
    synced_at = models.DateTimeField(null=True, help_text="When all was last in step")
    error = models.CharField(max_length=255, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Since it last worked")
    failing_since = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True, help_text="When its person heard that it fails")

    def __str__(self) -> str:
        return f"calendar push of {self.user_id}"


class PushedItem(models.Model):
    """A resource that was put into such a calendar, with the tag it has there and the digest of what was sent."""

    push = models.ForeignKey(CalendarPush, on_delete=models.CASCADE, related_name="items")
    task_id = models.BigIntegerField()
    uid = models.CharField(max_length=300)
    name = models.CharField(max_length=300)
    etag = models.CharField(max_length=255, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["push", "task_id"], name="one_pushed_item_per_task")]

    def __str__(self) -> str:
        return self.name
