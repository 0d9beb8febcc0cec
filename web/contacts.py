"""Contacts: the list, and one contact with everything that happened."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm import contacts
from crm.models import Contact, validate_cadence
from people import rights
from web import origins, paging, timelines
from web.access import Request, signed_in
from work.models import Task


class ContactForm(forms.ModelForm):
    class Meta:
        model = Contact
        fields = ("name", "email", "phone", "company")


class StatusForm(forms.Form):
    status = forms.ChoiceField(choices=Contact.STATUSES)


class CadenceForm(forms.Form):
    contact_cadence = forms.CharField(max_length=10, validators=[validate_cadence], required=False)


@require_GET
@signed_in
def index(request: Request) -> HttpResponse:
    query, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    rows = _found(Contact.objects.visible_to(request.user).select_related("owner"), query, status)
    page = paging.of(rows, "name", "id", cursor=request.GET.get("cursor", ""))
    context = {"page": page, "q": query, "status": status, "statuses": Contact.STATUSES}
    return render(request, "web/contacts/index.html", context)


def _found(rows: QuerySet[Contact], query: str, status: str) -> QuerySet[Contact]:
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(email__icontains=query) | Q(company__icontains=query))
    return rows.filter(status=status) if status in dict(Contact.STATUSES) else rows


@require_GET
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    contact = _contact(request, pk)
    tasks = Task.objects.visible_to(request.user).filter(contact=contact).open().select_related("assignee")
    context = {
        "contact": contact,
        "may_edit": rights.may_edit_contact(request.user, contact),
        "statuses": Contact.STATUSES,
        "cadences": _cadences(contact),
        "tasks": origins.add_to(tasks.order_by("due_date", "id")[:20]),
        "timeline": timelines.of_contact(request.user, contact),
    }
    return render(request, "web/contacts/page.html", context)


def _cadences(contact: Contact) -> list[tuple[str, str]]:
    """Those to choose from, and the contact's own when it goes by a number of days."""
    own = contact.contact_cadence
    return [*Contact.CADENCES, *([(own, contact.get_contact_cadence_display())] if own.startswith("days:") else [])]


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request) -> HttpResponse:
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            contact = contacts.create(request.user.team, owner=request.user, **form.cleaned_data)
        except contacts.EmailTaken:
            form.add_error("email", _("Another contact of the team has this address already."))
        else:
            return redirect("web:contact", contact.pk)
    return render(request, "web/contacts/new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@signed_in
def status(request: Request, pk: int) -> HttpResponse:
    return _change(request, pk, StatusForm(request.POST), _("Status changed. Rules that wait for it run now."))


@require_POST
@signed_in
def cadence(request: Request, pk: int) -> HttpResponse:
    return _change(request, pk, CadenceForm(request.POST), _("Cadence saved."))


def _change(request: Request, pk: int, form: Any, done: str) -> HttpResponse:
    contact = _contact(request, pk)
    if not rights.may_edit_contact(request.user, contact):
        raise PermissionDenied(_("Only its owner, leads and managers may change this contact."))
    try:
        if not form.is_valid():
            raise ValidationError(_("Choose one of the list."))
        contacts.update(contact, by=request.user, now=timezone.now(), **form.cleaned_data)
    except (ValidationError, contacts.EmailTaken) as refusal:
        messages.error(request, "; ".join(getattr(refusal, "messages", [str(refusal)])))
    else:
        messages.success(request, done)
    return redirect("web:contact", pk)


def _contact(request: Request, pk: int) -> Contact:
    return get_object_or_404(Contact.objects.visible_to(request.user).select_related("owner"), pk=pk)
