"""Webhooks, for superusers to look at; never their secrets."""

from django.contrib import admin

from jobs.admin import ReadOnlyAdmin
from webhooks.models import Dispatch, Endpoint, Event


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    list_display = ("url", "team", "is_active", "off_reason", "failing_since", "created_at")
    list_filter = ("team", "is_active")
    list_select_related = ("team",)
    search_fields = ("url",)
    exclude = ("secret", "old_secret")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("kind", "key", "team", "at")
    list_filter = ("kind", "team")
    list_select_related = ("team",)
    search_fields = ("key",)
    ordering = ("-created_at",)
    show_full_result_count = False


@admin.register(Dispatch)
class DispatchAdmin(ReadOnlyAdmin):
    list_display = ("event", "endpoint", "state", "tries", "status", "next_try_at", "sent_at")
    list_filter = ("state",)
    list_select_related = ("event", "endpoint")
    search_fields = ("event__key", "endpoint__url")
    ordering = ("-created_at",)
    show_full_result_count = False
