"""Events of somebody nobody knows, until a person says whose they are; and events that came twice with other words."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from automation import detaching
from crm import addresses, contacts, unmatched
from crm.models import Activity, Contact
from people.models import User
from web import activity, answers, contact_form, live, paging, undoing
from web.access import Request, for_leads

OFFERED = 8
LIST = "/activity/unmatched"


class NewForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=254, required=False)
    owner = contact_form.Person(
        label=gettext_lazy("Owner"), queryset=User.objects.none(), required=False, empty_label=gettext_lazy("Nobody")
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner: Any = self.fields["owner"]
        people = User.objects.visible_to(user).active().order_by("first_name", "username")
        owner.queryset = people if user.manages else people.filter(pk=user.pk)


@require_GET
@for_leads
def page(request: Request) -> HttpResponse:
    rows = unmatched.waiting(request.user)
    found = paging.of(rows, "-id", cursor=request.GET.get("cursor", ""))
    for row in found.rows:
        row.address = unmatched.address_of(row)
    context = {"page": found, **activity.tabs(request.user)}
    return live.page(request, "web/activity/unmatched.html", "web/activity/unmatched_list.html", context)


@require_GET
@for_leads
def one(request: Request, pk: int) -> HttpResponse:
    """The event, whose it may be, and making a contact of it."""
    return _shown(request, _waiting(request, pk), None)


@require_POST
@for_leads
def attach(request: Request, pk: int) -> HttpResponse:
    row = _waiting(request, pk)
    given = request.POST.get("contact", "")
    visible = Contact.objects.visible_to(request.user)
    contact = visible.filter(pk=int(given)).first() if given.isdecimal() and len(given) < 19 else None
    if contact is None:
        return answers.refused(request, _("Choose whose it is."), back=f"{LIST}/{pk}")
    now, was = timezone.now(), detaching.before(addresses.survivor_of(contact))
    try:
        done = unmatched.attach(row, contact, now=now, others="others" in request.POST)
    except unmatched.CannotAttach as refusal:
        return answers.refused(request, str(refusal), back=LIST)
    return answers.done(
        request, _attached(done), undo=undoing.note_of_attached(request.user, done, was, now), back=LIST
    )


@require_POST
@for_leads
def new(request: Request, pk: int) -> HttpResponse:
    """Makes a contact of the event's sender and gives it all that waits of that address."""
    row, user, now = _waiting(request, pk), request.user, timezone.now()
    form = NewForm(request.POST, user=user)
    if not form.is_valid():
        return _shown(request, row, form)
    try:
        with transaction.atomic():
            made = contacts.create(user.team, by=user, **form.cleaned_data)
            was = detaching.before(made)
            done = unmatched.attach(row, made, now=now)
    except contacts.EmailTaken as taken:
        form.add_error("email", contact_form.taken_by(taken.contact, user))
    except ValidationError as refusal:
        form.add_error(None, refusal.messages)
    except unmatched.CannotAttach as refusal:
        return answers.refused(request, str(refusal), back=LIST)
    else:
        undo = undoing.note_of_attached(user, done, was, now, made=True)
        return answers.done(request, _attached(done), undo=undo, back=LIST)
    return _shown(request, row, form)


@require_POST
@for_leads
def dismiss(request: Request, pk: int) -> HttpResponse:
    row = _waiting(request, pk)
    unmatched.dismiss(row, now=timezone.now())
    undo = undoing.note_of_dismissed(request.user, row)
    return answers.done(request, _("Nobody has to look at it any more. It stays in the ledger."), undo=undo, back=LIST)


@require_GET
@for_leads
def conflicts(request: Request) -> HttpResponse:
    """Both versions of each, the newest first."""
    rows = unmatched.conflicts(request.user).select_related("activity__contact")
    found = paging.of(rows, "-id", cursor=request.GET.get("cursor", ""))
    for row in found.rows:
        row.differences = _differences(row.activity.data, row.data)
    context = {"page": found, **activity.tabs(request.user)}
    return live.page(request, "web/activity/conflicts.html", "web/activity/conflicts_list.html", context)


@require_POST
@for_leads
def dismiss_conflict(request: Request, pk: int) -> HttpResponse:
    row = get_object_or_404(unmatched.conflicts(request.user), pk=pk)
    unmatched.dismiss_conflict(row, now=timezone.now())
    undo = undoing.note_of_dismissed(request.user, row)
    text = _("Out of the list. What was recorded first counts.")
    return answers.done(request, text, undo=undo, back="/activity/conflicts")


def _waiting(request: Request, pk: int) -> Activity:
    row: Activity = get_object_or_404(unmatched.waiting(request.user), pk=pk)
    return row


def _shown(request: Request, row: Activity, form: NewForm | None) -> HttpResponse:
    user, address = request.user, unmatched.address_of(row)
    asked = request.GET.get("q", "").strip().replace("\0", "")[:100]
    name = _name(row, address)
    offered = _offered(user, asked, address, name)
    form = form or NewForm(user=user, initial={"name": name, "email": address, "owner": user.pk})
    context = {
        "activity": row,
        "address": address,
        "data": json.dumps(row.data, ensure_ascii=False, indent=2, sort_keys=True),
        "q": asked,
        "offered": offered,
        "form": form,
    }
    return render(request, "web/activity/unmatched_one.html", context, status=422 if form.errors else 200)


def _offered(user: User, asked: str, address: str, name: str) -> list[Contact]:
    """Who was asked for; without that, who has the same name, or an address at the same place."""
    rows = Contact.objects.visible_to(user).select_related("owner")
    if asked:
        rows = rows.found_by(asked)
    elif name or address:
        rows = rows.filter(
            (Q(name__iexact=name) if name else Q())
            | (Q(email__iendswith="@" + address.partition("@")[2]) if address else Q())
        )
    else:
        return []
    return list(rows.order_by("name", "pk")[:OFFERED])


def _name(row: Activity, address: str) -> str:
    """As the event says, else as the address reads."""
    data = row.data if isinstance(row.data, dict) else {}
    said = next((data[key] for key in ("name", "from_name") if isinstance(data.get(key), str)), "")
    return " ".join((said or address.partition("@")[0].replace(".", " ").replace("_", " ").title()).split())[:200]


def _differences(first: Any, later: Any) -> list[tuple[str, str, str]]:
    """What the two versions say otherwise, by name."""
    if not (isinstance(first, dict) and isinstance(later, dict)):
        return [("", _said(first), _said(later))]
    names = sorted(name for name in {*first, *later} if first.get(name) != later.get(name))
    return [(name, _said(first.get(name)), _said(later.get(name))) for name in names]


def _said(value: Any) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text[:300]


def _attached(done: unmatched.Attached) -> str:
    count = len(done.activities)
    text = ngettext(
        "%(n)s event is %(name)s's now. Its rules run.", "%(n)s events are %(name)s's now. Their rules run.", count
    )
    return text % {"n": count, "name": done.contact.name}
