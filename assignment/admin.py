"""Suggested moves, for superusers to look at; they are applied on their own page or through the API."""

from django.contrib import admin

from assignment.models import Suggestion
from jobs.admin import ReadOnlyAdmin


@admin.register(Suggestion)
class SuggestionAdmin(ReadOnlyAdmin):
    list_display = ("task", "from_user", "to_user", "hours", "state", "created_at", "applied_by")
    list_filter = ("state", "team")
    list_select_related = ("task", "from_user", "to_user", "applied_by")
    search_fields = ("task__title", "from_user__username", "to_user__username")
    ordering = ("-id",)
