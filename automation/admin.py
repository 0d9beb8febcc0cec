"""Rules for superusers; what they did is to look at. A rule written here is as good as one of the API."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from automation.models import EngineQueue, Firing, RuleVersion, ScheduledTaskBatch, TaskAutomationRule
from jobs.admin import ReadOnlyAdmin


@admin.register(TaskAutomationRule)
class RuleAdmin(ModelAdmin):
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
