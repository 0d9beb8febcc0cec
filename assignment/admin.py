"""Runs and suggested moves, for superusers to look at; they are carried out by page or API."""

from django.contrib import admin

from assignment.models import Decision, Overload, Run, Suggestion
from jobs.admin import ReadOnlyAdmin


@admin.register(Suggestion)
class SuggestionAdmin(ReadOnlyAdmin):
    list_display = ("task", "from_user", "to_user", "hours", "state", "created_at", "applied_by")
    list_filter = ("state", "team")
    list_select_related = ("task", "from_user", "to_user", "applied_by")
    search_fields = ("task__title", "from_user__username", "to_user__username")
    ordering = ("-id",)


@admin.register(Overload)
class OverloadAdmin(ReadOnlyAdmin):
    list_display = ("user", "since")
    list_select_related = ("user",)
    ordering = ("since",)


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "team", "state", "value", "bound", "gap", "solver", "by")
    list_filter = ("state", "team")
    list_select_related = ("team", "by")
    ordering = ("-created_at",)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("task", "to_user", "code", "state", "run")
    list_filter = ("state", "code")
    list_select_related = ("task", "to_user", "run")
    search_fields = ("task__title", "to_user__username")
    ordering = ("-id",)
