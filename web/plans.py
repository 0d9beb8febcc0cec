"""Giving out all that waits, and evening out the week: shown before anything changes, carried out, taken back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from assignment import rebalancing, runs
from assignment.models import Decision, Run, Suggestion
from domain import calendars
from people import hours, speech
from people.models import User
from web import answers, undoing
from web.access import Request, for_managers
from work import capacity
from work.models import Task

MOST = 200
"""Lines that a preview shows; carried out are all."""


@dataclass(frozen=True)
class Load:
    """Somebody's week before and after, in hours, and how many tasks they get."""

    person: User
    tasks: int
    before: capacity.Capacity
    added: Decimal

    @property
    def after(self) -> Decimal:
        return self.before.used_hours + self.added

    @property
    def share_after(self) -> Decimal | None:
        return capacity.HUNDRED * self.after / self.before.max_hours if self.before.max_hours else None

    @property
    def is_over(self) -> bool:
        return self.after > self.before.max_hours


@require_POST
@for_managers
def make(request: Request) -> HttpResponse:
    """Works out who would get what; the page of the plan shows it."""
    user = request.user
    plan = runs.run(user.team, now=timezone.now(), dry_run=True, by=user)
    return redirect("web:plan", plan.pk)


@require_GET
@for_managers
def page(request: Request, pk: UUID) -> HttpResponse:
    plan, now = _plan(request, pk), timezone.now()
    given = plan.decisions.filter(to_user__isnull=False).exclude(state=Decision.SKIPPED)
    decisions = list(given.select_related("task__contact", "to_user__team").order_by("position"))
    left = plan.decisions.filter(to_user__isnull=True) | plan.decisions.filter(state=Decision.SKIPPED)
    context = {
        "plan": plan,
        "is_open": plan.state == Run.PLANNED,
        "loads": _loads(decisions, now),
        "lines": [(one, _why(one)) for one in decisions[:MOST]],
        "more": max(0, len(decisions) - MOST),
        "given_count": len(decisions),
        "left": [(one, _why_not(one)) for one in left.select_related("task").order_by("position")[:MOST]],
        "left_count": left.count(),
    }
    return render(request, "web/team/plan.html", context)


@require_POST
@for_managers
def apply(request: Request, pk: UUID) -> HttpResponse:
    plan = _plan(request, pk)
    try:
        done = runs.apply(plan, now=timezone.now())
    except (runs.Busy, runs.NotThis) as refusal:
        messages.error(request, str(refusal))
        return redirect("web:plan", plan.pk)
    given = done.given or 0
    skipped = done.decisions.filter(state=Decision.SKIPPED).count()
    text = ngettext("%(n)s task was given out.", "%(n)s tasks were given out.", given) % {"n": given}
    if skipped:
        stay = ngettext(
            "%(n)s was changed meanwhile and stays as it is.",
            "%(n)s were changed meanwhile and stay as they are.",
            skipped,
        )
        text = f"{text} {stay % {'n': skipped}}"
    undo = undoing.note_of_run(request.user, done) if given else ""
    return answers.done(request, text, undo=undo, back="/team/workload")


@require_GET
@for_managers
def balance(request: Request) -> HttpResponse:
    """The fewest moves that take the overload away, worked out now; nothing changes before they are applied."""
    user = request.user
    moves, stuck = rebalancing.suggestions(user.team, now=timezone.now())
    shown = Suggestion.objects.filter(pk__in=[move.pk for move in moves[:MOST]])
    rows = shown.select_related("task__contact", "from_user", "to_user").order_by("pk").in_bulk()
    people = User.objects.visible_to(user).in_bulk([one["user_id"] for one in stuck])
    context = {
        "moves": [rows[move.pk] for move in moves[:MOST] if move.pk in rows],
        "stuck": [(people.get(one["user_id"]), one["reason"]) for one in stuck],
    }
    return render(request, "web/team/balance.html", context)


@require_POST
@for_managers
def move(request: Request) -> HttpResponse:
    """Applies the moves that are ticked; what no longer fits is left and says why."""
    user, now = request.user, timezone.now()
    asked = [int(one) for one in request.POST.getlist("move")[:MOST] if one.isdecimal() and len(one) < 19]
    found = Suggestion.objects.visible_to(user).standing().in_bulk(asked)
    moved, refusals = [], []
    for pk in asked:
        if pk not in found:
            continue
        try:
            rebalancing.apply(found[pk], by=user, now=now)
        except rebalancing.Stale as stale:
            refusals.append(str(stale))
        else:
            moved.append(pk)
    undo = undoing.note_of_moves(user, moved)
    if not moved and not refusals:
        return answers.refused(request, _("Tick the moves to be made first."), back="/team/workload/balance")
    text = ngettext("%(n)s task was moved.", "%(n)s tasks were moved.", len(moved)) % {"n": len(moved)}
    if refusals:
        why = " ".join([text, *dict.fromkeys(refusals)])
        return answers.refused(request, why, changed=bool(moved), undo=undo, back="/team/workload")
    return answers.done(request, text, undo=undo, back="/team/workload")


WHY_NOT = {
    "NO_SKILLED_PERSON": gettext_lazy("Nobody has the skills"),
    "NO_CAPACITY_BEFORE_DUE": gettext_lazy("Nobody has the hours before it is due"),
    "OUTRANKED": gettext_lazy("Other work needs the hours more"),
    "DEPENDENCY": gettext_lazy("It waits for another task"),
}


def _why(decision: Decision) -> str:
    """In a few words; the sentence with all the numbers is kept beside it."""
    choice = decision.reasons.get("choice") or {}
    value = choice.get("value") or {}
    words = []
    if value.get("same") == "contact":
        words.append(_("knows the contact"))
    elif value.get("same"):
        words.append(_("has others of it"))
    if choice.get("late"):
        words.append(_("will be late"))
    return " · ".join(words)


def _why_not(decision: Decision) -> str:
    if decision.state == Decision.SKIPPED:
        return speech.said(runs.why_not(decision))
    return str(WHY_NOT.get(decision.code, runs.why_not(decision) or decision.code))


def _plan(request: Request, pk: UUID) -> Run:
    return get_object_or_404(Run.objects.visible_to(request.user).select_related("team"), pk=pk)


def _loads(decisions: Iterable[Decision], now: datetime) -> list[Load]:
    """The weeks of those who get something, by name, as the board will show them afterwards.

    What is due after this week fills none of its hours.
    """
    people = {one.to_user.pk: one.to_user for one in decisions if one.to_user is not None}
    weeks = capacity.weeks(people.values(), now=now)
    plans = hours.schedules(people.values())
    ends = {pk: calendars.week_of(now, plan.zone)[1] for pk, plan in plans.items()}
    usual, added, counts = capacity.UsualEstimates(), dict.fromkeys(people, Decimal(0)), dict.fromkeys(people, 0)
    for one in decisions:
        pk, due = one.to_user_id, one.task.due_date
        if pk is None:
            continue
        counts[pk] += 1
        if one.state == Decision.PLANNED and (due is None or due <= ends[pk]):
            added[pk] += _hours(one.task, usual)
    found = [Load(user, counts[pk], weeks[pk], added[pk]) for pk, user in people.items()]
    return sorted(found, key=lambda load: (load.person.display_name.casefold(), load.person.pk))


def _hours(task: Task, usual: capacity.UsualEstimates) -> Decimal:
    whole = task.estimated_hours
    return capacity.left_of(usual.of(task.team_id, task.kind) if whole is None else whole, task.actual_hours)
