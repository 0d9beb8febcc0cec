"""An import, and the rows of its file while they are needed."""

import uuid
from typing import Any

from django.db import models
from django.utils.timezone import now as current_time

from people.models import Team, User


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, user: User) -> "ImportQuerySet":
        """One's own; managers see their team's."""
        team = self.filter(team_id=user.team_id)
        return team if user.manages else team.filter(by=user)


def no_counts() -> dict[str, int]:
    return dict.fromkeys(Import.VERDICTS, 0)


class Import(models.Model):
    """A file on its way into a team. Its rows are kept until it is done, its figures longer."""

    CONTACTS, TASKS = "contacts", "tasks"
    KINDS = [(CONTACTS, "Contacts"), (TASKS, "Tasks")]
    READING, READ, CHECKING, CHECKED = "reading", "read", "checking", "checked"
    RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"
    STATES = [
        (READING, "Being read"),
        (READ, "Read"),
        (CHECKING, "Being compared"),
        (CHECKED, "Compared"),
        (RUNNING, "Running"),
        (DONE, "Done"),
        (FAILED, "Failed"),
        (CANCELLED, "Cancelled"),
    ]
    BUSY = (READING, CHECKING, RUNNING)
    CREATED, UPDATED, UNCHANGED, DIFFERING, REFUSED = "created", "updated", "unchanged", "differing", "refused"
    VERDICTS = (CREATED, UPDATED, UNCHANGED, DIFFERING, REFUSED)
    """What becomes of a row; DIFFERING: it differs and is left, since nobody asked to update."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=KINDS)
    state = models.CharField(max_length=10, choices=STATES)
    file_name = models.CharField(max_length=200, blank=True)
    format = models.CharField(max_length=10)
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=dict, help_text="Each column with its field; empty: left out")
    options = models.JSONField(default=dict)
    rows = models.PositiveIntegerField(default=0)
    done_rows = models.PositiveIntegerField(default=0)
    next_part = models.PositiveIntegerField(default=0, help_text="The cursor of whoever works at it")
    round = models.PositiveIntegerField(default=0, help_text="Counts what was begun, so that its jobs are new ones")
    counts = models.JSONField(default=no_counts)
    faults = models.JSONField(default=list, help_text="The first of them: line, column, message")
    difference = models.JSONField(default=list, help_text="The first rows of a comparison; gone once it is done")
    error = models.TextField(blank=True)
    content = models.BinaryField(null=True, editable=False, help_text="The file until its rows are read")
    created_at = models.DateTimeField(default=current_time)
    checked_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at"], name="import_newest")]

    def __str__(self) -> str:
        return f"{self.file_name or self.format}: {self.get_state_display()}"

    @property
    def is_busy(self) -> bool:
        return self.state in self.BUSY

    def count_of(self, verdict: str) -> int:
        return int(self.counts.get(verdict, 0))


class ImportPart(models.Model):
    """Some hundred rows of a file, as text: [line, cells, faults] each."""

    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows: Any = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["of", "number"], name="one_part_per_number")]

    def __str__(self) -> str:
        return f"{self.of_id} part {self.number}"
