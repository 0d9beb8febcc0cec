"""What people were told, for superusers to look at."""

from django.contrib import admin

from jobs.admin import ReadOnlyAdmin
from notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("title", "user", "kind", "created_at", "read_at")
    list_filter = ("kind", "team")
    list_select_related = ("user",)
    search_fields = ("title", "key", "user__username")
    ordering = ("-id",)
    show_full_result_count = False
