"""A contact's life: whether they may be written to, where they are enrolled, merging, parting, erasing and deleting."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from automation import rules
from automation.models import Enrolment, TaskAutomationRule
from automation.programmes import pausing
from automation.simulation import explain
from crm import consent, contacts, erase, merge
from crm.models import Contact, ContactMerge
from people.models import User
from web import answers, contact_filters, paging
from web.access import Request, signed_in
from web.contacts import contact_of, editable

OFFERED = 8
RULES = 20
NOTE = 500
MOVES = {
    "crm.Activity.contact": gettext_lazy("Activities"),
    "work.Task.contact": gettext_lazy("Tasks"),
    "automation.Firing.contact": gettext_lazy("Runs of rules"),
    "automation.Enrolment.contact": gettext_lazy("Sequences and campaigns"),
    "automation.ScheduledTaskBatch.contact": gettext_lazy("Batches of tasks"),
    "crm.ContactIdentity.contact": gettext_lazy("Other addresses and ids"),
    "work.Exclusion.contact": gettext_lazy("People who must not have the work"),
}
"""What the rows are called that point to a contact; the rest is told together."""
FILLS = {
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "company": gettext_lazy("Company"),
    "contact_cadence": gettext_lazy("Cadence"),
    "timezone": gettext_lazy("Time zone"),
    "next_follow_up_at": gettext_lazy("Next follow-up"),
    "lead_score": pgettext_lazy("contact", "Score"),
    "owner_id": gettext_lazy("Owner"),
    "tags": gettext_lazy("Tags"),
    "do_not_contact": contact_filters.CONSENTS[consent.DO_NOT_CONTACT],
    "unsubscribed_at": contact_filters.CONSENTS[consent.UNSUBSCRIBED],
    "complained_at": contact_filters.CONSENTS[consent.COMPLAINED],
    "bounced_at": contact_filters.CONSENTS[consent.BOUNCED],
}
"""Columns that people know; what else a merge writes is bookkeeping."""


class OptOutForm(forms.Form):
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in consent.KINDS])
    note = forms.CharField(max_length=NOTE, required=False)


class OptInForm(forms.Form):
    note = forms.CharField(max_length=NOTE)


class EraseForm(forms.Form):
    confirm = forms.CharField(label=gettext_lazy("Their name or e-mail address"), max_length=254)


@require_POST
@signed_in
def opt_out(request: Request, pk: int) -> HttpResponse:
    contact, form, back = editable(request, pk), OptOutForm(request.POST), f"/contacts/{pk}"
    if not form.is_valid():
        return answers.refused(request, _("Choose what they said, and write at most 500 characters."), back=back)
    said = form.cleaned_data
    if not consent.opt_out(contact, said["kind"], now=timezone.now(), by=request.user, note=said["note"]):
        return answers.refused(request, _("That is noted already."), back=back)
    return answers.done(request, _("Opted out. What they are enrolled in ends."), back=back)


@require_POST
@signed_in
def opt_in(request: Request, pk: int) -> HttpResponse:
    contact, form, back = editable(request, pk), OptInForm(request.POST), f"/contacts/{pk}"
    if not form.is_valid():
        why = _("Say why they may be written to again, such as who asked for it and when.")
        return answers.refused(request, why, back=back)
    if not consent.opt_in(contact, by=request.user, now=timezone.now(), note=form.cleaned_data["note"]):
        return answers.refused(request, _("Nothing stood against it."), back=back)
    return answers.done(request, _("May be written to again. What had ended stays ended."), back=back)


@require_POST
@signed_in
def enrolment(request: Request, pk: int, enrolled: int, verb: str) -> HttpResponse:
    """Pauses, resumes, stops, or takes an end back."""
    contact, user, now, back = editable(request, pk), request.user, timezone.now(), f"/contacts/{pk}"
    row = get_object_or_404(Enrolment.objects.visible_to(user).filter(contact=contact), pk=enrolled)
    verbs: dict[str, tuple[Any, str]] = {
        "pause": (
            lambda: pausing.pause(row, now=now, reason=_("%(who)s paused it.") % {"who": user.display_name}),
            _("Paused. Nothing comes until it goes on."),
        ),
        "resume": (lambda: pausing.resume(row, now=now), _("Goes on. What is left moved by the length of the pause.")),
        "stop": (lambda: pausing.stop(row, by=user, now=now), _("Stopped. For ten minutes it can be taken back.")),
        "undo": (lambda: pausing.undo(row, now=now), _("Taken back: dates and tasks are as they were.")),
    }
    if verb not in verbs:
        raise Http404
    act, text = verbs[verb]
    try:
        act()
    except pausing.NotNow as refusal:
        return answers.refused(request, str(refusal), back=back)
    return answers.done(request, text, back=back)


@require_http_methods(["GET", "POST"])
@signed_in
def merging(request: Request, pk: int) -> HttpResponse:
    """Whom to make part of the contact, and what that would move; then doing it."""
    contact = _own(request.user, contact_of(request, pk))
    other = _other(request)
    if other is None:
        asked = request.GET.get("q", "").strip().replace("\0", "")[:100]
        context = {"contact": contact, "q": asked, "offered": _offered(request.user, contact, asked)}
        return render(request, "web/contacts/merge.html", context)
    try:
        _own(request.user, other)
        if request.method == "POST":
            merge.merge(contact, other, by=request.user, now=timezone.now())
            text = _("%(name)s is part of this contact now. For 30 days it can be parted again.") % {"name": other.name}
            return answers.done(request, text, back=f"/contacts/{pk}")
        found, refused = merge.preview(contact, other), ""
    except merge.CannotMerge as refusal:
        found, refused = None, str(refusal)
    context = {
        "contact": contact,
        "other": other,
        "refused": refused,
        "moves": _moves(found.moves) if found else [],
        "fills": _fills(found.fills) if found else [],
    }
    return render(request, "web/contacts/merge.html", context, status=409 if refused else 200)


@require_POST
@signed_in
def part(request: Request, pk: int, merged: int) -> HttpResponse:
    """Undoes a merge."""
    contact, back = _own(request.user, contact_of(request, pk)), f"/contacts/{pk}"
    row = get_object_or_404(ContactMerge.objects.filter(survivor=contact).select_related("absorbed"), pk=merged)
    _own(request.user, row.absorbed)
    try:
        parted = merge.unmerge(row, by=request.user, now=timezone.now())
    except merge.CannotPart as refusal:
        return answers.refused(request, str(refusal), back=back)
    return answers.done(request, _("%(name)s is a contact of its own again.") % {"name": parted.name}, back=back)


@require_http_methods(["GET", "POST"])
@signed_in
def erasing(request: Request, pk: int) -> HttpResponse:
    """Wipes the person for good, once their name or address was written."""
    contact = contact_of(request, pk)
    if not request.user.manages:
        raise PermissionDenied(_("Only managers erase contacts."))
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data["confirm"].strip().casefold()
        if said in {contact.name.strip().casefold(), contact.email.casefold()} - {""}:
            erase.erase(contact, by=request.user, now=timezone.now())
            messages.success(request, _("Erased. Figures stay; all that named the person is gone."))
            return redirect("web:contacts")
        form.add_error("confirm", _("That is neither their name nor their address: nothing was erased."))
    context = {"contact": contact, "form": form}
    return render(request, "web/contacts/erase.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def delete(request: Request, pk: int) -> HttpResponse:
    """Of a contact to whom nothing has happened."""
    contact = _own(request.user, contact_of(request, pk))
    try:
        contacts.delete(contact, by=request.user, now=timezone.now())
    except contacts.HasHistory as kept:
        return answers.refused(request, str(kept), back=f"/contacts/{pk}/edit")
    messages.success(request, _("Deleted: %(name)s") % {"name": contact.name})
    return redirect("web:contacts")


@require_GET
@signed_in
def of_rules(request: Request, pk: int) -> HttpResponse:
    """The rules that are on; each row asks by itself whether its rule would fire for the contact."""
    contact = contact_of(request, pk)
    rows = TaskAutomationRule.objects.visible_to(request.user).live().select_related("owner")
    page = paging.of(rows, "name", "id", cursor=request.GET.get("cursor", ""), size=RULES)
    return render(request, "web/contacts/rules.html", {"contact": contact, "page": page})


@require_GET
@signed_in
def of_rule(request: Request, pk: int, rule: int) -> HttpResponse:
    """Whether one rule would fire for the contact, and what stands in the way."""
    contact = contact_of(request, pk)
    visible = TaskAutomationRule.objects.visible_to(request.user).select_related("team", "owner")
    row, told, fault = get_object_or_404(visible, pk=rule), None, ""
    try:
        told = explain.explain(row, contact, now=timezone.now())
    except rules.BadRule as bad:
        fault = str(bad)
    context = {"contact": contact, "rule": row, "told": told, "fault": fault, "state": _state(told)}
    template = "web/contacts/rule_answer.html" if request.htmx else "web/contacts/rule.html"
    return render(request, template, context)


def _state(told: explain.Explanation | None) -> str:
    """`fires` now, `waits` for what starts it, or `no`."""
    if told is None or not (told.active and told.in_scope) or told.parked is not None:
        return "no"
    if not all(clause.holds for clause in told.clauses):
        return "no"
    return "waits" if told.now is None else "fires" if told.now.outcome == "create" else "no"


def _own(user: User, contact: Contact) -> Contact:
    """A contact of one's own; somebody else's is the managers' business."""
    if contact.owner_id != user.pk and not user.manages:
        raise PermissionDenied(_("Only its owner and managers merge, part or delete a contact."))
    return contact


def _other(request: Request) -> Contact | None:
    """Who is to be made part of the contact, when somebody is named."""
    chosen = (request.POST if request.method == "POST" else request.GET).get("with", "")
    if not chosen:
        return None
    if not (chosen.isdecimal() and len(chosen) < 19):
        raise Http404
    return contact_of(request, int(chosen))


def _offered(user: User, contact: Contact, asked: str) -> list[Contact]:
    """Who was asked for; without that, who has the same name or phone."""
    rows = Contact.objects.visible_to(user).exclude(pk=contact.pk).select_related("owner")
    if not user.manages:
        rows = rows.filter(owner=user)
    if asked:
        rows = rows.found_by(asked)
    else:
        phone = Q(phone_e164=contact.phone_e164) if contact.phone_e164 else Q()
        rows = rows.filter(Q(name__iexact=contact.name) | phone)
    return list(rows.order_by("name", "pk")[:OFFERED])


def _moves(counts: dict[str, int]) -> list[tuple[Any, int]]:
    told = [(label, counts[name]) for name, label in MOVES.items() if name in counts]
    rest = sum(count for name, count in counts.items() if name not in MOVES)
    return [*told, (_("Other records"), rest)] if rest else told


def _fills(values: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(label, _said(name, values[name])) for name, label in FILLS.items() if name in values]


def _said(name: str, value: Any) -> Any:
    if name == "owner_id":
        return User.objects.get(pk=value).display_name
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return _("yes") if value is True else value
