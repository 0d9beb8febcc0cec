"""What people were told, for superusers to look at."""

from django.contrib import admin

from jobs.admin import ReadOnlyAdmin
from notifications.models import Delivery, Notification, Preference, QuietHours


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("title", "user", "kind", "created_at", "read_at")
    list_filter = ("kind", "team")
    list_select_related = ("user",)
    search_fields = ("title", "key", "user__username")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("notification", "user", "channel", "state", "created_at", "sent_at")
    list_filter = ("channel", "state")
    list_select_related = ("notification", "user")
    search_fields = ("user__username", "notification__title")
    ordering = ("-created_at",)
    show_full_result_count = False


@admin.register(Preference)
class PreferenceAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "channel", "wanted")
    list_filter = ("kind", "channel", "wanted")
    list_select_related = ("user",)
    search_fields = ("user__username",)


@admin.register(QuietHours)
class QuietHoursAdmin(ReadOnlyAdmin):
    list_display = ("user", "starts", "ends")
    list_select_related = ("user",)
    search_fields = ("user__username",)
