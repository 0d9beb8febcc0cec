"""Scores and daily reports, for superusers to look at: they are computed."""

from django.contrib import admin

from jobs.admin import ReadOnlyAdmin
from performance.models import DailyReport, ScoreSnapshot, TeamScore


@admin.register(ScoreSnapshot)
class ScoreSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("user", "on", "total", "provisional", "label", "computed_at")
    list_filter = ("provisional", "label", "on")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    ordering = ("-on", "user")


@admin.register(TeamScore)
class TeamScoreAdmin(ReadOnlyAdmin):
    list_display = ("team", "on", "average", "people", "computed_at")
    list_filter = ("team", "on")
    list_select_related = ("team",)
    search_fields = ("team__name",)
    ordering = ("-on", "team")


@admin.register(DailyReport)
class DailyReportAdmin(ReadOnlyAdmin):
    list_display = ("team", "on", "created_at")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("team__name",)
    ordering = ("-on",)
