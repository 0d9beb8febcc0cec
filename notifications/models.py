"""What people were told. A notice's key says what it is about, so it exists once."""

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
    ASSIGNED, REMINDER, OVERDUE = "assigned", "reminder", "overdue"
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
