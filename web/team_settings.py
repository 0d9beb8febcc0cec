"""The team's settings: who is in it, what work asks for, when it works, and how it is scored and matched.

Everybody of the team sees them; managers change them.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from domain import scoring
from people import holidays, hours, members, rights, timetables
from people import skills as skill_verbs
from people.audited import SKILL, TEAM
from people.models import Skill, Team, TeamDayOff, User, UserSkill
from web import profile, words
from web.access import Request, signed_in
from web.members import NamedForm
from web.week_form import WeekForm, told

NEXT = 5
"""Public holidays that are shown."""


class TeamForm(forms.ModelForm):
    """What the API calls the team; its rules are the model's."""

    class Meta:
        model = Team
        fields = (
            "name", "timezone", "country", "region", "overdue_lead_hours", "touches_per_day", "scoring",
            "weight_priority", "weight_urgency", "weight_skill", "weight_continuity", "weight_balance",
        )  # fmt: skip
        labels = {
            "timezone": gettext_lazy("Time zone"),
            "overdue_lead_hours": gettext_lazy("Tell leads of a task after hours overdue"),
            "touches_per_day": gettext_lazy("Cadence touches a day for one owner"),
            "scoring": gettext_lazy("Policy"),
            "weight_priority": gettext_lazy("Priority"),
            "weight_urgency": gettext_lazy("Urgency"),
            "weight_skill": gettext_lazy("Skills"),
            "weight_continuity": gettext_lazy("Continuity"),
            "weight_balance": gettext_lazy("Balance"),
        }
        help_texts = {
            "country": gettext_lazy("Whose public holidays count, such as DE; empty for none"),
            "region": gettext_lazy("A part of the country with holidays of its own, such as BY"),
            "overdue_lead_hours": "",
            "touches_per_day": "",
            "scoring": "",
            "weight_priority": gettext_lazy("How important it is"),
            "weight_urgency": gettext_lazy("How soon it is due"),
            "weight_skill": gettext_lazy("How well the person's skills match"),
            "weight_continuity": gettext_lazy("That the person knows the contact"),
            "weight_balance": gettext_lazy("How strongly work is spread; not part of the sum"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["timezone"].widget = forms.Select(choices=profile.zones(self.instance.timezone))


class DayOffForm(forms.ModelForm):
    class Meta:
        model = TeamDayOff
        fields = ("on", "name")
        labels = {"on": gettext_lazy("Day"), "name": gettext_lazy("Called")}
        widgets = {"on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}


class MemberForm(NamedForm):
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        max_length=128,
        strip=False,
        help_text=gettext_lazy("At least 10 characters; without one they cannot sign in yet"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("username", "email", "first_name", "last_name", "role")
        labels = {"username": gettext_lazy("User name")}
        help_texts = {"username": ""}


class SkillForm(forms.ModelForm):
    class Meta:
        model = Skill
        fields = ("name",)
        labels = {"name": gettext_lazy("New skill")}


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    if request.method == "GET":
        return _shown(request)
    team = _managed(request)
    form = TeamForm(request.POST, instance=team)
    if form.is_valid():
        with TEAM.changing(team, by=request.user, now=timezone.now()):
            form.save()
        return _saved(request)
    return _shown(request, team=form)


@require_POST
@signed_in
def week(request: Request) -> HttpResponse:
    """The team's working week; empty for the usual one."""
    team = _managed(request)
    form = WeekForm(request.POST)
    if form.is_valid():
        try:
            timetables.of_team(team, by=request.user, now=timezone.now(), working_spans=form.cleaned_data["spans"])
        except timetables.BadRow as wrong:
            form.refuse(wrong)
        else:
            return _saved(request, "hours")
    return _shown(request, week=form)


@require_POST
@signed_in
def day_off(request: Request) -> HttpResponse:
    team = _managed(request)
    form = DayOffForm(request.POST, instance=TeamDayOff(team=team))
    if form.is_valid():
        rows = [*_without_key(_days_off(team)), form.cleaned_data]
        timetables.of_team(team, by=request.user, now=timezone.now(), days_off=rows)
        return _saved(request, "days-off")
    return _shown(request, day=form)


@require_POST
@signed_in
def day_on(request: Request, row: int) -> HttpResponse:
    """Takes a day off away."""
    team = _managed(request)
    kept = _without_key(one for one in _days_off(team) if one["pk"] != row)
    timetables.of_team(team, by=request.user, now=timezone.now(), days_off=kept)
    return _saved(request, "days-off")


@require_POST
@signed_in
def member(request: Request) -> HttpResponse:
    """Adds somebody to the team."""
    team, now = _managed(request), timezone.now()
    form = MemberForm(request.POST, instance=User(team=team))
    if form.is_valid():
        try:
            members.set_password(form.instance, form.cleaned_data["password"] or None)
        except ValidationError as weak:
            form.add_error("password", weak)
        else:
            members.save(form.instance, by=request.user, now=now)
            messages.success(request, _("%(who)s is in the team.") % {"who": form.instance.display_name})
            return redirect("web:member", form.instance.pk)
    return _shown(request, member=form)


@require_POST
@signed_in
def skill(request: Request) -> HttpResponse:
    """Adds a skill that work may ask for."""
    team = _managed(request)
    form = SkillForm(request.POST, instance=Skill(team=team))
    form.instance.name = request.POST.get("name", "").strip()
    if form.is_valid():
        try:
            form.instance.validate_constraints()
        except ValidationError:
            form.add_error("name", _("The team has this skill already."))
        else:
            with SKILL.changing(form.instance, by=request.user, now=timezone.now()):
                form.save()
            return _saved(request, "skills")
    return _shown(request, skill=form)


@require_POST
@signed_in
def no_skill(request: Request, pk: int) -> HttpResponse:
    """Takes a skill away that nothing asks for."""
    _managed(request)
    found = get_object_or_404(Skill.objects.visible_to(request.user), pk=pk)
    try:
        skill_verbs.remove(found, by=request.user, now=timezone.now())
    except skill_verbs.InUse as used:
        messages.error(request, str(used))
        return redirect("/settings/team#skills")
    return _saved(request, "skills")


def _managed(request: Request) -> Team:
    """The team as the database has it, for managers: a refused form leaves the viewer's own copy alone."""
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers change the team."))
    return Team.objects.get(pk=request.user.team_id)


def _saved(request: Request, part: str = "") -> HttpResponse:
    messages.success(request, _("Saved."))
    return redirect(f"/settings/team{'#' if part else ''}{part}")


def _days_off(team: Team) -> list[dict[str, Any]]:
    return [dict(row) for row in team.days_off.order_by("on").values("pk", "on", "name")]


def _holidays(team: Team) -> list[tuple[date, str]]:
    """The next public holidays."""
    today = timezone.localdate()
    named = (holidays.names(team.country, team.region, year).items() for year in (today.year, today.year + 1))
    return [(on, name) for days in named for on, name in days if on >= today][:NEXT]


def _without_key(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "pk"} for row in rows]


def _shown(request: Request, **sent: forms.BaseForm) -> HttpResponse:
    user, team = request.user, Team.objects.get(pk=request.user.team_id)
    people = User.objects.visible_to(user).order_by("-is_active", "first_name", "username")
    levels: dict[int, list[str]] = {}
    rows = UserSkill.objects.filter(user__in=people).order_by("-level", "skill__name")
    for pk, name, level in rows.values_list("user", "skill__name", "level"):
        levels.setdefault(pk, []).append(f"{name} {level}")
    spans = list(team.working_spans.order_by("weekday", "starts"))
    plan = hours.team_schedule(team)
    context = {
        "team": team,
        "manages": user.manages,
        "people": [(person, levels.get(person.pk, [])) for person in people],
        "skills": Skill.objects.visible_to(user).order_by("name"),
        "weekdays": [(name, told(plan.spans, day)) for day, name in WEEKDAYS.items()],
        "own_week": bool(spans),
        "days_off": [row for row in _days_off(team) if row["on"] >= timezone.localdate()],
        "coming": _holidays(team),
        "score_weights": [(words.SCORE_PARTS[name], f"{share:.0%}") for name, share in scoring.WEIGHTS.items()],
        "team_form": sent.get("team") or TeamForm(instance=team),
        "week_form": sent.get("week") or WeekForm(spans=spans),
        "day_form": sent.get("day") or DayOffForm(auto_id="day_%s"),
        "member_form": sent.get("member") or MemberForm(auto_id="member_%s"),
        "skill_form": sent.get("skill") or SkillForm(auto_id="skill_%s"),
        "opened": next(iter(sent), ""),
    }
    return render(request, "web/settings/team.html", context, status=422 if sent else 200)
