"""Rules for superusers; what they did is to look at. A rule written here is as good as one of the API."""

from django.contrib import admin
from unfold.admin import TabularInline

from automation.audited import CAMPAIGN, RULE, SEQUENCE
from automation.models import (
    AutomationStep,
    Backtest,
    Campaign,
    EngineQueue,
    Enrolment,
    EnrolmentStep,
    Firing,
    ParkedPair,
    RuleChange,
    RuleVersion,
    ScheduledTaskBatch,
    Sequence,
    StepsVersion,
    Tally,
    TaskAutomationRule,
)
from jobs.admin import ReadOnlyAdmin
from people.audited_admin import AuditedAdmin, PartAdmin


@admin.register(TaskAutomationRule)
class RuleAdmin(AuditedAdmin):
    audited = RULE
    list_display = ("name", "trigger_type", "is_active", "owner", "team", "times_triggered", "tasks_created")
    list_filter = ("team", "is_active", "trigger_type", "scope")
    list_select_related = ("owner", "team")
    search_fields = ("name", "task_title_template")
    autocomplete_fields = ("owner", "team")
    readonly_fields = ("times_triggered", "tasks_created", "parked_reason", "content_hash", "created_at", "archived_at")


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnlyAdmin):
    list_display = ("rule", "number", "frozen_at")
    list_filter = ("frozen_at",)
    list_select_related = ("rule",)
    search_fields = ("rule__name",)
    ordering = ("-id",)


@admin.register(Firing)
class FiringAdmin(ReadOnlyAdmin):
    list_display = ("rule", "trigger_key", "outcome", "reason", "contact", "task", "at")
    list_filter = ("outcome", "rule")
    list_select_related = ("rule", "contact", "task")
    search_fields = ("trigger_key", "reason", "contact__name")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(ScheduledTaskBatch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "contact", "owner", "team", "created_at")
    list_filter = ("kind", "team")
    list_select_related = ("contact", "owner", "team")
    search_fields = ("name", "contact__name")
    ordering = ("-id",)


@admin.register(EngineQueue)
class EngineQueueAdmin(ReadOnlyAdmin):
    list_display = ("team",)
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("team__name",)


class StepInline(TabularInline):
    model = AutomationStep
    extra = 1
    fields = ("order", "message_type", "name", "body", "delay_days", "condition", "priority", "settings")


@admin.register(Campaign)
class CampaignAdmin(AuditedAdmin):
    audited = CAMPAIGN
    list_display = ("name", "is_active", "owner", "team", "created_at")
    list_filter = ("team", "is_active")
    list_select_related = ("owner", "team")
    search_fields = ("name",)
    autocomplete_fields = ("owner", "team")
    readonly_fields = ("created_at", "archived_at")
    inlines = (StepInline,)


@admin.register(Sequence)
class SequenceAdmin(AuditedAdmin):
    audited = SEQUENCE
    list_display = ("name", "preset", "is_active", "owner", "team", "created_at")
    list_filter = ("team", "is_active")
    list_select_related = ("owner", "team")
    search_fields = ("name",)
    autocomplete_fields = ("owner", "team")
    readonly_fields = ("preset", "created_at", "archived_at")


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyAdmin):
    list_display = ("contact", "sequence", "campaign", "state", "next_step_at", "reason", "created_at")
    list_filter = ("state", "team")
    list_select_related = ("contact", "sequence", "campaign")
    search_fields = ("contact__name", "sequence__name", "campaign__name")
    ordering = ("-id",)


@admin.register(AutomationStep)
class AutomationStepAdmin(PartAdmin):
    audited = CAMPAIGN
    whole = "campaign"
    list_display = ("name", "campaign", "order", "message_type", "delay_days")
    list_filter = ("message_type",)
    list_select_related = ("campaign",)
    search_fields = ("name", "campaign__name")
    autocomplete_fields = ("campaign",)
    ordering = ("campaign", "order", "id")


@admin.register(EnrolmentStep)
class EnrolmentStepAdmin(ReadOnlyAdmin):
    list_display = ("enrolment", "number", "key", "state", "reason", "due_at", "task")
    list_filter = ("state",)
    list_select_related = ("enrolment", "task")
    search_fields = ("key", "enrolment__contact__name")
    ordering = ("-id",)


@admin.register(StepsVersion)
class StepsVersionAdmin(ReadOnlyAdmin):
    list_display = ("sequence", "campaign", "number", "frozen_at")
    list_filter = ("frozen_at",)
    list_select_related = ("sequence", "campaign")
    search_fields = ("sequence__name", "campaign__name")
    ordering = ("-id",)


@admin.register(ParkedPair)
class ParkedPairAdmin(ReadOnlyAdmin):
    list_display = ("rule", "contact", "reason", "at", "released_at")
    list_filter = ("rule__team",)
    list_select_related = ("rule", "contact")
    search_fields = ("rule__name", "contact__name")


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    list_display = ("rule", "by", "start", "end", "made_at")
    list_select_related = ("rule", "by")
    search_fields = ("rule__name",)
    ordering = ("-made_at",)


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ("team", "at")
    list_select_related = ("team",)
    search_fields = ("team__name",)
    ordering = ("team",)


@admin.register(RuleChange)
class RuleChangeAdmin(ReadOnlyAdmin):
    list_display = ("pk", "team_id")
    ordering = ("-pk",)
