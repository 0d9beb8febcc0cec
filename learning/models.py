"""What a team's past says: attempts to reach contacts and what came of them, and what was learned from it all."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from crm.models import Activity, Contact
from people.models import Team, User
from work.models import Task

STATUSES = [status for status, _ in Contact.STATUSES]


def won() -> list[str]:
    return [Contact.ACTIVE]


def lost() -> list[str]:
    return [Contact.LOST]


class TeamLearning(models.Model):
    """What a team lets be learned, and what winning means there. A team without a row has the defaults."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="learning")
    times = models.BooleanField(default=True, help_text="Rules may choose the hour at which a contact answers soonest")
    scores = models.BooleanField(default=True, help_text="Leads get a score, and rules may take the priority from it")
    estimates = models.BooleanField(default=True, help_text="What tasks really took is shown beside their estimates")
    won_statuses = models.JSONField(default=won, help_text="Statuses of a contact that is won")
    lost_statuses = models.JSONField(default=lost, help_text="Statuses of a contact that is lost")
    points = models.JSONField(
        default=list,
        blank=True,
        help_text="What a lead's fields are worth, as domain.learning.lead_points; none: usual",
    )
    urgent_share = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="So many open leads in a hundred may be urgent by their score",
    )
    deal_value_key = models.CharField(
        max_length=60,
        blank=True,
        help_text="What events of a lead call its worth, as amount: "
        "the newest number counts in ranks; empty: all alike",
    )

    def __str__(self) -> str:
        return f"learning of team {self.team_id}"


class LedgerReading(models.Model):
    """How far the ledger of a team was read."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    upto = models.BigIntegerField(default=0, help_text="The id of the last activity that was looked at")

    def __str__(self) -> str:
        return f"team {self.team_id} up to {self.upto}"


class AttemptQuerySet(models.QuerySet["ContactAttempt"]):
    def matured(self, now: Any) -> "AttemptQuerySet":
        """Those of which it is known whether they were answered fast."""
        return self.filter(matured_at__lte=now)


class ContactAttempt(models.Model):
    """One try to reach a contact, one for an activity that tells of it; answered once somebody answers, if ever.

    `chosen_by` says what chose the instant: a rule's own hour, the contact's best time, a trial, the group that is
    kept out of best times for comparison, or a human. `propensity` is the chance that this hour had to be chosen.
    """

    CALL, EMAIL = "call", "email"
    CHANNELS = [(CALL, "Call"), (EMAIL, "E-mail")]
    RULE, BEST_TIME, EXPLORE, HOLDOUT, HUMAN = "rule", "best_time", "explore", "holdout", "human"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    activity = models.OneToOneField(Activity, on_delete=models.CASCADE, related_name="+")
    task_id = models.BigIntegerField(null=True, db_index=True)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    channel = models.CharField(max_length=5, choices=CHANNELS)
    sent_at = models.DateTimeField()
    zone = models.CharField(max_length=64)
    zone_source = models.CharField(max_length=7, help_text="contact, phone, owner or team")
    local_hour = models.PositiveSmallIntegerField()
    local_weekday = models.PositiveSmallIntegerField(help_text="0 is Monday")
    chosen_by = models.CharField(max_length=9)
    propensity = models.FloatField(null=True)
    reached = models.BooleanField(default=False, help_text="Answered at once, as a call is")
    answered_at = models.DateTimeField(null=True, help_text="When a person first answered it")
    matured_at = models.DateTimeField(help_text="From here on an answer no longer counts as fast")

    objects = AttemptQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "channel", "matured_at"], name="attempt_matured"),
            models.Index(fields=["contact", "sent_at", "id"], name="attempt_of_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.contact_id} at {self.sent_at:%Y-%m-%d %H:%M}"


class LeadOutcome(models.Model):
    """What became of a lead, by an activity that says so: `word` is won or lost, or the status that it was given."""

    WON, LOST = "won", "lost"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="lead_outcomes")
    activity = models.OneToOneField(Activity, on_delete=models.CASCADE, related_name="+")
    task_id = models.BigIntegerField(null=True, db_index=True)
    is_status = models.BooleanField()
    was = models.CharField(max_length=10, blank=True, help_text="The status before, of a change of status")
    word = models.CharField(max_length=12)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["team", "at", "id"], name="lead_outcome_at")]

    def __str__(self) -> str:
        return f"{self.contact_id} {self.word} at {self.at:%Y-%m-%d}"


class LeadSnapshot(models.Model):
    """What was known of a contact when it was first looked at: what a score learns from, since later edits give away
    how it ended.
    """

    contact = models.OneToOneField(Contact, on_delete=models.CASCADE, primary_key=True, related_name="+")
    as_of = models.DateTimeField()
    features = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.contact_id} as of {self.as_of:%Y-%m-%d}"


class BestTimeFit(models.Model):
    """What the newest fit of a team's attempts by one channel learned; its profiles hang on it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=5, choices=ContactAttempt.CHANNELS)
    built_at = models.DateTimeField()
    attempts = models.PositiveIntegerField()
    personal = models.FloatField(
        null=True, help_text="So many attempts of a contact weigh as much as its segment; empty: only that counts"
    )
    days = models.JSONField(default=list, help_text="Factors by weekday, Monday first")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "channel"], name="one_best_time_fit_per_channel")]

    def __str__(self) -> str:
        return f"{self.channel} of team {self.team_id}"


class BestTimeProfile(models.Model):
    """The chance of a fast answer at each local hour, for a whole team, for contacts of one status, or for one."""

    fit = models.ForeignKey(BestTimeFit, on_delete=models.CASCADE, related_name="profiles", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, null=True, related_name="+")
    segment = models.CharField(max_length=10, blank=True, help_text="The status; empty for the whole team")
    chances = models.JSONField(default=list)
    attempts = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fit", "contact"], condition=Q(contact__isnull=False), name="one_profile_per_contact"
            ),
            models.UniqueConstraint(
                fields=["fit", "segment"], condition=Q(contact__isnull=True), name="one_profile_per_segment"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id or self.segment or 'all'} in fit {self.fit_id}"


class BestTimeCheck(models.Model):
    """How many contacts of each group were answered fast at their first attempt: what best times bring a team."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField()
    kept = models.PositiveIntegerField(help_text="Contacts that stay on the rules' own hours")
    kept_answered = models.PositiveIntegerField()
    chosen = models.PositiveIntegerField(help_text="Contacts whose hours are chosen")
    chosen_answered = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"check of best times of team {self.team_id}"


class ScoreModel(models.Model):
    """One version of how a team's leads are scored. The active one is used; a person may go back to an earlier one."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    kind = models.CharField(max_length=7, help_text="rules or learned")
    n = models.PositiveIntegerField(help_text="Leads it was learned from")
    wins = models.PositiveIntegerField()
    data = models.JSONField(default=dict, help_text="The model itself")
    check_data = models.JSONField(null=True, help_text="How it foresaw the newest leads from the others")
    active = models.BooleanField(default=False)
    held = models.BooleanField(default=False, help_text="A person chose it: newer ones are made and not used")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "version"], name="one_score_model_per_version"),
            models.UniqueConstraint(fields=["team"], condition=Q(active=True), name="one_active_score_model"),
        ]

    def __str__(self) -> str:
        return f"version {self.version} of team {self.team_id}"


class ContactScore(models.Model):
    """The newest score of an open lead, with its reasons, and the priority that it gives work for it."""

    contact = models.OneToOneField(Contact, on_delete=models.CASCADE, primary_key=True, related_name="score")
    model = models.ForeignKey(ScoreModel, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField(help_text="0 to 100; also Contact.lead_score, unless somebody set that")
    told = models.PositiveSmallIntegerField(
        null=True, help_text="What Contact.lead_score was given last; empty where it is somebody's own"
    )
    chance = models.FloatField(null=True)
    deal_value = models.FloatField(null=True, help_text="What it is worth, where its events tell")
    band = models.PositiveSmallIntegerField(help_text="1 is best")
    reasons = models.JSONField(default=list)
    priority = models.CharField(max_length=8, choices=Task.PRIORITIES)
    rank = models.FloatField(help_text="0 is the best of the team's open leads, 1 the last")
    priority_reason = models.CharField(max_length=8, help_text="As domain.learning.lead_priority tells them")
    prioritised_on = models.DateField(help_text="The team's day on which the priority last changed")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.contact_id}: {self.score}"


class EstimateFit(models.Model):
    """What a team's finished tasks say of estimates as a whole; what they say of one task is asked of them then.

    `width` is how much bands are widened so that four of five hold, `scale` brings sums to what was really taken; each
    for tasks with an estimate and without.
    """

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="+")
    built_at = models.DateTimeField()
    tasks = models.PositiveIntegerField()
    width = models.FloatField(default=1)
    scale = models.FloatField(default=1)
    width_without = models.FloatField(default=1)
    scale_without = models.FloatField(default=1)
    report = models.JSONField(default=dict, help_text="How estimates went, as domain.learning.estimates.Report")

    def __str__(self) -> str:
        return f"estimates of team {self.team_id}"


class Experiment(models.Model):
    """Which of some delays gets more answers: contacts of a subject, as rule:7, are drawn into one each, for good.

    A test has a plan, frozen at the start; its first delay is the control, and looks are taken once a day until it is
    decided. One that optimises has no plan and decides nothing: most contacts get what was answered most so far.
    """

    TEST, OPTIMISE = "test", "optimise"
    KINDS = [(TEST, "Test"), (OPTIMISE, "Optimise")]
    ADOPTED, STOPPED, RUN_OUT = "adopted", "stopped", "run_out"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    subject_key = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=KINDS, default=TEST)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    delays_hours = models.JSONField(help_text="Of each arm")
    window_hours = models.PositiveIntegerField(
        help_text="An answer counts so long after the trigger, in all arms alike"
    )
    base = models.FloatField(null=True, help_text="Of a test: the share that answers, as it was when it began")
    effect = models.FloatField(null=True, help_text="Of a test: the difference it is to find")
    weekly = models.FloatField(null=True, help_text="Of a test: contacts a week, as it was when it began")
    per_arm = models.PositiveIntegerField(null=True, help_text="Of a test: contacts of each arm it was planned with")
    salt = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=13, help_text="As domain.learning.experiments tells them, or allocation")
    winner = models.PositiveSmallIntegerField(null=True, help_text="The arm, from 0 on")
    decision = models.CharField(max_length=8, blank=True, help_text="adopted, stopped, or run_out at its planned end")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_key"], condition=Q(ended_at__isnull=True), name="one_experiment_per_subject"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject_key} since {self.started_at:%Y-%m-%d}"

    @property
    def is_running(self) -> bool:
        return self.ended_at is None

    @property
    def optimises(self) -> bool:
        return self.kind == self.OPTIMISE


class ExperimentContact(models.Model):
    """A contact in its arm, from its first trigger on, whatever becomes of the task."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    arm = models.PositiveSmallIntegerField()
    triggered_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "contact"], name="one_arm_per_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in arm {self.arm} of {self.experiment_id}"


class ExperimentLook(models.Model):
    """What one day's look said."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="looks", db_index=False)
    on = models.DateField()
    at = models.DateTimeField()
    verdict = models.CharField(max_length=13)
    fraction = models.FloatField(help_text="Of the planned contacts, how many had matured")
    counted = models.BooleanField(help_text="It was paid for: later ones are judged the more strictly")
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "on"], name="one_look_a_day")]

    def __str__(self) -> str:
        return f"{self.experiment_id} on {self.on}: {self.verdict}"


class ExperimentShares(models.Model):
    """From when on contacts of an experiment that optimises were shared out how, and by what was known then."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="days", db_index=False)
    on = models.DateField()
    at = models.DateTimeField(help_text="Who is triggered from here on is drawn by them")
    shares = models.JSONField(help_text="Of each arm, from 0 to 1")
    known = models.JSONField(help_text="Of each arm, contacts that had their time, and those of them that answered")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "on"], name="shared_out_once_a_day")]

    def __str__(self) -> str:
        return f"{self.experiment_id} from {self.on}"
