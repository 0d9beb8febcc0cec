"""What people were told, where they want to hear of it, and what was sent to them outside.

A notice's key says what it is about, so it exists once.
"""

from typing import TYPE_CHECKING

from django.db import models

from people.models import Team, User
from work.models import Task

if TYPE_CHECKING:
    from datetime import datetime


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, user: User) -> "NotificationQuerySet":
        return self.filter(user=user)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at__isnull=True)

    def mark_read(self, now: "datetime") -> int:
        return self.unread().update(read_at=now)


class Notification(models.Model):
    ASSIGNED, MOVED, REMINDER, OVERDUE = "assigned", "moved", "reminder", "overdue"
    PERFORMANCE, WORKLOAD, REPORT, JOB_DEAD = "performance", "workload", "report", "job_dead"
    RULE = "rule"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20)
    title = models.CharField(max_length=255)
    body = models.TextField(blank=True)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="notifications")
    path = models.CharField(max_length=200, blank=True, help_text="Where a click leads")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_newest"),
            models.Index(fields=["user"], name="notice_unread", condition=models.Q(read_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.title


class PreferenceQuerySet(models.QuerySet["Preference"]):
    def visible_to(self, user: User) -> "PreferenceQuerySet":
        return self.filter(user=user)


class Preference(models.Model):
    """Somebody's choice for one kind of notice and one channel; without it the kind's own default holds."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="preferences")
    kind = models.CharField(max_length=20)
    channel = models.CharField(max_length=10)
    wanted = models.BooleanField()

    objects = PreferenceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind", "channel"], name="one_preference_per_channel")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.kind} by {self.channel} {self.wanted}"


class QuietHours(models.Model):
    """When nothing is sent to somebody, by their own clock; from after until is over midnight."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="quiet_hours")
    starts = models.TimeField()
    ends = models.TimeField()

    def __str__(self) -> str:
        return f"{self.user_id}: {self.starts} to {self.ends}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User) -> "DeliveryQuerySet":
        """What was sent to oneself; managers see their team's, without what it said."""
        return self.filter(user__team_id=user.team_id) if user.manages else self.filter(user=user)


class Delivery(models.Model):
    """One notice sent to one person by one channel, once.

    SENDING is written before the call, so a process that dies in it leaves UNKNOWN: nothing is sent twice for being
    unsure whether it was sent.
    """

    QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"
    UNKNOWN, SKIPPED = "unknown", "skipped"

    id = models.UUIDField(primary_key=True)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10)
    state = models.CharField(max_length=10, default=QUEUED)
    reason = models.CharField(max_length=255, blank=True, help_text="Why it failed, was not sent, or is unknown")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Not before then: quiet hours have passed")
    sent_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "channel"], name="one_delivery_per_channel")]
        indexes = [models.Index(fields=["user", "-created_at"], name="delivery_newest")]

    def __str__(self) -> str:
        return f"{self.notification_id} by {self.channel}: {self.state}"

    @property
    def kind(self) -> str:
        return self.notification.kind
