"""Contacts and the ledger for superusers. The ledger is append-only."""

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from crm.audited import FORM, SOURCE
from crm.files.models import Import, ImportPart
from crm.models import (
    Activity,
    ActivityConflict,
    ActivityRepeat,
    Contact,
    ContactIdentity,
    ContactMerge,
    InboundForm,
    InboundSource,
)
from jobs.admin import ReadOnlyAdmin
from people.audited_admin import AuditedAdmin


class IdentityInline(TabularInline):
    model = ContactIdentity
    extra = 0


@admin.register(Contact)
class ContactAdmin(ModelAdmin):
    list_display = ("name", "email", "company", "status", "owner", "team", "contact_cadence", "next_touch_at")
    list_filter = ("team", "status", "contact_cadence")
    list_select_related = ("owner", "team")
    search_fields = ("name", "email", "company", "phone")
    autocomplete_fields = ("owner", "team")
    readonly_fields = ("created_at", "seen_status")
    inlines = (IdentityInline,)
    show_full_result_count = False


@admin.register(ContactIdentity)
class ContactIdentityAdmin(ModelAdmin):
    list_display = ("contact", "source", "external_id", "team")
    list_filter = ("source", "team")
    list_select_related = ("contact", "team")
    search_fields = ("external_id", "contact__name")
    autocomplete_fields = ("contact", "team")


@admin.register(Activity)
class ActivityAdmin(ReadOnlyAdmin):
    list_display = ("activity_type", "contact", "source", "origin", "signal", "occurred_at", "processed_at")
    list_filter = ("team", "activity_type", "origin", "signal", "source")
    list_select_related = ("contact",)
    search_fields = ("contact__name", "contact__email", "source_key")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(ActivityConflict)
class ActivityConflictAdmin(ReadOnlyAdmin):
    list_display = ("activity", "received_at", "content_hash")
    list_filter = ("received_at",)
    list_select_related = ("activity",)
    search_fields = ("activity__source_key",)


@admin.register(InboundSource)
class InboundSourceAdmin(AuditedAdmin):
    audited = SOURCE
    list_display = ("name", "provider", "team", "creates_contacts", "created_at")
    list_filter = ("provider", "team")
    list_select_related = ("team",)
    search_fields = ("name",)
    readonly_fields = ("created_at",)
    exclude = ("secret", "keys")  # entered on the team's own page, which shows neither


@admin.register(ActivityRepeat)
class ActivityRepeatAdmin(ReadOnlyAdmin):
    list_display = ("activity", "times", "last_at")
    list_select_related = ("activity",)


@admin.register(InboundForm)
class InboundFormAdmin(AuditedAdmin):
    audited = FORM
    list_display = ("name", "team", "owner", "is_active", "trapped", "created_at")
    list_filter = ("team", "is_active")
    list_select_related = ("team", "owner")
    search_fields = ("name",)
    autocomplete_fields = ("team", "owner")
    readonly_fields = ("trapped", "created_at")


@admin.register(ContactMerge)
class ContactMergeAdmin(ReadOnlyAdmin):
    list_display = ("survivor", "absorbed", "by", "at", "undone_at")
    list_filter = ("team",)
    list_select_related = ("survivor", "absorbed", "by")
    search_fields = ("survivor__name", "absorbed__name")
    exclude = ("before",)


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = ("file_name", "kind", "format", "state", "rows", "done_rows", "by", "created_at")
    list_filter = ("team", "kind", "state", "format")
    list_select_related = ("by",)
    search_fields = ("file_name",)
    exclude = ("content",)
    ordering = ("-created_at",)


@admin.register(ImportPart)
class ImportPartAdmin(ReadOnlyAdmin):
    list_display = ("of", "number")
    list_select_related = ("of",)
    search_fields = ("of__file_name",)
