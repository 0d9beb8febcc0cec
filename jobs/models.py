"""Job rows: every automated effect, written in the transaction of the change that causes it."""

import uuid
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Func, Q

if TYPE_CHECKING:
    from datetime import datetime

# Spelled out, for SQLite reads a partial index only where the query has its very words: it proves none with parameters.
PERIODIC = Q(Func(F("key"), template="%(expressions)s LIKE 'cron:%%%%'", output_field=models.BooleanField()))


class JobQuerySet(models.QuerySet["Job"]):
    def due(self, now: "datetime") -> "JobQuerySet":
        """Pending rows to run or to publish again, oldest first; reads only the partial index."""
        return self.filter(state=Job.PENDING, send_at__lte=now).order_by("send_at")

    def periodic(self) -> "JobQuerySet":
        """Those that the clock made."""
        return self.filter(PERIODIC)

    def visible_to(self, user: Any) -> "JobQuerySet":
        """A person's own; leads and managers see their team's. Superusers run the installation and see all."""
        if user.is_superuser:
            return self
        own = Q(user_id=user.pk)
        return self.filter(own | Q(team_id=user.team_id)) if user.leads else self.filter(own)


def seen_by(user: Any) -> list[JobQuerySet]:
    """The same as `visible_to`, apart: each part has an index of its own by which its newest are found."""
    if user.is_superuser:
        return [Job.objects.all()]
    own = Job.objects.filter(user_id=user.pk)
    return [Job.objects.filter(team_id=user.team_id), own] if user.leads else [own]


class Job(models.Model):
    PENDING, DONE, DEAD = "pending", "done", "dead"
    REVOKED = "revoked"
    """Somebody cancelled it before it ran. To programs that is a failure, with the reason: none of them waits on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True, help_text="What the effect is: activity:42:score")
    name = models.CharField(max_length=100, help_text="The Celery task's name")
    args = models.JSONField(default=list, help_text="Ids and fixed words only")
    kwargs = models.JSONField(default=dict)
    state = models.CharField(max_length=8, default=PENDING)
    run_at = models.DateTimeField(help_text="Not before: due time, wait after a failure, lease of an outside call")
    send_at = models.DateTimeField(help_text="When the relay or the runner looks at it again")
    sends = models.PositiveIntegerField(default=0, help_text="Publications by the relay")
    attempt = models.PositiveIntegerField(default=0, help_text="Starts; the fencing token")
    retries = models.PositiveIntegerField(default=0, help_text="Failed runs")
    crashes = models.PositiveIntegerField(default=0, help_text="Runs whose process ended before they did")
    started_at = models.DateTimeField(null=True, help_text="A hint for people, never a lock")
    error = models.TextField(blank=True)
    result = models.JSONField(null=True)
    team_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    request_id = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of the request that it came of"
    )
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["send_at"], name="job_due", condition=Q(state="pending")),
            models.Index(fields=["done_at"], name="job_done", condition=Q(state="done")),
            models.Index(fields=["created_at"], name="job_dead", condition=Q(state="dead")),
            models.Index(fields=["created_at"], name="job_revoked", condition=Q(state="revoked")),
            models.Index(fields=["team_id", "-created_at"], name="job_team_newest"),
            models.Index(fields=["-created_at"], name="job_newest"),
            models.Index(fields=["user_id", "-created_at"], name="job_user_newest", condition=Q(user_id__isnull=False)),
            models.Index(fields=["-created_at"], name="job_periodic", condition=PERIODIC),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"

    @property
    def is_over(self) -> bool:
        """Whether it ended without its effect: given up, or cancelled."""
        return self.state in (self.DEAD, self.REVOKED)

    @property
    def status(self) -> str:
        """Celery's word for the row's state."""
        if self.state == self.DONE:
            return "SUCCESS"
        if self.is_over:
            return "FAILURE"
        if self.started_at is not None:
            return "STARTED"
        return "RETRY" if self.retries else "PENDING"


class WorkerQuerySet(models.QuerySet["Worker"]):
    def heard_of(self, since: "datetime") -> "WorkerQuerySet":
        """Those that have shown themselves since then, by what they are and for how long."""
        return self.filter(seen_at__gte=since).order_by("part", "lane", "started_at")


class Worker(models.Model):
    """One that works on jobs, as it shows itself every few seconds: a lane of the runner, a Celery worker, the beat."""

    RUNNER, CELERY, BEAT = "runner", "celery", "beat"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    part = models.CharField(max_length=8, choices=[(RUNNER, "Runner"), (CELERY, "Celery worker"), (BEAT, "Beat")])
    lane = models.CharField(max_length=40, blank=True, help_text="Of the runner: the jobs that it does beside others")
    place = models.CharField(max_length=100, help_text="Host and process")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.part} {self.place} {self.lane}".rstrip()
