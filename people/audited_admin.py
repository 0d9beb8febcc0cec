"""Rows changed in the admin have their line of the audit log, as those changed anywhere else."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from people.audit import Kind


class AuditedAdmin(ModelAdmin):
    """For rows that have lines of their own; those edited within them are their parts."""

    audited: Kind

    def changeform_view(self, request: Any, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        row = self.get_object(request, object_id) if object_id and request.method == "POST" else None
        if row is None:
            return super().changeform_view(request, object_id, *args, **kwargs)
        with self.audited.changing(row, by=request.user, now=timezone.now()):
            return super().changeform_view(request, object_id, *args, **kwargs)

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change:
            self.audited.made(form.instance, by=request.user, now=timezone.now())

    def delete_model(self, request: Any, obj: Any) -> None:
        with self.audited.changing(obj, by=request.user, now=timezone.now()):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for row in queryset:
                self.delete_model(request, row)


class PartAdmin(ModelAdmin):
    """For rows that are part of another, the one of `whole`: its lines tell of them, and they stay with it."""

    audited: Kind
    whole: str

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *([self.whole] if obj is not None else []))

    def whole_of(self, obj: Any) -> tuple[Kind, Any]:
        """Which row it is part of, and of what kind that is."""
        return self.audited, getattr(obj, self.whole)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        kind, row = self.whole_of(obj)
        with kind.changing(row, by=request.user, now=timezone.now()):
            super().save_model(request, obj, form, change)

    def delete_model(self, request: Any, obj: Any) -> None:
        kind, row = self.whole_of(obj)
        with kind.changing(row, by=request.user, now=timezone.now()):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for row in queryset:
                self.delete_model(request, row)
