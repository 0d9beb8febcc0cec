"""Tasks for superusers. Status and assignee change through `work.lifecycle` alone."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.admin import TabularInline

from jobs.admin import ReadOnlyAdmin
from people.audit import Kind
from people.audited_admin import AuditedAdmin, PartAdmin
from work import corrections, lifecycle
from work.audited import CONTACT, TASK
from work.models import Assignment, CalendarPush, Dependency, Exclusion, PushedItem, Task, TaskSkill


class TaskSkillInline(TabularInline):
    model = TaskSkill
    extra = 0
    autocomplete_fields = ("skill",)


class DependencyInline(TabularInline):
    model = Dependency
    fk_name = "task"
    extra = 0
    autocomplete_fields = ("waits_for",)


class ExclusionInline(TabularInline):
    model = Exclusion
    extra = 0
    exclude = ("contact",)
    autocomplete_fields = ("user",)


@admin.register(Task)
class TaskAdmin(AuditedAdmin):
    audited = TASK
    list_display = ("title", "status", "priority", "assignee", "contact", "due_date", "team")
    list_filter = ("team", "status", "priority")
    list_select_related = ("assignee", "contact", "team")
    search_fields = ("title", "contact__name")
    autocomplete_fields = ("contact", "owner", "team")
    readonly_fields = (
        "status",
        "assignee",
        "origin_key",
        "group_key",
        "created_at",
        "started_at",
        "completed_at",
        "remind_at",
        "reminded_at",
        "version",
    )
    inlines = (TaskSkillInline, DependencyInline, ExclusionInline)
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("complete",)

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.version, obj.edited_at = obj.version + 1, timezone.now()
        if "estimated_hours" in form.changed_data:
            obj.estimated_at = obj.edited_at
        super().save_model(request, obj, form, change)
        corrections.follow(obj, now=timezone.now())

    @admin.action(description="Complete on behalf")
    def complete(self, request: Any, tasks: QuerySet[Task]) -> None:
        """The same verb as everywhere; what it refuses is said, task by task."""
        done = 0
        for task in tasks.select_related("team", "assignee"):
            try:
                lifecycle.complete(task, by=request.user, now=timezone.now())
                done += 1
            except (lifecycle.NotOpen, lifecycle.NotAllowed) as refusal:
                self.message_user(request, f"{task}: {refusal}", messages.WARNING)
        self.message_user(request, _("%(count)s tasks completed.") % {"count": done})


@admin.register(TaskSkill)
class TaskSkillAdmin(PartAdmin):
    audited = TASK
    whole = "task"
    list_display = ("task", "skill", "min_level")
    list_filter = ("skill",)
    list_select_related = ("task", "skill")
    search_fields = ("task__title", "skill__name")
    autocomplete_fields = ("task", "skill")


@admin.register(Dependency)
class DependencyAdmin(PartAdmin):
    audited = TASK
    whole = "task"
    list_display = ("task", "waits_for")
    list_filter = ("task__team",)
    list_select_related = ("task", "waits_for")
    search_fields = ("task__title", "waits_for__title")
    autocomplete_fields = ("task", "waits_for")
    show_full_result_count = False


@admin.register(Exclusion)
class ExclusionAdmin(PartAdmin):
    """Those of a task stand on its page too; those of a contact only here. The lines are the task's, the contact's."""

    audited = TASK
    whole = "task"
    list_display = ("user", "task", "contact")
    list_filter = ("user__team",)
    list_select_related = ("user", "task", "contact")
    search_fields = ("user__username", "task__title", "contact__name")
    autocomplete_fields = ("user", "task", "contact")
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (Django's)
        return False

    def whole_of(self, obj: Any) -> tuple[Kind, Any]:
        return super().whole_of(obj) if obj.task_id is not None else (CONTACT, obj.contact)


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("task", "user", "method", "by", "assigned_at", "ended_at", "outcome")
    list_filter = ("method", "outcome", "assigned_at")
    list_select_related = ("task", "user", "by")
    search_fields = ("task__title", "user__username")
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(CalendarPush)
class CalendarPushAdmin(ReadOnlyAdmin):
    list_display = ("user", "shows", "state", "synced_at", "next_at", "failures", "error")
    list_filter = ("state", "shows")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    exclude = ("config",)


@admin.register(PushedItem)
class PushedItemAdmin(ReadOnlyAdmin):
    list_display = ("push", "task_id", "name", "etag")
    list_select_related = ("push",)
    search_fields = ("uid",)
    show_full_result_count = False
