"""Contacts, and the append-only ledger of what happened to them or to a task."""

import uuid
from typing import Any

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.timezone import now as current_time

import jobs.bell
from people.models import Team, User, validate_zone
from people.rows import FilledInQuerySet


class ContactQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "ContactQuerySet":
        """Members see the contacts they own; leads and managers the team's."""
        team = self.filter(team_id=user.team_id)
        return team if user.leads else team.filter(owner=user)

    def unplanned(self) -> "ContactQuerySet":
        """Rows with a cadence and no next touch; reads only the partial index. An unknown word is no cadence."""
        known = [cadence for cadence, _ in Contact.CADENCES]
        return self.filter(next_touch_at__isnull=True, contact_cadence__in=known).exclude(contact_cadence="")

    def changed_by_hand(self) -> "ContactQuerySet":
        """Rows whose status nobody has turned into an activity yet; reads only the partial index."""
        return self.exclude(seen_status=F("status"))


class Contact(models.Model):
    LEAD, ACTIVE, INACTIVE, LOST = "lead", "active", "inactive", "lost"
    STATUSES = [(LEAD, "Lead"), (ACTIVE, "Active"), (INACTIVE, "Inactive"), (LOST, "Lost")]
    CADENCE_DAILY, CADENCE_WEEKLY, CADENCE_BIWEEKLY = "daily", "weekly", "biweekly"
    CADENCE_MONTHLY, CADENCE_QUARTERLY, CADENCE_YEARLY = "monthly", "quarterly", "yearly"
    CADENCES = [
        (CADENCE_DAILY, "Daily"),
        (CADENCE_WEEKLY, "Weekly"),
        (CADENCE_BIWEEKLY, "Every two weeks"),
        (CADENCE_MONTHLY, "Monthly"),
        (CADENCE_QUARTERLY, "Quarterly"),
        (CADENCE_YEARLY, "Yearly"),
    ]

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="contacts", blank=True)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="contacts")
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    company = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=STATUSES, default=LEAD)
    contact_cadence = models.CharField(max_length=10, choices=CADENCES, blank=True)
    next_follow_up_at = models.DateTimeField(null=True, blank=True, help_text="The person's own date")
    next_touch_at = models.DateTimeField(null=True, blank=True, help_text="What the sweep reads")
    timezone = models.CharField(max_length=64, blank=True, validators=[validate_zone])
    lead_score = models.IntegerField(default=0)
    seen_status = models.CharField(max_length=10, blank=True, editable=False, help_text="The status last processed")
    created_at = models.DateTimeField(default=current_time, editable=False)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), "team", condition=~Q(email=""), name="one_contact_per_email"),
        ]
        indexes = [
            models.Index(fields=["team", "name", "id"], name="contact_list"),
            models.Index(fields=["team"], name="contact_changed_by_hand", condition=~Q(seen_status=F("status"))),
            models.Index(
                fields=["team"],
                name="contact_unplanned",
                condition=Q(next_touch_at__isnull=True) & ~Q(contact_cadence=""),
            ),
            models.Index(fields=["next_touch_at"], name="contact_touch", condition=Q(next_touch_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    def fill_in(self) -> None:
        """What a row written by hand may leave out."""
        if self.team_id is None and self.owner is not None:
            self.team_id = self.owner.team_id
        if self.pk is None and not self.seen_status:
            self.seen_status = self.status

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        super().save(*args, **kwargs)
        transaction.on_commit(lambda: jobs.bell.ring(self.team_id), robust=True)


class ContactIdentity(models.Model):
    """A contact's id in another system."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="identities")
    source = models.CharField(max_length=60)
    external_id = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "source", "external_id"], name="one_contact_per_identity")
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


def server_made_key() -> str:
    return f"own:{uuid.uuid4().hex}"


class ActivityQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "ActivityQuerySet":
        """Leads and managers see the team's; members those of their contacts."""
        team = self.filter(team_id=user.team_id)
        return team if user.leads else team.filter(contact__owner=user)

    def unprocessed(self) -> "ActivityQuerySet":
        """The engine's queue: reads only the partial index."""
        return self.filter(processed_at__isnull=True)


class Activity(models.Model):
    EMAIL_OPENED, EMAIL_CLICKED = "email_opened", "email_clicked"
    EMAIL_REPLIED, EMAIL_BOUNCED = "email_replied", "email_bounced"
    FORM_SUBMITTED, CALL, MEETING, NOTE = "form_submitted", "call", "meeting", "note"
    STATUS_CHANGED = "status_changed"
    TASK_CREATED, TASK_ASSIGNED, TASK_COMPLETED = "task_created", "task_assigned", "task_completed"
    TASK_STATUS_CHANGED = "task_status_changed"
    LIVE, IMPORT, SYSTEM = "live", "import", "system"
    HUMAN, MACHINE, UNKNOWN = "human", "machine", "unknown"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="activities", blank=True)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, blank=True, related_name="activities")
    task_id = models.BigIntegerField(null=True, blank=True)
    actor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    activity_type = models.CharField(max_length=60)
    occurred_at = models.DateTimeField(default=current_time)
    received_at = models.DateTimeField(default=current_time)
    source = models.CharField(max_length=60, default="api", blank=True)
    source_key = models.CharField(max_length=200, default=server_made_key)
    origin = models.CharField(max_length=8, default=LIVE)
    signal = models.CharField(max_length=8, default=UNKNOWN)
    data = models.JSONField(default=dict, blank=True)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "activities"
        constraints = [models.UniqueConstraint(fields=["team", "source", "source_key"], name="one_activity_per_key")]
        indexes = [
            models.Index(fields=["team", "id"], name="activity_queue", condition=Q(processed_at__isnull=True)),
            models.Index(fields=["contact", "-occurred_at"], name="activity_timeline"),
            models.Index(fields=["team", "-occurred_at", "-id"], name="activity_stream"),
            models.Index(fields=["task_id"], name="activity_task", condition=Q(task_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.activity_type} {self.occurred_at:%Y-%m-%d %H:%M}"

    def fill_in(self) -> None:
        """What a row written by hand may leave out."""
        if self.team_id is None and self.contact is not None:
            self.team_id = self.contact.team_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        super().save(*args, **kwargs)
        if self.processed_at is None:
            transaction.on_commit(lambda: jobs.bell.ring(self.team_id), robust=True)


class ActivityConflict(models.Model):
    """A second event under a key that is taken, with another body: kept to be looked at, never processed."""

    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, related_name="conflicts")
    received_at = models.DateTimeField(default=current_time)
    content_hash = models.CharField(max_length=64)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["activity", "content_hash"], name="one_conflict_per_body")]

    def __str__(self) -> str:
        return f"conflict with {self.activity_id}"


def new_secret() -> str:
    return uuid.uuid4().hex + uuid.uuid4().hex


class InboundSource(models.Model):
    """One place that sends events: a mail provider's account with its secret address."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="inbound_sources")
    provider = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    secret = models.CharField(max_length=64, unique=True, default=new_secret)
    creates_contacts = models.BooleanField(default=False, help_text="Make a contact for an unknown address")
    created_at = models.DateTimeField(default=current_time)

    def __str__(self) -> str:
        return f"{self.provider}: {self.name}"
