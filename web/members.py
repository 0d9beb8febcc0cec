"""A member's own page: what they can do, when they work, how full the coming weeks are, and what they hold.

Everybody in the team sees it; score and load only who may see those figures. Hours are set by oneself and by managers,
all else by managers.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from domain import calendars
from people import absences, deactivation, hours, members, rights, timetables
from people.models import Skill, TimeOff, User
from performance import scores
from web import pools, profile, scorecard, sparkline
from web.access import Request, signed_in
from web.numbers import NumberField
from web.week_form import WeekForm, told
from work import boards, capacity
from work.models import Task

WEEKS = 4
MOST = 25
"""Open tasks that the page lists; all of them are a link away in Tasks."""
LEVELS = range(1, 6)


class NamedForm(forms.ModelForm):
    """Says in words of its own that a name or an address is taken."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        try:
            members.refuse_taken(given.get("username", ""), given.get("email", ""), but=self.instance.pk)
        except members.Taken as taken:
            self.add_error(taken.field, str(taken))
        return given


class AccountForm(NamedForm):
    """What managers change of a member; whether it may be is asked where the API asks."""

    class Meta:
        model = User
        fields = (
            "first_name", "last_name", "username", "email", "role", "timezone", "country", "region", "focus_factor",
            "wip_limit",
        )  # fmt: skip
        labels = {
            "username": gettext_lazy("User name"),
            "timezone": gettext_lazy("Time zone"),
            "focus_factor": gettext_lazy("Share of hours for tasks"),
            "wip_limit": gettext_lazy("Tasks at a time"),
        }
        field_classes = {"focus_factor": NumberField}
        help_texts = {
            "username": "",
            "country": gettext_lazy("Whose public holidays count, such as DE; the team's when empty"),
            "focus_factor": gettext_lazy("From 0.05 to 1; the rest is for all else"),
            "wip_limit": gettext_lazy("How many they hold before they are given no more; empty: any number"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own, of_team = self.instance.timezone, _("The team's: %(zone)s") % {"zone": self.instance.team.timezone}
        self.fields["timezone"].widget = forms.Select(choices=[("", of_team), *profile.zones(own)])


class AwayForm(forms.ModelForm):
    class Meta:
        model = TimeOff
        fields = ("starts_on", "ends_on", "reason")
        labels = {
            "starts_on": gettext_lazy("First day"),
            "ends_on": gettext_lazy("Last day"),
            "reason": gettext_lazy("Reason"),
        }
        help_texts = {"reason": gettext_lazy("The team sees it in the workload")}
        widgets = {
            "starts_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "ends_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }


@require_GET
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    return _shown(request, _member(request, pk))


@require_POST
@signed_in
def account(request: Request, pk: int) -> HttpResponse:
    """Name, role, zone and the like; by managers."""
    person = _account_of(request, pk)
    form = AccountForm(request.POST, instance=person)
    if form.is_valid():
        try:
            members.save(form.instance, by=request.user, now=timezone.now())
        except (members.Taken, ValidationError) as wrong:  # by somebody who was faster
            form.add_error(None, wrong if isinstance(wrong, ValidationError) else str(wrong))
        else:
            return _saved(request, pk)
    return _shown(request, _member(request, pk), account=form)


@require_POST
@signed_in
def skills(request: Request, pk: int) -> HttpResponse:
    """All levels at once, by managers; a skill without one is not theirs."""
    person = _account_of(request, pk)
    asked = {skill: request.POST.get(f"skill_{skill.pk}", "") for skill in Skill.objects.visible_to(request.user)}
    known = {str(level): level for level in LEVELS}
    levels = {skill: known[text] for skill, text in asked.items() if text in known}
    members.save(person, by=request.user, now=timezone.now(), skills=levels)
    return _saved(request, pk)


@require_POST
@signed_in
def week(request: Request, pk: int) -> HttpResponse:
    """The working week; empty for the team's."""
    person = _hours_of(request, pk)
    form = WeekForm(request.POST)
    if form.is_valid():
        try:
            timetables.of_person(person, by=request.user, now=timezone.now(), working_spans=form.cleaned_data["spans"])
        except timetables.BadRow as wrong:
            form.refuse(wrong)
        else:
            return _saved(request, pk)
    return _shown(request, person, week=form)


@require_POST
@signed_in
def away(request: Request, pk: int) -> HttpResponse:
    """Adds time off."""
    person = _hours_of(request, pk)
    form = AwayForm(request.POST, instance=TimeOff(user=person))
    if form.is_valid():
        rows = [*_without_key(_away_of(person)), form.cleaned_data]
        timetables.of_person(person, by=request.user, now=timezone.now(), time_off=rows)
        return _saved(request, pk)
    return _shown(request, person, away=form)


@require_POST
@signed_in
def back(request: Request, pk: int, row: int) -> HttpResponse:
    """Takes time off away."""
    person = _hours_of(request, pk)
    kept = _without_key(one for one in _away_of(person) if one["pk"] != row)
    timetables.of_person(person, by=request.user, now=timezone.now(), time_off=kept)
    return _saved(request, pk)


@require_POST
@signed_in
def leave(request: Request, pk: int) -> HttpResponse:
    """Lets somebody go: they can no longer sign in, their open work returns to the queue, their rules pass on."""
    person = _account_of(request, pk)
    try:
        deactivation.deactivate(person, by=request.user, now=timezone.now())
    except deactivation.StillNeeded as last:
        messages.error(request, str(last))
        return redirect("web:member", pk)
    gone = _("%(who)s has left: their open work is back in the queue.") % {"who": person.display_name}
    messages.success(request, gone)
    return redirect("web:team-settings")


def _away_of(person: User) -> list[dict[str, Any]]:
    rows = person.time_off.order_by("starts_on").values("pk", "starts_on", "ends_on", "reason")
    return [dict(row) for row in rows]


def _without_key(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "pk"} for row in rows]


def _member(request: Request, pk: int) -> User:
    return get_object_or_404(User.objects.visible_to(request.user).select_related("team"), pk=pk)


def _account_of(request: Request, pk: int) -> User:
    person = _member(request, pk)
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers change who people are and what they can do."))
    if not rights.may_change_account(request.user, person):
        raise PermissionDenied(_("This person runs the installation: only another superuser changes their account."))
    return person


def _hours_of(request: Request, pk: int) -> User:
    person = _member(request, pk)
    if not rights.may_change_hours(request.user, person):
        raise PermissionDenied(_("Only managers change others' hours."))
    return person


def _saved(request: Request, pk: int) -> HttpResponse:
    messages.success(request, _("Saved."))
    return redirect("web:member", pk)


def _shown(request: Request, person: User, **forms_sent: forms.BaseForm) -> HttpResponse:
    user, now = request.user, timezone.now()
    may_account = rights.may_change_account(user, person)
    sees = rights.may_see_figures(user, person)
    spans = list(person.working_spans.order_by("weekday", "starts"))
    plan = hours.schedules([person])[person.pk]
    levels = dict(person.skill_levels.values_list("skill", "level"))
    known = list(Skill.objects.visible_to(user).order_by("name"))
    tasks = Task.objects.visible_to(user).open().filter(assignee=person).select_related("contact")
    today = now.astimezone(plan.zone).date()
    context: dict[str, Any] = {
        "person": person,
        "zone": plan.zone.key,
        "is_self": person.pk == user.pk,
        "may_account": may_account,
        "may_hours": rights.may_change_hours(user, person),
        "sees": sees,
        "skills": [(skill, levels[skill.pk]) for skill in known if skill.pk in levels],
        "all_skills": [(skill, levels.get(skill.pk)) for skill in known],
        "levels": LEVELS,
        "own_week": bool(spans),
        "weekdays": [(name, told(plan.spans, day)) for day, name in WEEKDAYS.items()],
        "pools": pools.of_person(person, known, levels) if person.is_active else [],
        "time_off": [row for row in _away_of(person) if row["ends_on"] >= today],
        "tasks": list(tasks.order_by(F("due_date").asc(nulls_last=True), "id")[:MOST]),
        "account_form": forms_sent.get("account") or (AccountForm(instance=person) if may_account else None),
        "week_form": forms_sent.get("week") or WeekForm(spans=spans),
        "away_form": forms_sent.get("away") or AwayForm(),
        "opened": next(iter(forms_sent), ""),
    }
    if sees and person.is_active:
        context |= {"weeks": _weeks(person, plan, now, today)} | _score(person, now)
    return render(request, "web/team/member.html", context, status=422 if forms_sent else 200)


def _weeks(person: User, plan: calendars.Schedule, now: Any, today: date) -> list[tuple[date, boards.Row]]:
    """This week and those that follow."""
    monday = today - timedelta(days=today.weekday())
    off = absences.between([person], first=monday, last=monday + timedelta(days=7 * WEEKS))
    held = capacity.bookings([person], capacity.UsualEstimates())
    mondays = [monday + timedelta(days=7 * n) for n in range(WEEKS)]
    return [
        (one, boards.week([person], monday=one, now=now, plans={person.pk: plan}, held=held, off=off)[0])
        for one in mondays
    ]


def _score(person: User, now: Any) -> dict[str, Any]:
    score = scores.current(person, now=now)
    today = scores.local_day(person.team, now)
    return {
        "score": score,
        "parts": scorecard.parts(score),
        "comparison": scorecard.comparison(score),
        "trend": sparkline.of(score["details"]["trend"], until=today),
    }
