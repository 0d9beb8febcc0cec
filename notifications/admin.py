"""What people were told, for superusers to look at."""

from django.contrib import admin

from jobs.admin import ReadOnlyAdmin
from notifications.models import Address, Delivery, Gateway, LinkUse, Mute, Notification, Preference, QuietHours


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


@admin.register(Mute)
class MuteAdmin(ReadOnlyAdmin):
    list_display = ("user", "subject", "made_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "subject")


@admin.register(LinkUse)
class LinkUseAdmin(ReadOnlyAdmin):
    list_display = ("delivery", "act", "used_at")
    list_filter = ("act",)
    search_fields = ("delivery__user__username",)


@admin.register(QuietHours)
class QuietHoursAdmin(ReadOnlyAdmin):
    list_display = ("user", "starts", "ends")
    list_select_related = ("user",)
    search_fields = ("user__username",)


@admin.register(Address)
class AddressAdmin(ReadOnlyAdmin):
    list_display = ("user", "channel", "service", "confirmed_at", "changed_at")
    list_filter = ("channel", "service")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    exclude = ("sealed", "code")


@admin.register(Gateway)
class GatewayAdmin(ReadOnlyAdmin):
    list_display = ("team", "channel", "service", "made_by", "changed_at")
    list_filter = ("channel", "service")
    list_select_related = ("team", "made_by")
    search_fields = ("team__name",)
    exclude = ("sealed",)
