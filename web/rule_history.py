"""What a rule has done and how it was changed: its runs, its versions, and why it did or did not fire for a contact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from automation import chains, rules
from automation.models import Firing, FiringQuerySet, ParkedPair, RuleVersion, TaskAutomationRule
from automation.simulation import explain as explaining
from automation.simulation import telling
from automation.triggers import KINDS
from crm.models import Contact
from people.models import Change, User
from web import live, paging
from web.access import Request, signed_in
from web.rules_seen import dressed, must_edit, rule_of

OUTCOMES: dict[str, str | Promise] = {
    "": gettext_lazy("All"),
    Firing.FIRED: gettext_lazy("Created a task"),
    Firing.SUPPRESSED: gettext_lazy("Suppressed"),
    Firing.WAITING: gettext_lazy("Waits"),
    Firing.FAILED: gettext_lazy("Failed"),
}
FOUND = 8
"""Contacts offered for a name."""
LABELS: dict[str, str | Promise] = {
    "name": gettext_lazy("Name"),
    "trigger_type": gettext_lazy("When"),
    "trigger_config": gettext_lazy("When, in detail"),
    "condition": gettext_lazy("If"),
    "task_title_template": gettext_lazy("Title"),
    "task_description_template": gettext_lazy("Description"),
    "task_priority": gettext_lazy("Priority"),
    "priority_from_score": gettext_lazy("Priority by the lead's score"),
    "delay_hours": gettext_lazy("Due after, hours"),
    "delay_kind": gettext_lazy("Counted in"),
    "delay_days": gettext_lazy("Due after, days"),
    "delay_at": gettext_lazy("Time of day"),
    "outside_hours": gettext_lazy("Outside working hours"),
    "best_time_within_hours": gettext_lazy("At the best time, within hours"),
    "reminder_offset_hours": gettext_lazy("Reminder, hours before"),
    "settle_seconds": gettext_lazy("Settles for, seconds"),
    "repeat_policy": gettext_lazy("When it happens again"),
    "repeat_window_hours": gettext_lazy("Window, hours"),
    "assign": gettext_lazy("Assign to"),
    "required_skills": gettext_lazy("Skills"),
    "estimated_hours": gettext_lazy("Effort, hours"),
    "max_event_age_hours": gettext_lazy("Oldest event, hours"),
    "fires_on_imports": gettext_lazy("Imported events"),
    "fires_on_machines": gettext_lazy("Opens and clicks by programs"),
    "limit_per_hour": gettext_lazy("Most an hour"),
    "limit_owner_day": gettext_lazy("Most for an owner a day"),
    "limit_contact_day": gettext_lazy("Most for a contact a day"),
    "overflow": gettext_lazy("What is over a limit"),
    "burst": gettext_lazy("Pauses at, tasks an hour"),
    "scope": gettext_lazy("Scope"),
    "owner_id": gettext_lazy("Owner"),
}


@require_GET
@signed_in
def runs(request: Request, pk: int) -> HttpResponse:
    """What came of each event, newest first; new ones appear while one looks."""
    rule = rule_of(request, pk)
    outcome, asked = request.GET.get("outcome", ""), _asked(request.GET)
    rows = Firing.objects.visible_to(request.user).filter(rule=rule).select_related("contact", "task", "version")
    rows = narrowed(rows, request.GET)
    visible = Contact.objects.visible_to(request.user)
    parked = ParkedPair.objects.filter(rule=rule, released_at__isnull=True, contact__in=visible)
    context = {
        "rule": dressed(request, rule),
        "page": paging.of(rows, "-at", "-id", cursor=request.GET.get("cursor", "")),
        "outcome": outcome if outcome in OUTCOMES else "",
        "outcomes": OUTCOMES,
        "q": asked,
        "parked": parked.select_related("contact").order_by("-pk")[:50],
    }
    return live.page(request, "web/rules/runs.html", "web/rules/firings.html", context)


def narrowed(rows: FiringQuerySet, query: QueryDict) -> FiringQuerySet:
    """Of these runs those that the page shows at this address."""
    outcome, asked = query.get("outcome", ""), _asked(query)
    if outcome in OUTCOMES and outcome:
        rows = rows.filter(outcome=outcome)
    if asked:
        rows = rows.filter(Q(contact__name__icontains=asked) | Q(contact__email__icontains=asked))
    return rows


def _asked(query: QueryDict) -> str:
    return query.get("q", "").strip().replace("\0", "")[:100]


@require_POST
@signed_in
def release(request: Request, pk: int, pair: int) -> HttpResponse:
    rule = rule_of(request, pk)
    must_edit(request, rule)
    parked = get_object_or_404(ParkedPair.objects.filter(rule=rule).select_related("contact", "rule"), pk=pair)
    if chains.release(parked, by=request.user, now=timezone.now()):
        messages.success(request, _("The rule works for %(name)s again.") % {"name": parked.contact.name})
    else:
        messages.info(request, _("Somebody has let it go on already."))
    return redirect("web:rule-runs", rule.pk)


@dataclass(frozen=True)
class Difference:
    label: str | Promise
    before: str
    after: str


@require_GET
@signed_in
def versions(request: Request, pk: int) -> HttpResponse:
    """The rule as it stood, newest first, each with what it changed; or with what differs from how it is now."""
    rule = rule_of(request, pk)
    page = paging.of(RuleVersion.objects.filter(rule=rule), "-number", "-id", cursor=request.GET.get("cursor", ""))
    to_now = request.GET.get("to") == "now"
    names = dict(User.objects.filter(team_id=rule.team_id).values_list("pk", "username"))
    now, digest = rules.content_of(rule), rules.content_hash(rule)
    earlier = _before(rule, page.rows)
    for version, before in zip(page.rows, [*page.rows[1:], earlier], strict=False):  # with no version, none is before
        version.is_now = version.content_hash == digest
        pair = (now, version.content) if to_now else (before.content if before is not None else None, version.content)
        version.differences = _differences(*pair, names=names) if pair[0] is not None else []
        version.is_first = not to_now and before is None
    _add_authors(request.user, rule, page.rows)
    context = {"rule": dressed(request, rule), "page": page, "to_now": to_now}
    return render(request, "web/rules/versions.html", context)


@require_POST
@signed_in
def revert(request: Request, pk: int, number: int) -> HttpResponse:
    """The rule as that version has it. Whose it is and whether it is on stay."""
    rule = rule_of(request, pk)
    must_edit(request, rule)
    version = get_object_or_404(RuleVersion, rule=rule, number=number)
    columns = {
        name: TaskAutomationRule._meta.get_field(name).to_python(value)  # type: ignore[union-attr]
        for name, value in (rules.LATER | version.content).items()
        if name in rules.EDITABLE
    }
    try:
        rules.update(rule, by=request.user, now=timezone.now(), **columns)
    except rules.BadRule as refusal:
        messages.error(request, _("This version cannot run any more: %(why)s") % {"why": refusal})
    else:
        messages.success(request, _("The rule is as version %(number)s has it.") % {"number": number})
    return redirect("web:rule-versions", rule.pk)


@require_GET
@signed_in
def explain(request: Request, pk: int) -> HttpResponse:
    """Why the rule did or did not fire for a contact, chosen by name."""
    rule = rule_of(request, pk)
    asked, chosen = request.GET.get("q", "").strip()[:100], request.GET.get("contact", "")
    visible = Contact.objects.visible_to(request.user).select_related("team", "owner")
    contact, offered = None, []
    if chosen.isdecimal() and len(chosen) < 19:
        contact = get_object_or_404(visible, pk=int(chosen))
    elif asked:
        offered = list(visible.found_by(asked).order_by("name", "pk")[:FOUND])
        contact = offered[0] if len(offered) == 1 else None
    told, fault = None, ""
    if contact is not None:
        try:
            told = telling.of_explanation(explaining.explain(rule, contact, now=timezone.now()))
        except rules.BadRule as refusal:
            fault = str(refusal)
    context = {
        "rule": dressed(request, rule),
        "q": contact.name if contact is not None else asked,
        "asked": asked,
        "contact": contact,
        "offered": offered,
        "told": told,
        "fault": fault,
    }
    return render(request, "web/rules/explain.html", context)


def _before(rule: TaskAutomationRule, rows: list[RuleVersion]) -> RuleVersion | None:
    """The version before the last one shown."""
    if not rows:
        return None
    return RuleVersion.objects.filter(rule=rule, number__lt=rows[-1].number).order_by("-number").first()


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], *, names: Mapping[int, str]) -> list[Difference]:
    return [
        Difference(label, _said(name, before, names), _said(name, after, names))
        for name, label in LABELS.items()
        if before.get(name) != after.get(name) and _said(name, before, names) != _said(name, after, names)
    ]


def _said(name: str, content: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """One value as people read it. A version of long ago may lack a column, or hold what means nothing any more."""
    value = content.get(name)
    if value in (None, "", [], {}):
        return _("none")
    if name == "trigger_config":
        trigger = KINDS.get(content.get("trigger_type", ""))
        try:
            return trigger.sentence(value) if trigger is not None else str(value)
        except (KeyError, TypeError, ValueError):
            return str(value)
    if name == "required_skills":
        return ", ".join(f"{need.get('skill')} ≥ {need.get('level', 1)}" for need in value)
    if name == "owner_id":
        return names.get(value, str(value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    choices = dict(TaskAutomationRule._meta.get_field(name).flatchoices)  # type: ignore[union-attr]
    return str(choices.get(value, _number(value)))


def _number(value: Any) -> str:
    """4.00 as 4: what was sent as a number and what was read from the database look alike."""
    text = str(value)
    return text.rstrip("0").rstrip(".") if text.replace(".", "", 1).isdecimal() and "." in text else text


def _add_authors(user: User, rule: TaskAutomationRule, rows: list[RuleVersion]) -> None:
    """Who saved each, for those who read the audit log."""
    lines = Change.objects.visible_to(user).filter(
        kind="rule", subject_id=str(rule.pk), at__in=[row.frozen_at for row in rows]
    )
    authors = {line.at: line.actor for line in lines.select_related("actor")}
    for row in rows:
        row.author = authors.get(row.frozen_at)  # type: ignore[attr-defined]
