"""What was learned, for superusers to look at: all but a team's own settings is computed."""

from django.contrib import admin

from jobs.admin import ReadOnlyAdmin
from learning.audited import LEARNING
from learning.models import (
    BestTimeCheck,
    BestTimeFit,
    BestTimeProfile,
    ContactAttempt,
    ContactScore,
    EstimateFit,
    Experiment,
    ExperimentContact,
    ExperimentLook,
    ExperimentShares,
    LeadOutcome,
    LeadSnapshot,
    LedgerReading,
    ScoreModel,
    TeamLearning,
)
from people.audited_admin import AuditedAdmin


@admin.register(TeamLearning)
class TeamLearningAdmin(AuditedAdmin):
    audited = LEARNING
    list_display = ("team", "times", "scores", "estimates")
    list_select_related = ("team",)
    search_fields = ("team__name",)


@admin.register(LedgerReading)
class LedgerReadingAdmin(ReadOnlyAdmin):
    list_display = ("team", "upto")
    list_select_related = ("team",)
    search_fields = ("team__name",)


@admin.register(ContactAttempt)
class ContactAttemptAdmin(ReadOnlyAdmin):
    list_display = ("contact", "channel", "sent_at", "local_hour", "chosen_by", "answered_at")
    list_filter = ("channel", "chosen_by", "zone_source")
    list_select_related = ("contact",)
    search_fields = ("contact__name",)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(LeadOutcome)
class LeadOutcomeAdmin(ReadOnlyAdmin):
    list_display = ("contact", "word", "is_status", "at")
    list_filter = ("word",)
    list_select_related = ("contact",)
    search_fields = ("contact__name",)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(LeadSnapshot)
class LeadSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("contact", "as_of")
    list_select_related = ("contact",)
    search_fields = ("contact__name",)
    show_full_result_count = False


@admin.register(BestTimeFit)
class BestTimeFitAdmin(ReadOnlyAdmin):
    list_display = ("team", "channel", "attempts", "personal", "built_at")
    list_select_related = ("team",)
    search_fields = ("team__name",)


@admin.register(BestTimeCheck)
class BestTimeCheckAdmin(ReadOnlyAdmin):
    list_display = ("team", "at", "kept", "kept_answered", "chosen", "chosen_answered")
    list_select_related = ("team",)
    search_fields = ("team__name",)


@admin.register(BestTimeProfile)
class BestTimeProfileAdmin(ReadOnlyAdmin):
    list_display = ("fit", "contact", "segment")
    list_select_related = ("fit", "contact")
    search_fields = ("contact__name", "segment")
    show_full_result_count = False


@admin.register(ScoreModel)
class ScoreModelAdmin(ReadOnlyAdmin):
    list_display = ("team", "version", "kind", "n", "wins", "active", "held", "made_at")
    list_select_related = ("team",)
    search_fields = ("team__name",)
    ordering = ("-id",)


@admin.register(ContactScore)
class ContactScoreAdmin(ReadOnlyAdmin):
    list_display = ("contact", "score", "band", "priority", "at")
    list_filter = ("band", "priority")
    list_select_related = ("contact",)
    search_fields = ("contact__name",)
    show_full_result_count = False


@admin.register(Experiment)
class ExperimentAdmin(ReadOnlyAdmin):
    list_display = ("subject_key", "team", "kind", "verdict", "started_at", "ended_at", "decision")
    list_select_related = ("team",)
    search_fields = ("subject_key",)
    ordering = ("-id",)


@admin.register(ExperimentContact)
class ExperimentContactAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "contact", "arm", "triggered_at")
    list_select_related = ("experiment", "contact")
    search_fields = ("contact__name",)
    show_full_result_count = False


@admin.register(ExperimentLook)
class ExperimentLookAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "on", "verdict", "fraction", "counted")
    list_select_related = ("experiment",)
    search_fields = ("verdict",)
    ordering = ("-on",)


@admin.register(ExperimentShares)
class ExperimentSharesAdmin(ReadOnlyAdmin):
    list_display = ("experiment", "on", "shares")
    list_select_related = ("experiment",)
    search_fields = ("experiment__subject_key",)
    ordering = ("-on",)


@admin.register(EstimateFit)
class EstimateFitAdmin(ReadOnlyAdmin):
    list_display = ("team", "tasks", "width", "scale", "built_at")
    list_select_related = ("team",)
    search_fields = ("team__name",)
