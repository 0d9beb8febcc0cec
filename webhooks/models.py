"""Where a team wants to hear of what happens, what happened, and what became of telling it."""

from typing import ClassVar

from django.db import models

from jobs import announcing
from people.models import Team, User

KINDS = announcing.KINDS
LONGEST_URL = 500
PING = "ping"
"""What a test sends: it is about nothing, wanted by nobody in particular, and not tried again."""


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def visible_to(self, user: User) -> "EndpointQuerySet":
        """The team's, for its managers alone: whoever may add one may read whatever happens."""
        return self.filter(team_id=user.team_id) if user.manages else self.none()


class Endpoint(models.Model):
    """An address, the kinds of events it wants, and the secret that signs them, sealed.

    After a rotation the old secret signs beside the new one until `old_secret_until`. `failing_since` is the first
    failure since the last success; until `rests_until` an address that did not answer, or slowly, is not asked again.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=LONGEST_URL)
    kinds = models.JSONField(default=list)
    secret = models.TextField()
    old_secret = models.TextField(blank=True)
    old_secret_until = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    off_reason = models.CharField(max_length=255, blank=True, help_text="Why it was switched off")
    failing_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    objects = EndpointQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["team"], name="webhook_active", condition=models.Q(is_active=True))]

    def __str__(self) -> str:
        return self.url


class Event(models.Model):
    """Something that happened, with what is told of it as of then. Its id is what receivers know it by."""

    id = models.UUIDField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=255, unique=True, help_text="What it is about: activity:42")
    subject_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True, help_text="Whom it tells of, for erasing")
    data = models.JSONField()
    at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="webhook_event_old"),
            models.Index(fields=["team", "contact_id"], name="webhook_event_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class DispatchQuerySet(models.QuerySet["Dispatch"]):
    def visible_to(self, user: User) -> "DispatchQuerySet":
        return self.filter(endpoint__in=Endpoint.objects.visible_to(user))


class Dispatch(models.Model):
    """One event for one endpoint. `turn` counts the jobs that were to send it: one of an earlier turn leaves it alone.

    SENDING is written before the call. A process that dies in it is followed by another try under the same id: whoever
    receives webhooks knows by it what came twice.
    """

    QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"
    STATES: ClassVar[tuple[str, ...]] = (QUEUED, SENDING, SENT, FAILED)

    id = models.UUIDField(primary_key=True)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="dispatches")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="dispatches")
    state = models.CharField(max_length=10, default=QUEUED)
    turn = models.PositiveIntegerField(default=1)
    tries = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the last answer")
    answer = models.CharField(max_length=255, blank=True, help_text="How the last answer began, or why there is none")
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects = DispatchQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "endpoint"], name="one_dispatch_per_endpoint")]
        indexes = [models.Index(fields=["endpoint", "-created_at", "-id"], name="webhook_log")]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.endpoint_id}: {self.state}"

    @property
    def kind(self) -> str:
        return self.event.kind

    @property
    def subject_id(self) -> int:
        return self.event.subject_id

    @property
    def webhook_id(self) -> int:
        return self.endpoint_id
