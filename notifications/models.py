"""What people were told, where they want to hear of it, and what was sent to them outside.

A notice's key says what it is about, so it exists once.
"""

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import models

from people import sealing
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
    RULE, TEST, WEBHOOK = "rule", "test", "webhook"
    ESCALATED, SEQUENCE, BOUNCED = "escalated", "sequence", "bounced"
    CALENDAR = "calendar"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="notifications")
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

    AT_ONCE, DAILY, WEEKLY = "", "daily", "weekly"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="preferences")
    kind = models.CharField(max_length=20)
    channel = models.CharField(max_length=10)
    wanted = models.BooleanField()
    digest = models.CharField(max_length=10, blank=True, default="", help_text="daily or weekly; empty: at once")

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


class MuteQuerySet(models.QuerySet["Mute"]):
    def visible_to(self, user: User) -> "MuteQuerySet":
        return self.filter(user=user)


class Mute(models.Model):
    """What somebody wants to hear nothing of: all that a rule, a sequence or a campaign makes, or a contact's work.

    The inbox keeps it, as read.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mutes")
    subject = models.CharField(max_length=60, help_text="Such as rule:7 or contact:12")
    made_at = models.DateTimeField()

    objects = MuteQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "subject"], name="one_mute_per_subject")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.subject}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User) -> "DeliveryQuerySet":
        """What was sent to oneself; managers see their team's, without what it said."""
        return self.filter(user__team_id=user.team_id) if user.manages else self.filter(user=user)


class Delivery(models.Model):
    """One notice sent to one person by one channel, once; by itself or in one message with others of its bundle.

    SENDING is written before the call, so a process that dies in it leaves UNKNOWN: nothing is sent twice for being
    unsure whether it was sent.
    """

    QUEUED, SENDING, SENT, FAILED = "queued", "sending", "sent", "failed"
    UNKNOWN, SKIPPED, BOUNCED = "unknown", "skipped", "bounced"
    LOST = (FAILED, UNKNOWN, BOUNCED)
    """Nobody can count on it that these arrived."""

    id = models.UUIDField(primary_key=True)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, db_index=False, related_name="deliveries")
    user = models.ForeignKey(User, on_delete=models.CASCADE, db_index=False, related_name="deliveries")
    channel = models.CharField(max_length=10)
    state = models.CharField(max_length=10, default=QUEUED)
    reason = models.CharField(max_length=255, blank=True, help_text="Why it failed, was not sent, or is unknown")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Not before then: quiet hours have passed")
    sent_at = models.DateTimeField(null=True)
    bundle = models.CharField(max_length=80, blank=True, default="", help_text="Those of one are sent in one message")
    sent_with = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="companions", help_text="Whose message it came in"
    )
    reference = models.CharField(
        max_length=255, blank=True, default="", help_text="By what the provider knows the message"
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notification", "channel"], name="one_delivery_per_channel")]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="delivery_newest"),
            models.Index(fields=["user", "bundle"], name="delivery_bundle", condition=models.Q(state="queued")),
            models.Index(fields=["reference"], name="delivery_reference", condition=~models.Q(reference="")),
            models.Index(
                fields=["created_at"],
                name="delivery_lost",
                condition=models.Q(state__in=["failed", "unknown", "bounced"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} by {self.channel}: {self.state}"

    @property
    def kind(self) -> str:
        return self.notification.kind


class LinkUse(models.Model):
    """A letter that was answered by one of its links: each act works once."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="+")
    act = models.CharField(max_length=20)
    used_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "act"], name="one_use_per_act")]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.act}"


class Sealed(models.Model):
    """How to reach one place outside: everything that a service asks for is sealed, and `shown` is its masked copy."""

    channel = models.CharField(max_length=10)
    service = models.CharField(max_length=20)
    sealed = models.TextField(editable=False)
    shown = models.JSONField(default=dict, help_text="By field, with the secrets masked")
    changed_at = models.DateTimeField()

    class Meta:
        abstract = True

    @property
    def config(self) -> dict[str, str]:
        """What was entered, secrets and all: for the call alone. Raises sealing.Unreadable."""
        found: dict[str, str] = json.loads(sealing.unseal(self.sealed))
        return found


class AddressQuerySet(models.QuerySet["Address"]):
    def visible_to(self, user: User) -> "AddressQuerySet":
        return self.filter(user=user)

    def of(self, users: Collection[User]) -> "dict[tuple[int, str], Address]":
        """By person and channel, each with whether the team has a gateway for it.

        One query where nobody gave an address, as most never do, else two for any number.
        """
        teams = {user.pk: user.team_id for user in users}
        found: dict[tuple[int, str], Address] = {
            (row.user_id, row.channel): row for row in self.filter(user__in=list(teams))
        }
        if found:
            gateways = Gateway.objects.filter(team__in=set(teams.values()))
            served = set(gateways.values_list("team_id", "channel"))
            for row in found.values():
                row.served = (teams[row.user_id], row.channel) in served
        return found


class Address(Sealed):
    """Where somebody is reached by a channel. A phone number counts once its code came back."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    confirmed_at = models.DateTimeField(null=True)
    code = models.TextField(blank=True, editable=False, help_text="Sealed; what proves that the number is theirs")
    code_at = models.DateTimeField(null=True)
    code_tries = models.PositiveSmallIntegerField(default=0)
    served: bool

    objects = AddressQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "channel"], name="one_address_per_channel")]

    def __str__(self) -> str:
        return f"{self.user_id} by {self.channel}: {self.service}"


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def visible_to(self, user: User) -> "GatewayQuerySet":
        return self.filter(team_id=user.team_id) if user.manages else self.none()


class Gateway(Sealed):
    """A team's account with a service that carries its messages to phones."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="gateways")
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = GatewayQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "channel"], name="one_gateway_per_channel")]

    def __str__(self) -> str:
        return f"{self.team_id} by {self.channel}: {self.service}"
