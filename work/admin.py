"""Tasks for superusers. Status and assignee change through `work.lifecycle` alone."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.admin import TabularInline

from jobs.admin import ReadOnlyAdmin
from people.audited_admin import AuditedAdmin, PartAdmin
from work import lifecycle
from work.audited import TASK
from work.models import Assignment, Task, TaskSkill


class TaskSkillInline(TabularInline):
    model = TaskSkill
    extra = 0
    autocomplete_fields = ("skill",)


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
    inlines = (TaskSkillInline,)
    ordering = ("-id",)
    show_full_result_count = False
    actions = ("complete",)

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


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("task", "user", "method", "by", "assigned_at", "ended_at", "outcome")
    list_filter = ("method", "outcome", "assigned_at")
    list_select_related = ("task", "user", "by")
    search_fields = ("task__title", "user__username")
    ordering = ("-id",)
    show_full_result_count = False
