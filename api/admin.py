"""Kept answers of repeated requests, for superusers to look at."""

from django.contrib import admin

from api.models import IdempotentAnswer
from jobs.admin import ReadOnlyAdmin


@admin.register(IdempotentAnswer)
class IdempotentAnswerAdmin(ReadOnlyAdmin):
    list_display = ("user", "key", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("key", "user__username")
    exclude = ("body",)
    ordering = ("-id",)
