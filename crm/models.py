"""Contacts, and the append-only ledger of what happened to them or to a task."""

import json
import secrets
import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Lower
from django.utils.timezone import now as current_time

import jobs.bell
from crm import phones, trigrams
from crm.files import models as files  # noqa: F401 (Django looks for all models of a room here)
from domain import recurrence
from jobs.rows import from_database
from people.models import Team, User, validate_zone
from people.rows import FilledInQuerySet, SavesChanges
from people.sealed import SealedKeys


def validate_cadence(word: str) -> None:
    """Accepts an empty word (no cadence) and what `recurrence.check_cadence` does: weekly, days:10."""
    try:
        if word:
            recurrence.check_cadence(word)
    except ValueError as error:
        raise ValidationError(str(error), code="cadence") from None


class ContactQuerySet(FilledInQuerySet):
    def visible_to(self, user: User) -> "ContactQuerySet":
        """Members see the contacts they own; leads and managers the team's. Merged and erased ones show nowhere."""
        team = self.standing().filter(team_id=user.team_id)
        return team if user.leads else team.filter(owner=user)

    def unplanned(self) -> "ContactQuerySet":
        """Rows with a cadence and no next touch that may be contacted; reads only the partial index. An unknown word is
        no cadence.
        """
        known = Q(contact_cadence__in=recurrence.CADENCES) | Q(contact_cadence__regex=EVERY_N_DAYS)
        return self.filter(UNPLANNED).filter(known)

    def touch_due(self, now: datetime) -> "ContactQuerySet":
        """Rows whose next touch has come and was not dealt with; reads only the partial index."""
        return self.filter(TOUCH_OPEN, next_touch_at__lte=now)

    def touch_to_come(self, now: datetime) -> "ContactQuerySet":
        """Rows whose next touch is still to come; reads the same partial index."""
        return self.filter(TOUCH_OPEN, next_touch_at__gt=now)

    def missed(self) -> "ContactQuerySet":
        """Rows whose touch has come and was not dealt with as missed, each with the instant `look_at` it is next
        looked at; reads only the partial index.
        """
        return self.filter(MISSED).annotate(look_at=Coalesce("look_late_at", "next_touch_at"))

    def to_look_at(self, now: datetime) -> "ContactQuerySet":
        """Those of them whose next look has come."""
        return self.missed().filter(look_at__lte=now)

    def changed_by_hand(self) -> "ContactQuerySet":
        """Rows of which something was changed past the verbs and not looked at yet; reads only the partial index."""
        return self.filter(CHANGED_BY_HAND)

    def with_email(self, *emails: str) -> "ContactQuerySet":
        """Rows with one of these addresses, in any case of letters, by the index that keeps them single in a team.

        Its condition is asked for too, since SQLite uses no partial index without that. All are one parameter, for one
        each costs more than the query itself; the database makes them small, as it does its own.
        """
        if not emails:
            return self.none()
        addresses: Any = [email.strip() for email in emails]
        if connection.vendor == "postgresql":
            small = 'LOWER("crm_contact"."email") = ANY(ARRAY(SELECT LOWER(a) FROM unnest(%s::text[]) AS a))'
        else:
            small = 'LOWER("crm_contact"."email") IN (SELECT LOWER(value) FROM json_each(%s))'
            addresses = json.dumps(addresses)
        known = RawSQL(small, [addresses], output_field=models.BooleanField())  # noqa: S611 (they are a parameter)
        return self.exclude(email="").filter(known)

    def with_phone(self, *phones: str) -> "ContactQuerySet":
        """Rows with one of these normalised phones, by their partial index."""
        return self.exclude(phone_e164="").filter(phone_e164__in=phones)

    def found_by(self, letters: str) -> "ContactQuerySet":
        """Rows in whose name, address or company these letters stand, anywhere and in any case."""
        named = Q(name__icontains=letters) | Q(email__icontains=letters) | Q(company__icontains=letters)
        return self.filter(Contact.TRIGRAMS.may_hold(letters), named)

    def standing(self) -> "ContactQuerySet":
        """Those that work is made for: neither merged into another nor erased."""
        return self.filter(merged_into__isnull=True, erased_at__isnull=True)


CHANGED_BY_HAND = (
    ~Q(seen_status=F("status"))
    | ~Q(seen_cadence=F("contact_cadence"))
    | ~Q(seen_timezone=F("timezone"))
    | ~Q(seen_do_not_contact=F("do_not_contact"))
    | Q(owner__isnull=False, seen_owner_id__isnull=True)
    | Q(owner__isnull=True, seen_owner_id__isnull=False)
    | Q(owner__lt=F("seen_owner_id"))
    | Q(owner__gt=F("seen_owner_id"))
    | Q(next_follow_up_at__isnull=False, seen_follow_up_at__isnull=True)
    | Q(next_follow_up_at__isnull=True, seen_follow_up_at__isnull=False)
    | Q(next_follow_up_at__lt=F("seen_follow_up_at"))
    | Q(next_follow_up_at__gt=F("seen_follow_up_at"))
)


EVERY_N_DAYS = "^days:([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650)$"
ERASED = "Erased contact"
UNPLANNED = Q(next_touch_at__isnull=True, do_not_contact=False) & ~Q(contact_cadence="")
TOUCH_OPEN = Q(next_touch_at__isnull=False) & (
    Q(touched_for__isnull=True) | Q(touched_for__lt=F("next_touch_at")) | Q(touched_for__gt=F("next_touch_at"))
)
MISSED = Q(next_touch_at__isnull=False, touched_for=F("next_touch_at")) & (
    Q(missed_for__isnull=True) | Q(missed_for__lt=F("next_touch_at")) | Q(missed_for__gt=F("next_touch_at"))
)


class Contact(SavesChanges):
    LEAD, ACTIVE, INACTIVE, LOST = "lead", "active", "inactive", "lost"
    STATUSES = [(LEAD, "Lead"), (ACTIVE, "Active"), (INACTIVE, "Inactive"), (LOST, "Lost")]
    TRIGRAMS: ClassVar = trigrams.Trigrams("crm_contact", ("name", "email", "company"))
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

    team = models.ForeignKey(Team, on_delete=models.PROTECT, db_index=False, related_name="contacts", blank=True)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="contacts")
    name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    phone_e164 = models.CharField(max_length=16, blank=True, editable=False, help_text="The phone, normalised")
    company = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=STATUSES, default=LEAD)
    contact_cadence = models.CharField(
        max_length=10, blank=True, validators=[validate_cadence], help_text="weekly and such, or days:10"
    )
    next_follow_up_at = models.DateTimeField(null=True, blank=True, help_text="The person's own date")
    next_touch_at = models.DateTimeField(null=True, blank=True, help_text="What the sweep reads")
    touched_for = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The next touch that was dealt with when it came"
    )
    missed_for = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The next touch that was dealt with as missed"
    )
    look_late_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When one that is missed is looked at again"
    )
    timezone = models.CharField(max_length=64, blank=True, validators=[validate_zone])
    lead_score = models.IntegerField(default=0)
    tags = models.JSONField(default=list, blank=True)
    cadence_anchor_day = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(31)], help_text="First day chosen"
    )
    last_touch_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="The last real touch")
    last_activity_at = models.DateTimeField(null=True, blank=True, editable=False)
    quiet_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When rules on silence look at it again"
    )
    do_not_contact = models.BooleanField(default=False)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)
    complained_at = models.DateTimeField(null=True, blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True, help_text="A hard bounce of its address")
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="absorbed",
        db_index=False,  # nearly all are in none: an index on that would be taken for a way to find them
    )
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    seen_status = models.CharField(max_length=10, blank=True, editable=False, help_text="The status last processed")
    seen_cadence = models.CharField(max_length=10, blank=True, editable=False)
    seen_timezone = models.CharField(max_length=64, blank=True, editable=False)
    seen_follow_up_at = models.DateTimeField(null=True, blank=True, editable=False)
    seen_do_not_contact = models.BooleanField(default=False, editable=False)
    seen_owner_id = models.BigIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=current_time, editable=False)

    objects = ContactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), "team", condition=~Q(email=""), name="one_contact_per_email"),
            # An object read before an erasure and saved after it would put the person back.
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(email="", phone="", phone_e164="", company="", name__startswith=ERASED),
                name="an_erased_contact_names_nobody",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "name", "id"], name="contact_list"),
            models.Index(fields=["team", "-lead_score", "-id"], name="contact_by_score"),
            models.Index(fields=["team"], name="contact_changed_by_hand", condition=CHANGED_BY_HAND),
            models.Index(fields=["merged_into"], name="contact_merged", condition=Q(merged_into__isnull=False)),
            models.Index(fields=["team", "phone_e164"], name="contact_phone", condition=~Q(phone_e164="")),
            models.Index(fields=["team", "quiet_at"], name="contact_quiet", condition=Q(quiet_at__isnull=False)),
            models.Index(
                fields=["team", "last_activity_at"],
                name="contact_last_activity",
                condition=Q(last_activity_at__isnull=False),
            ),
            models.Index(fields=["team"], name="contact_unplanned", condition=UNPLANNED),
            models.Index(fields=["team", "next_touch_at"], name="contact_touch", condition=TOUCH_OPEN),
            models.Index(F("team"), Coalesce("look_late_at", "next_touch_at"), name="contact_missed", condition=MISSED),
            models.Index(
                fields=["owner", "next_touch_at"], name="contact_planned", condition=Q(next_touch_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_contact_cadence_display(self) -> str:
        """The cadence for people; a word that is none, as it is."""
        try:
            return dict(self.CADENCES).get(self.contact_cadence) or recurrence.label(self.contact_cadence)
        except ValueError:
            return self.contact_cadence

    def fill_in(self) -> None:
        """What a row written by hand may leave out."""
        if self.team_id is None and self.owner is not None:
            self.team_id = self.owner.team_id
        if self.is_new:
            self.seen_status = self.seen_status or self.status
            self.seen_cadence = self.seen_cadence or self.contact_cadence
            self.seen_timezone = self.seen_timezone or self.timezone
            self.seen_owner_id, self.seen_do_not_contact = self.owner_id, self.do_not_contact
            self.quiet_at = self.quiet_at or self.created_at  # looked at once, by rules on silence
        if self.team_id is not None and (self.phone or self.phone_e164):
            self.phone_e164 = phones.normalised(self.phone, self.team.country)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in()
        named = kwargs.get("update_fields")
        if named is not None and "phone" in named:
            kwargs["update_fields"] = {*named, "phone_e164"}
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
    return f"own:{secrets.token_hex(16)}"


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
    EMAIL_AUTO_REPLIED, EMAIL_UNSUBSCRIBED = "email_auto_replied", "email_unsubscribed"
    EMAIL_COMPLAINED, EMAIL_SENT = "email_complained", "email_sent"
    FORM_SUBMITTED, CALL, MEETING, NOTE = "form_submitted", "call", "meeting", "note"
    MEETING_BOOKED = "meeting_booked"
    STATUS_CHANGED = "status_changed"
    TASK_CREATED, TASK_ASSIGNED, TASK_COMPLETED = "task_created", "task_assigned", "task_completed"
    TASK_STATUS_CHANGED, TASK_COMMENTED = "task_status_changed", "task_commented"
    TASK_OUTCOME = "task_outcome"
    DO_NOT_CONTACT, OPTED_IN = "do_not_contact", "opted_in"
    CONTACT_MERGED, CONTACT_PARTED, CONTACT_ERASED = "contact_merged", "contact_parted", "contact_erased"
    LIVE, IMPORT, SYSTEM = "live", "import", "system"
    HUMAN, MACHINE, UNKNOWN = "human", "machine", "unknown"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, db_index=False, related_name="activities", blank=True)
    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="activities"
    )
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
    dismissed_at = models.DateTimeField(null=True, blank=True, help_text="An unmatched one that nobody has to look at")

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "activities"
        constraints = [models.UniqueConstraint(fields=["team", "source", "source_key"], name="one_activity_per_key")]
        indexes = [
            models.Index(fields=["team", "id"], name="activity_queue", condition=Q(processed_at__isnull=True)),
            models.Index(fields=["contact", "-occurred_at", "-id"], name="activity_of_contact"),
            models.Index(fields=["team", "-occurred_at", "-id"], name="activity_stream"),
            models.Index(
                fields=["task_id", "-occurred_at", "-id"], name="activity_of_task", condition=Q(task_id__isnull=False)
            ),
            models.Index(
                fields=["team", "-id"],
                name="activity_unmatched",
                condition=Q(contact__isnull=True, task_id__isnull=True, dismissed_at__isnull=True),
            ),
        ]

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        return from_database(cls, db, field_names, values, **more)

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
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, editable=False, related_name="+", help_text="Whom it names"
    )
    dismissed_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=current_time)
    content_hash = models.CharField(max_length=64)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["activity", "content_hash"], name="one_conflict_per_body")]

    def __str__(self) -> str:
        return f"conflict with {self.activity_id}"


class ActivityRepeat(models.Model):
    """How often an event came again under its key, as it was: it counts once, and its row stays as it is."""

    activity = models.OneToOneField(Activity, on_delete=models.CASCADE, related_name="repeat")
    times = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.activity_id} came {self.times} times more"


def new_secret() -> str:
    return uuid.uuid4().hex + uuid.uuid4().hex


class InboundSource(models.Model):
    """One place that sends events: a mail provider's account with its secret address."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="inbound_sources")
    provider = models.CharField(max_length=40)
    name = models.CharField(max_length=100)
    secret = models.CharField(max_length=64, unique=True, default=new_secret)
    creates_contacts = models.BooleanField(default=False, help_text="Make a contact for an unknown address")
    keys = SealedKeys(default=dict, blank=True, help_text="What proves the provider's requests, by its own names")
    notice = models.TextField(blank=True, help_text="What somebody has to do before events arrive")
    created_at = models.DateTimeField(default=current_time)

    def __str__(self) -> str:
        return f"{self.provider}: {self.name}"


class InboundForm(models.Model):
    """A form on somebody's site: its key is its address, its mapping says what goes into which field of the contact."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="inbound_forms")
    owner = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="Of contacts it makes"
    )
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=64, unique=True, default=new_secret)
    mapping = models.JSONField(default=dict, blank=True, help_text='{"E-Mail": "email", "Budget": "data.budget"}')
    honeypot = models.CharField(max_length=60, blank=True, help_text="A field that people do not see; bots fill it")
    allowed_origins = models.JSONField(default=list, blank=True, help_text="Sites whose scripts may post to it")
    redirect_url = models.CharField(
        max_length=500,
        blank=True,
        validators=[URLValidator(["http", "https"])],
        help_text="Where a browser goes afterwards",
    )
    creates_contacts = models.BooleanField(default=True)
    rate_per_minute = models.PositiveIntegerField(default=60, validators=[MinValueValidator(1)])
    is_active = models.BooleanField(default=True)
    trapped = models.PositiveIntegerField(default=0, editable=False, help_text="Submissions that filled the honeypot")
    created_at = models.DateTimeField(default=current_time)

    def __str__(self) -> str:
        return self.name


class ContactMerge(models.Model):
    """One contact absorbed into another, with what it takes to part them again for 30 days."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    survivor = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="merges")
    absorbed = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    before = models.JSONField(default=dict, help_text="What was moved and changed, by room")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["absorbed"], condition=Q(undone_at__isnull=True), name="absorbed_once_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.absorbed_id} into {self.survivor_id}"
