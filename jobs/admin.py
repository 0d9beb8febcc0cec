"""Jobs for superusers: to look at, and to run a failed one again."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from jobs import queue
from jobs.models import Job, Worker


class ReadOnlyAdmin(ModelAdmin):
    """Rows that the program writes and nobody changes by hand."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:  # noqa: ARG002 (Django's)
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("name", "key", "state", "retries", "run_at", "created_at", "done_at")
    list_filter = ("state", "name")
    search_fields = ("key", "name", "error")
    ordering = ("-created_at",)
    show_full_result_count = False
    actions = ("run_again",)

    @admin.action(description="Run failed jobs again")
    def run_again(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        now = timezone.now()
        with transaction.atomic():
            count = sum(queue.retry(job, now=now) for job in jobs)
        self.message_user(request, _("%(count)s jobs run again.") % {"count": count})


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("place", "part", "lane", "started_at", "seen_at")
    list_filter = ("part",)
    search_fields = ("place",)
