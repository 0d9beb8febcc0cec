"""Teams, their people, what these can do and when they work."""

from datetime import time
from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.timezone import now as current_time

from domain import calendars
from domain.matching.model import Weights
from people import holidays


def validate_zone(name: str) -> None:
    """Accepts an empty name (the next in line decides) or one that the time zone database knows."""
    if name and calendars.first_zone(name).unknown:
        raise ValidationError(f"{name!r} is no known time zone; write one such as Europe/Berlin.", code="zone")


LONGEST_SPAN_HOURS = 16


def validate_span(starts: time | None, ends: time | None) -> None:
    """Accepts working time of up to 16 hours; one that ends at or before its start runs into the next day.

    Raises ValidationError that names the field: what is longer is two times in the wrong order.
    """
    if starts is None or ends is None:
        return
    minutes = (ends.hour - starts.hour) * 60 + ends.minute - starts.minute
    hours = (minutes if minutes > 0 else minutes + 24 * 60) / 60
    if hours > LONGEST_SPAN_HOURS:
        why = f"That is {hours:g} hours at a stretch, into the next day: swap the two, or enter 16 hours at most."
        raise ValidationError({"ends": why}, code="order")


def default_zone() -> str:
    return settings.DEFAULT_TEAM_ZONE


def languages() -> list[tuple[str, str]]:
    return settings.LANGUAGES


def share(default: int, help_text: str) -> "models.PositiveSmallIntegerField[int, int]":
    """A weight of matching, in thousandths."""
    return models.PositiveSmallIntegerField(default=default, validators=[MaxValueValidator(1000)], help_text=help_text)


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: "User") -> "TeamQuerySet":
        """One's own; superusers, who run the installation, see that the others exist."""
        return self if user.is_superuser else self.filter(pk=user.team_id)


class TeamManager(models.Manager.from_queryset(TeamQuerySet)):  # type: ignore[misc]
    def default(self) -> "Team":
        """The team of whoever is made without one; made when missing."""
        team: Team = self.get_or_create(is_default=True, defaults={"name": "Team"})[0]
        return team


class Team(models.Model):
    name = models.CharField(max_length=100)
    timezone = models.CharField(max_length=64, default=default_zone, validators=[validate_zone])
    country = models.CharField(
        max_length=2,
        blank=True,
        validators=[holidays.validate_country],
        help_text="Whose public holidays count, such as DE",
    )
    region = models.CharField(
        max_length=20,
        blank=True,
        validators=[holidays.validate_region],
        help_text="A part of the country, such as BY",
    )
    overdue_lead_hours = models.PositiveIntegerField(
        default=24, help_text="After this many hours overdue a task is told to the lead"
    )
    touches_per_day = models.PositiveIntegerField(
        default=20, validators=[MinValueValidator(1)], help_text="Cadence touches planned for one owner's day, at most"
    )
    scoring = models.CharField(
        max_length=8,
        choices=[("classic", "Classic"), ("fair", "Fair")],
        default="classic",
        help_text="How performance is scored: docs/concepts/performance.md says what each rewards",
    )
    weight_priority = share(400, "What a task's priority counts in its value, in thousandths")
    weight_urgency = share(300, "What it counts how soon the task is due")
    weight_skill = share(200, "What it counts how well the person's skills match")
    weight_continuity = share(100, "What it counts that the person knows the contact")
    weight_balance = share(200, "How strongly work is spread: what an hour in a full week costs")
    calendar_digest = models.CharField(max_length=64, blank=True, editable=False)
    followed_zones = models.JSONField(
        default=list, editable=False, help_text="Those that touches may be on, as hours.zones tells them, newest first"
    )
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=current_time, editable=False)

    objects: ClassVar[TeamManager] = TeamManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_team"),
            models.CheckConstraint(
                condition=Q(
                    weight_priority=1000 - F("weight_urgency") - F("weight_skill") - F("weight_continuity"),
                    weight_balance__lte=1000,
                ),
                name="team_weights_sum_to_1000",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        holidays.validate(self.country, self.region)
        try:
            self.weights  # noqa: B018
        except ValueError as error:
            raise ValidationError(str(error), code="weights") from None

    @property
    def weights(self) -> Weights:
        """What a task's value is made of in this team. Raises ValueError with what to change."""
        return Weights(
            priority=self.weight_priority,
            urgency=self.weight_urgency,
            skill=self.weight_skill,
            continuity=self.weight_continuity,
            balance=self.weight_balance,
        )


class TeamSpan(models.Model):
    """One stretch of a team's working week; of people without hours of their own, and of work that is nobody's yet."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="working_spans")
    weekday = models.PositiveSmallIntegerField(validators=[MaxValueValidator(6)], help_text="0 is Monday")
    starts = models.TimeField()
    ends = models.TimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "weekday", "starts"], name="one_team_span_per_start"),
        ]

    def __str__(self) -> str:
        return f"{self.team_id}: {self.weekday} {self.starts}-{self.ends}"

    def clean(self) -> None:
        validate_span(self.starts, self.ends)


class TeamDayOff(models.Model):
    """A day on which the whole team is off, beside its public holidays."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="days_off")
    on = models.DateField()
    name = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "on"], name="one_day_off_per_date")]

    def __str__(self) -> str:
        return f"{self.team_id}: {self.on} {self.name}"


class PeopleQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "User") -> "PeopleQuerySet":
        """A team sees its own people: names are needed to hand work over."""
        return self.filter(team_id=user.team_id)

    def active(self) -> "PeopleQuerySet":
        return self.filter(is_active=True)


class PeopleManager(UserManager.from_queryset(PeopleQuerySet)):  # type: ignore[misc]
    pass


class User(AbstractUser):
    MEMBER, LEAD, MANAGER = "member", "lead", "manager"
    ROLES = [(MEMBER, "Member"), (LEAD, "Team lead"), (MANAGER, "Manager")]

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="members", blank=True)
    role = models.CharField(max_length=10, choices=ROLES, default=MEMBER)
    timezone = models.CharField(max_length=64, blank=True, validators=[validate_zone])
    language = models.CharField(
        max_length=10,
        blank=True,
        choices=languages,
        help_text="Of pages and of what is sent to them; empty: pages as the browser asks, the rest in English",
    )
    country = models.CharField(
        max_length=2,
        blank=True,
        validators=[holidays.validate_country],
        help_text="Whose public holidays count; the team's when empty",
    )
    region = models.CharField(max_length=20, blank=True, validators=[holidays.validate_region])
    focus_factor = models.DecimalField(
        max_digits=3,
        decimal_places=2,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.05")), MaxValueValidator(Decimal(1))],
        help_text="The share of working hours that tasks may fill, from 0.05 to 1; the rest is for all else",
    )
    wip_limit = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(1000)],
        help_text="How many open tasks they may hold before they are given no more; empty: any number",
    )

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), condition=~Q(email=""), name="one_user_per_email"),
            models.CheckConstraint(condition=Q(focus_factor__gt=0, focus_factor__lte=1), name="focus_is_a_share"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.team_id is None:
            self.team = Team.objects.default()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        holidays.validate(self.country, self.region, team_country=self.team.country if self.team_id else "")
        from people import deactivation  # which is made of these models

        if self.pk and self.team_id:
            deactivation.check_move(self)

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    @property
    def own_language(self) -> str:
        """The one that they chose; empty where they chose none, or one that there is no longer."""
        return self.language if self.language in dict(languages()) else ""

    @property
    def leads(self) -> bool:
        return self.role in (self.LEAD, self.MANAGER)

    @property
    def manages(self) -> bool:
        return self.role == self.MANAGER


class WorkingSpan(models.Model):
    """One stretch of a person's week. Someone without any works the default week (Monday to Friday, nine to five)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="working_spans")
    weekday = models.PositiveSmallIntegerField(validators=[MaxValueValidator(6)], help_text="0 is Monday")
    starts = models.TimeField()
    ends = models.TimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "weekday", "starts"], name="one_span_per_start"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.weekday} {self.starts}-{self.ends}"

    def clean(self) -> None:
        validate_span(self.starts, self.ends)


class TimeOff(models.Model):
    """Whole days away, both ends included."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="time_off")
    starts_on = models.DateField()
    ends_on = models.DateField()
    reason = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=models.F("starts_on")), name="time_off_ends_after_start")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.starts_on} to {self.ends_on}"

    def clean(self) -> None:
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValidationError({"ends_on": "The last day away lies before the first: swap them."}, code="order")


class SkillQuerySet(models.QuerySet["Skill"]):
    def visible_to(self, user: User) -> "SkillQuerySet":
        return self.filter(team_id=user.team_id)


class Skill(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="skills")
    name = models.CharField(max_length=60)

    objects = SkillQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), "team", name="one_skill_per_name")]

    def __str__(self) -> str:
        return self.name


class SkillRequirement(models.Model):
    """Work that asks for `skill` asks for `needs` as well, at this level at least; never in a circle."""

    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="requirements")
    needs = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="+")
    min_level = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(5)])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["skill", "needs"], name="one_requirement_per_pair_of_skills")]

    def __str__(self) -> str:
        return f"{self.skill_id} needs {self.needs_id} at {self.min_level}"

    def clean(self) -> None:
        from people import skills  # which is made of these models

        if self.skill_id and self.needs_id:
            skills.check(self.skill, [self.needs])


class UserSkill(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="skill_levels")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="people")
    level = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "skill"], name="one_level_per_skill")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.skill_id} at {self.level}"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def visible_to(self, user: User) -> "ApiTokenQuerySet":
        return self.filter(user=user)


class ApiToken(models.Model):
    """A key for programs. Only the digest of its secret is kept; the secret is shown once, when it is made."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8, help_text="The first characters, to recognise it by")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: User) -> "SavedViewQuerySet":
        """One's own, whoever one is: they say what somebody looks for."""
        return self.filter(user=user)


class SavedView(models.Model):
    """What narrows and orders a list, as it stands in the address, under a name that one person gave it."""

    TASKS, CONTACTS = "tasks", "contacts"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=10, choices=[(TASKS, "Tasks"), (CONTACTS, "Contacts")])
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, help_text="The address behind the question mark")

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name


class UndoNoteQuerySet(models.QuerySet["UndoNote"]):
    def visible_to(self, user: User) -> "UndoNoteQuerySet":
        """One's own, whoever one is: only who did a thing takes it back."""
        return self.filter(user=user)


class UndoNote(models.Model):
    """How things stood before somebody changed many at once, for the minutes in which that can be taken back."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="undo_notes")
    steps = models.JSONField()
    made_at = models.DateTimeField(db_index=True)

    objects = UndoNoteQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user} at {self.made_at:%Y-%m-%d %H:%M}"


class CalendarFeed(models.Model):
    """The private address at which calendars read somebody's tasks. Only the digest of its secret is kept."""

    TODO, EVENT = "todo", "event"

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="calendar_feed")
    digest = models.CharField(max_length=64, unique=True)
    shows = models.CharField(max_length=5, choices=[(TODO, "To-dos"), (EVENT, "Appointments")], default=TODO)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"calendar of {self.user_id}"


class BusySource(models.Model):
    """Where it is read when a person is busy: one address or one file, and what it said last.

    Of a calendar only stretches of time are kept, no titles and no people. `turn` counts the jobs that were to read it:
    one of an earlier turn leaves it alone. A file is read once and has no `next_read_at`.
    """

    URL, FILE = "url", "file"

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="busy_source")
    kind = models.CharField(max_length=4, choices=[(URL, "Address"), (FILE, "File")])
    address = models.TextField(blank=True, help_text="Sealed: whoever has it can read the calendar")
    file_name = models.CharField(max_length=255, blank=True)
    made_at = models.DateTimeField()
    turn = models.PositiveIntegerField(default=0)
    etag = models.CharField(max_length=500, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    read_at = models.DateTimeField(null=True, help_text="When it was last read well")
    next_read_at = models.DateTimeField(null=True)
    known_from = models.DateTimeField(null=True, help_text="The window that was read then")
    known_until = models.DateTimeField(null=True)
    spans = models.JSONField(default=list, help_text="[begins, ends] in seconds since 1970, in order")
    fingerprint = models.CharField(max_length=64, blank=True, help_text="Of the spans")
    events = models.PositiveIntegerField(default=0)
    broken = models.PositiveIntegerField(default=0)
    faults = models.JSONField(default=list, help_text="The first of what was not read: line, uid, what")
    error = models.CharField(max_length=255, blank=True)
    failures = models.PositiveIntegerField(default=0, help_text="Since it was last read well")
    failing_since = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True, help_text="When its person heard that it fails")

    def __str__(self) -> str:
        return f"busy times of {self.user_id}"


class ChangeQuerySet(models.QuerySet["Change"]):
    def visible_to(self, user: User) -> "ChangeQuerySet":
        """The team's managers read its lines, nobody else any."""
        return self.filter(team_id=user.team_id) if user.manages else self.none()


class Change(models.Model):
    """One line of the audit log, written once and never changed: see `people.audit`."""

    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    at = models.DateTimeField()
    actor = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", help_text="Nobody: the product, or the shell"
    )
    kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=40)
    subject = models.CharField(max_length=255, help_text="Its name then")
    verb = models.CharField(max_length=20)
    before = models.JSONField(default=dict, help_text="What differs, as it was")
    after = models.JSONField(default=dict, help_text="And as it is since")

    objects = ChangeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-id"], name="change_newest"),
            models.Index(fields=["kind", "subject_id", "-id"], name="change_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id} {self.verb}"
