"""Contacts: the list, and one contact with what comes next, everything that happened, and what one does about it."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F, Min, OuterRef, Q, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from automation.models import Enrolment, EnrolmentStep
from crm import addresses, consent, contacts, merge, noting, planning
from crm.models import Activity, Contact, ContactMerge, validate_cadence
from domain import attention
from people import rights
from people.models import SavedView, User
from web import (
    answers,
    best_times,
    contact_filters,
    contact_form,
    doing,
    learning,
    live,
    notices,
    origins,
    saved_views,
    timelines,
)
from web.access import Request, signed_in
from web.contact_filters import Filters
from web.numbers import NumberField
from work import ties
from work.models import Task

TASKS = 20
ENDED = 3
"""Enrolments that are over, of which the newest are shown."""


class NewForm(forms.ModelForm):
    class Meta:
        model = Contact
        fields = ("name", "email", "phone", "company")


class StatusForm(forms.Form):
    status = forms.ChoiceField(choices=Contact.STATUSES)


class CadenceForm(forms.Form):
    contact_cadence = forms.CharField(max_length=10, validators=[validate_cadence], required=False)


class NoteForm(forms.Form):
    kind = forms.ChoiceField(
        choices=[
            (Activity.NOTE, gettext_lazy("Note")),
            (Activity.CALL, gettext_lazy("Call")),
            (Activity.MEETING, gettext_lazy("Meeting")),
        ],
        initial=Activity.NOTE,
        widget=forms.RadioSelect,
    )
    text = forms.CharField(
        label=gettext_lazy("What was said"),
        required=False,
        max_length=noting.MOST,
        widget=forms.Textarea(attrs={"rows": 2, "data-key": "c"}),
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes"),
        required=False,
        min_value=0,
        max_value=1440,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    worth = NumberField(label=gettext_lazy("Worth"), required=False, min_value=0, max_digits=15, decimal_places=2)


@require_GET
@signed_in
def index(request: Request) -> HttpResponse:
    user, now = request.user, timezone.now()
    filters = Filters.of(request.GET)
    rows = filters.narrow(Contact.objects.visible_to(user).select_related("owner"), user, now)
    page = filters.page(rows, request.GET.get("cursor", ""))
    people = User.objects.visible_to(user).active().order_by("first_name", "username") if user.leads else []
    context = {
        "page": page,
        "rows": _with_next_task(page.rows, user),
        "filters": filters,
        "statuses": Contact.STATUSES,
        "people": people,
        "cadences": contact_filters.CADENCES,
        "consents": contact_filters.CONSENTS,
        "quiets": contact_filters.QUIETS,
        "sorts": contact_filters.SORTS,
        "saved": saved_views.of(user, SavedView.CONTACTS, request.GET),
    }
    return live.page(request, "web/contacts/index.html", "web/contacts/list.html", context)


def _with_next_task(rows: list[Any], user: User) -> list[Any]:
    """The contacts, each with the open task that is due first, of those the viewer may see."""
    theirs = Task.objects.visible_to(user).open().filter(contact=OuterRef("pk"))
    due_first = theirs.order_by(F("due_date").asc(nulls_last=True), "id").values("pk")[:1]
    of_page = Contact.objects.filter(pk__in=[row.pk for row in rows]).annotate(next_task=Subquery(due_first))
    ids = dict(of_page.values_list("pk", "next_task"))
    tasks = Task.objects.in_bulk([pk for pk in ids.values() if pk is not None])
    for row in rows:
        row.next_task = tasks.get(ids.get(row.pk))
        row.opted_out = not consent.may_mail(row)[0] and (row.do_not_contact or bool(row.email))
    return rows


@require_GET
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    contact = Contact.objects.visible_to(request.user).select_related("owner", "team").filter(pk=pk).first()
    if contact is None:
        return redirect("web:contact", _survivor(request, pk).pk)
    return live.page(request, "web/contacts/page.html", "web/contacts/parts.html", _parts(request, contact))


def _parts(request: Request, contact: Contact) -> dict[str, Any]:
    user, now = request.user, timezone.now()
    open_tasks = Task.objects.visible_to(user).filter(contact=contact).open().select_related("assignee__team")
    tasks = origins.add_to(open_tasks.order_by(F("due_date").asc(nulls_last=True), "id")[:TASKS])
    enrolled = _enrolments(user, contact, now)
    may_edit, told = rights.may_edit_contact(user, contact), timelines.of_contact(user, contact)
    return {
        "contact": contact,
        "may_edit": may_edit,
        "may_manage": contact.owner_id == user.pk or user.manages,
        "there": now.astimezone(planning.zone_of(contact, contact.timezone, contact.owner))
        if contact.timezone
        else None,
        "statuses": Contact.STATUSES,
        "cadences": _cadences(contact),
        **learning.of_contact(contact),
        **best_times.of_contact(contact, now=now),
        "tasks": tasks,
        "next": _next(contact, tasks, enrolled, now),
        "may_complete_next": bool(tasks) and rights.may_complete(user, tasks[0]),
        "snoozes": doing.snoozes_of(tasks[:1], user).get(tasks[0].pk, {}) if tasks else {},
        "note_form": NoteForm(auto_id="note_%s"),
        "worth_key": learning.worth_key(contact),
        "timeline": told,
        "more": len(told) >= timelines.MOST,
        "enrolments": enrolled,
        "opt_outs": _opt_outs(contact),
        "may_mail": consent.may_mail(contact)[0],
        "opt_out_kinds": [(kind, contact_filters.CONSENTS[kind]) for kind in reversed(consent.KINDS)],
        "merges": _merges(contact, now),
        "excluded": User.objects.filter(pk__in=ties.excluded_from(contact)) if user.leads else [],
        "mute": notices.mute_of(user, f"contact:{contact.pk}"),
        "back": request.path,
    }


def _next(contact: Contact, tasks: list[Task], enrolled: list[Any], now: datetime) -> dict[str, Any]:
    task = tasks[0] if tasks else None
    steps = {row.next_at: row for row in enrolled if row.state == Enrolment.ACTIVE and row.next_at is not None}
    step_at = min(steps, default=None)
    found = attention.next_thing(
        has_task=task is not None,
        task_due=task.due_date if task is not None else None,
        touch_at=contact.next_touch_at if contact.touched_for != contact.next_touch_at else None,
        step_at=step_at,
        may_contact=not contact.do_not_contact,
        now=now,
    )
    return {"kind": found.kind, "at": found.at, "task": task, "enrolment": steps.get(step_at) if step_at else None}


def _enrolments(user: User, contact: Contact, now: datetime) -> list[Any]:
    """Those under way with the date of their next step, and the last that ended."""
    rows = Enrolment.objects.visible_to(user).filter(contact=contact).select_related("sequence", "campaign")
    rows = rows.annotate(next_at=Min("steps__due_at", filter=Q(steps__state=EnrolmentStep.PLANNED)))
    under_way = Q(state__in=Enrolment.UNDER_WAY)
    newest = list(rows.filter(under_way).order_by("-id")[:TASKS]) + list(
        rows.exclude(under_way).order_by("-id")[:ENDED]
    )
    for row in newest:
        row.may_undo = row.undo_until is not None and row.undo_until > now  # type: ignore[attr-defined]
    return newest


def _opt_outs(contact: Contact) -> list[dict[str, Any]]:
    """What stands against writing to the contact, each with since when, who said so and why, as far as it was told."""
    standing = [kind for kind, column in consent.COLUMN.items() if getattr(contact, column) is not None]
    standing += [consent.DO_NOT_CONTACT] if contact.do_not_contact else []
    if not standing:
        return []
    kinds = [consent.ACTIVITY[kind] for kind in standing]
    told = Activity.objects.filter(contact=contact, activity_type__in=kinds).select_related("actor")
    newest = {row.activity_type: row for row in told.order_by("-occurred_at", "-id")[: 5 * len(kinds)][::-1]}
    found = []
    for kind in standing:
        row = newest.get(consent.ACTIVITY[kind])
        said = row.data.get("note", "") if row is not None and isinstance(row.data, dict) else ""
        column = consent.COLUMN.get(kind)
        at = getattr(contact, column) if column else row.occurred_at if row is not None else None
        found.append(
            {"label": contact_filters.CONSENTS[kind], "at": at, "who": row.actor if row else None, "why": said}
        )
    return found


def _merges(contact: Contact, now: datetime) -> list[ContactMerge]:
    """What was made part of the contact and can be parted; the last one first, which is the one that may be."""
    rows = ContactMerge.objects.filter(survivor=contact, undone_at__isnull=True, at__gt=now - merge.KEPT_FOR)
    found = list(rows.select_related("absorbed", "by").order_by("-pk")[:5])
    for row in found:
        row.until = row.at + merge.KEPT_FOR  # type: ignore[attr-defined]
    return found


def _there(contact: Contact, now: datetime) -> datetime | None:
    """The time where the contact is, as far as somebody said where."""
    return now.astimezone(planning.zone_of(contact, contact.timezone, contact.owner)) if contact.timezone else None


def _cadences(contact: Contact) -> list[tuple[str, Any]]:
    """Those to choose from, and the contact's own when it goes by a number of days."""
    own = contact.contact_cadence
    days = [(own, contact.get_contact_cadence_display())] if own.startswith("days:") else []
    return [*Contact.CADENCES, *days, ("", _("No cadence"))]


def _survivor(request: Request, pk: int) -> Contact:
    """Whom the contact was merged into; else it is not there."""
    gone = get_object_or_404(Contact.objects.filter(team_id=request.user.team_id, merged_into__isnull=False), pk=pk)
    return get_object_or_404(Contact.objects.visible_to(request.user), pk=addresses.survivor_of(gone).pk)


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request) -> HttpResponse:
    form = NewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            contact = contacts.create(request.user.team, owner=request.user, by=request.user, **form.cleaned_data)
        except contacts.EmailTaken as taken:
            form.add_error("email", contact_form.taken_by(taken.contact, request.user))
        else:
            return redirect("web:contact", contact.pk)
    return render(request, "web/contacts/new.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: Request, pk: int) -> HttpResponse:
    contact = editable(request, pk)
    form = contact_form.ContactForm(request.POST or None, user=request.user, contact=contact)
    if request.method == "POST" and form.is_valid() and form.save(contact, by=request.user, now=timezone.now()):
        return answers.done(request, _("Saved."), back=f"/contacts/{pk}")
    context = {
        "contact": contact,
        "form": form,
        "may_delete": contact.owner_id == request.user.pk or request.user.manages,
    }
    return render(request, "web/contacts/edit.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def status(request: Request, pk: int) -> HttpResponse:
    return _change(request, pk, StatusForm(request.POST), _("Status changed. Rules that wait for it run now."))


@require_POST
@signed_in
def cadence(request: Request, pk: int) -> HttpResponse:
    return _change(request, pk, CadenceForm(request.POST), _("Cadence saved."))


@require_POST
@signed_in
def note(request: Request, pk: int) -> HttpResponse:
    """Writes down a note, a call or a meeting; whoever sees the contact may."""
    contact, form, back = contact_of(request, pk), NoteForm(request.POST), f"/contacts/{pk}"
    if not form.is_valid():
        worth = form.errors.get("worth")
        words = str(worth[0]) if worth else _("Choose what it was; minutes are a number up to 1440.")
        return answers.refused(request, words, back=back)
    said, key = form.cleaned_data, learning.worth_key(contact)
    facts = {key: float(said["worth"])} if key and said["worth"] is not None else None
    minutes, now = said["minutes"], timezone.now()
    try:
        row = noting.note(contact, said["kind"], said["text"], by=request.user, now=now, minutes=minutes, facts=facts)
    except noting.CannotNote as refusal:
        return answers.refused(request, str(refusal), back=back)
    done = {Activity.CALL: _("The call is noted"), Activity.MEETING: _("The meeting is noted")}
    return answers.done(request, done.get(row.activity_type, _("The note is added")), back=back)


def _change(request: Request, pk: int, form: Any, done: str) -> HttpResponse:
    contact, back = editable(request, pk), f"/contacts/{pk}"
    try:
        if not form.is_valid():
            raise ValidationError(_("Choose one of the list."))
        contacts.update(contact, by=request.user, now=timezone.now(), **form.cleaned_data)
    except (ValidationError, contacts.EmailTaken) as refusal:
        return answers.refused(request, "; ".join(getattr(refusal, "messages", [str(refusal)])), back=back)
    return answers.done(request, done, back=back)


def contact_of(request: Request, pk: int) -> Contact:
    return get_object_or_404(Contact.objects.visible_to(request.user).select_related("owner", "team"), pk=pk)


def editable(request: Request, pk: int) -> Contact:
    """The contact, for those who may change it; else the 404 or the 403."""
    contact = contact_of(request, pk)
    if not rights.may_edit_contact(request.user, contact):
        raise PermissionDenied(_("Only its owner, leads and managers may change this contact."))
    return contact
