"""Teams and their people for superusers."""

from typing import Any

from allauth.mfa import admin as _their_two_step  # noqa: F401 (registers what is taken away below)
from allauth.mfa.models import Authenticator
from allauth.usersessions import admin as _their_sessions  # noqa: F401
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from jobs.admin import ReadOnlyAdmin
from people import deactivation, tokens, two_step
from people.audited import MEMBER, SKILL, TEAM
from people.audited_admin import AuditedAdmin, PartAdmin
from people.models import (
    ApiToken,
    BusySource,
    CalendarFeed,
    Change,
    SavedView,
    Skill,
    SkillRequirement,
    Team,
    TeamDayOff,
    TeamSpan,
    TimeOff,
    UndoNote,
    User,
    UserSkill,
    WorkingSpan,
)

admin.site.unregister(Group)  # rights follow the role and the team, never a group
admin.site.unregister([Authenticator, UserSession])  # changed by two_step and devices alone


class TeamSpanInline(TabularInline):
    model = TeamSpan
    extra = 0


class TeamDayOffInline(TabularInline):
    model = TeamDayOff
    extra = 0


@admin.register(Team)
class TeamAdmin(AuditedAdmin):
    audited = TEAM
    list_display = ("name", "timezone", "country", "is_default")
    search_fields = ("name",)
    inlines = (TeamSpanInline, TeamDayOffInline)


class SpanInline(TabularInline):
    model = WorkingSpan
    extra = 0


class TimeOffInline(TabularInline):
    model = TimeOff
    extra = 0


class SkillInline(TabularInline):
    model = UserSkill
    extra = 0
    autocomplete_fields = ("skill",)


class PasswordForm(AdminPasswordChangeForm):
    revoke_tokens = forms.BooleanField(
        label="Revoke their API tokens too",
        help_text="Programs that work with them need new ones. Leave it on if somebody else may know the password.",
        required=False,
        initial=True,
    )


@admin.register(User)
class UserAdmin(DjangoUserAdmin, AuditedAdmin):
    """People are deactivated, never deleted: `people.deactivation` hands their work and rules on."""

    audited = MEMBER

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    change_user_password_template = "admin/people/change_password.html"  # noqa: S105 (a template)
    list_display = ("username", "first_name", "last_name", "team", "role", "is_active")
    list_filter = ("team", "role", "is_active", "is_superuser")
    list_select_related = ("team",)
    search_fields = ("username", "first_name", "last_name", "email")
    readonly_fields = ("is_active", "last_login", "date_joined")
    inlines = (SkillInline, SpanInline, TimeOffInline)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "language", "timezone", "country", "region")}),
        ("Team", {"fields": ("team", "role")}),
        ("Work", {"fields": ("focus_factor", "wip_limit")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser", "last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "team", "role", "password1", "password2")}),)

    actions = ("deactivate", "two_step_off")

    @admin.action(description="Deactivate: hand on their work and rules")
    def deactivate(self, request: Any, users: QuerySet[User]) -> None:
        for user in users.select_related("team"):
            try:
                deactivation.deactivate(user, by=request.user, now=timezone.now())
            except deactivation.StillNeeded as refusal:
                self.message_user(request, str(refusal), messages.WARNING)

    @admin.action(description="Switch two-step sign-in off: their phone and codes are lost")
    def two_step_off(self, request: Any, users: QuerySet[User]) -> None:
        for user in users:
            if two_step.switch_off(user, by=request.user, now=timezone.now()):
                self.message_user(request, f"{user.display_name} signs in by password alone now.", messages.SUCCESS)

    def user_change_password(self, request: Any, id: str, form_url: str = "") -> Any:
        user = self.get_object(request, id)
        if user is None:
            return super().user_change_password(request, id, form_url)
        now = timezone.now()
        with self.audited.changing(user, by=request.user, now=now):
            answer = super().user_change_password(request, id, form_url)
            kept = not User.objects.exclude(password=user.password).filter(pk=user.pk).exists()
            if "revoke_tokens" in request.POST and not kept:
                tokens.revoke_all(user, by=request.user, now=now)
        return answer

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (Django's)
        return False


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "kind", "subject", "verb", "team")
    list_filter = ("kind", "verb", "team")
    list_select_related = ("actor", "team")
    search_fields = ("subject", "subject_id", "actor__username")
    ordering = ("-id",)
    show_full_result_count = False


class RequirementInline(TabularInline):
    model = SkillRequirement
    fk_name = "skill"
    extra = 0
    autocomplete_fields = ("needs",)


@admin.register(Skill)
class SkillAdmin(AuditedAdmin):
    audited = SKILL
    inlines = (RequirementInline,)
    list_display = ("name", "team")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("name",)


@admin.register(SkillRequirement)
class SkillRequirementAdmin(PartAdmin):
    audited = SKILL
    whole = "skill"
    list_display = ("skill", "needs", "min_level")
    list_filter = ("skill__team",)
    list_select_related = ("skill", "needs")
    search_fields = ("skill__name", "needs__name")
    autocomplete_fields = ("skill", "needs")


@admin.register(UserSkill)
class UserSkillAdmin(PartAdmin):
    audited = MEMBER
    whole = "user"
    list_display = ("user", "skill", "level")
    list_filter = ("skill",)
    list_select_related = ("user", "skill")
    search_fields = ("user__username", "skill__name")
    autocomplete_fields = ("user", "skill")


@admin.register(WorkingSpan)
class WorkingSpanAdmin(PartAdmin):
    audited = MEMBER
    whole = "user"
    list_display = ("user", "weekday", "starts", "ends")
    list_filter = ("weekday",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    autocomplete_fields = ("user",)


@admin.register(TimeOff)
class TimeOffAdmin(PartAdmin):
    audited = MEMBER
    whole = "user"
    list_display = ("user", "starts_on", "ends_on", "reason")
    list_filter = ("starts_on",)
    list_select_related = ("user",)
    search_fields = ("user__username", "reason")
    autocomplete_fields = ("user",)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "hint", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("revoked_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username", "hint")
    exclude = ("digest",)


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ReadOnlyAdmin):
    list_display = ("user", "shows", "made_at")
    list_filter = ("shows",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    exclude = ("digest",)


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("name", "page", "user")
    list_select_related = ("user",)


@admin.register(UndoNote)
class UndoNoteAdmin(ReadOnlyAdmin):
    list_display = ("user", "made_at")
    list_select_related = ("user",)
    exclude = ("steps",)


@admin.register(BusySource)
class BusySourceAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "read_at", "next_read_at", "failures", "error")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    exclude = ("address", "spans")


@admin.register(TeamSpan)
class TeamSpanAdmin(PartAdmin):
    audited = TEAM
    whole = "team"
    list_display = ("team", "weekday", "starts", "ends")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("team__name",)


@admin.register(TeamDayOff)
class TeamDayOffAdmin(PartAdmin):
    audited = TEAM
    whole = "team"
    list_display = ("team", "on", "name")
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("name",)
