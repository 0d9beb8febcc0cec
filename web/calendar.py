"""The calendars of a person: the private address of their tasks, busy times that are read, tasks that are pushed."""

import hashlib
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from domain.busy.reading import MOST_BYTES
from people import busy_times, feeds
from people.models import BusySource, CalendarFeed
from web.access import Request, signed_in
from work import calendar, pushing
from work.models import CalendarPush

BUSY_IDS, PUSH_IDS = "busy_%s", "push_%s"
"""Both forms stand on one page, and both have an address."""


class BusyForm(forms.Form):
    """An address or a file."""

    url = forms.CharField(
        label=gettext_lazy("Secret address of your calendar"),
        required=False,
        max_length=busy_times.LONGEST_URL,
        widget=forms.TextInput(
            attrs={"placeholder": "https://example.org/mine.ics", "autocomplete": "off", "inputmode": "url"}
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a file"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".ics,text/calendar"}),
        error_messages={"empty": gettext_lazy("The file is empty: choose another.")},
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file and file.size > MOST_BYTES:
            raise forms.ValidationError(
                _("The file is over %(n)s MB: export fewer years of it.") % {"n": MOST_BYTES // 2**20}
            )
        return file

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and bool(found["url"]) == bool(found["file"]):
            raise forms.ValidationError(_("Enter an address or choose a file, one of the two."))
        return found


class PushForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("CalDAV address of one calendar"),
        required=False,
        max_length=pushing.LONGEST_URL,
        widget=forms.TextInput(
            attrs={"placeholder": "https://example.org/dav/you/tasks/", "autocomplete": "off", "inputmode": "url"}
        ),
    )
    username = forms.CharField(
        label=gettext_lazy("User name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Best one that is for this alone."),
    )
    shows = forms.ChoiceField(
        label=gettext_lazy("Tasks as"),
        choices=[("todo", gettext_lazy("To-dos")), ("event", gettext_lazy("Appointments"))],
    )


@csrf_exempt  # its refusal would write the secret address into the log
@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The file, or 304 for a program that has it as it is. A wrong secret does not exist."""
    found = feeds.find(secret)
    if found is None:
        raise Http404
    content = calendar.of(found, now=timezone.now())
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response = (
        HttpResponseNotModified()
        if tag in request.headers.get("If-None-Match", "")
        else HttpResponse(content, content_type="text/calendar; charset=utf-8")
    )
    response["ETag"] = tag
    response["Cache-Control"] = "private, max-age=0"
    response["Content-Disposition"] = 'inline; filename="nextmove.ics"'
    return response


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    """The answer to making one is the only page that ever holds the address."""
    address, user = "", request.user
    if request.method == "POST":
        shows = request.POST.get("shows", "")
        if shows == "none":
            feeds.end(user, by=user, now=timezone.now())
            messages.success(request, _("The address leads nowhere from now on."))
            return redirect("web:calendar")
        if shows in dict(CalendarFeed._meta.get_field("shows").choices or ()):
            secret = feeds.make(user, shows=shows, by=user, now=timezone.now())
            address = f"{settings.BASE_URL}/calendar/{secret}.ics"
    return _shown(request, address=address)


@require_POST
@signed_in
def busy(request: Request) -> HttpResponse:
    """Connects an address or reads a file; what is refused changes nothing."""
    user, now, form = request.user, timezone.now(), BusyForm(request.POST, request.FILES, auto_id=BUSY_IDS)
    if not form.is_valid():
        return _shown(request, busy_form=form)
    url, file = form.cleaned_data["url"], form.cleaned_data["file"]
    try:
        if url:
            busy_times.connect(user, url=url, by=user, now=now)
        else:
            busy_times.upload(user, file.read(), name=file.name, by=user, now=now)
    except busy_times.BadSource as bad:
        form.add_error("url" if url else "file", str(bad))
        return _shown(request, busy_form=form)
    messages.success(request, _("It is being read: look again in a moment.") if url else _("The file was read."))
    return _back("busy")


@require_POST
@signed_in
def busy_read(request: Request) -> HttpResponse:
    if busy_times.read_soon(request.user, now=timezone.now()):
        messages.success(request, _("It is being read: look again in a moment."))
    return _back("busy")


@require_POST
@signed_in
def busy_remove(request: Request) -> HttpResponse:
    busy_times.end(request.user, by=request.user, now=timezone.now())
    messages.success(request, _("Taken away: your working hours count in full again."))
    return _back("busy")


@require_POST
@signed_in
def push(request: Request) -> HttpResponse:
    """Connects a calendar in which tasks are kept, or changes how."""
    user, form = request.user, PushForm(request.POST, auto_id=PUSH_IDS)
    if form.is_valid():
        try:
            pushing.connect(user, by=user, now=timezone.now(), **form.cleaned_data)
        except pushing.BadPush as bad:
            form.add_error(bad.field, str(bad))
        else:
            messages.success(request, _("Saved. It is being tried: look again in a moment."))
            return _back("push")
    return _shown(request, push_form=form)


@require_POST
@signed_in
def push_now(request: Request) -> HttpResponse:
    if pushing.push_soon(request.user, now=timezone.now()):
        messages.success(request, _("It is being tried: look again in a moment."))
    return _back("push")


@require_POST
@signed_in
def push_remove(request: Request) -> HttpResponse:
    pushing.end(request.user, by=request.user, now=timezone.now())
    messages.success(request, _("Taken away, with its password. What was put there stays there."))
    return _back("push")


def _back(section: str) -> HttpResponse:
    response = redirect("web:calendar")
    response["Location"] += f"#{section}"
    return response


def _shown(
    request: Request, *, address: str = "", busy_form: BusyForm | None = None, push_form: PushForm | None = None
) -> HttpResponse:
    """The page, with the form that was refused in its place."""
    source = BusySource.objects.filter(pk=request.user.pk).first()
    pushed = CalendarPush.objects.filter(pk=request.user.pk).first()
    initial = {"shows": pushed.shows, "username": pushing.username_of(pushed)} if pushed else {}
    context = {
        "address": address,
        "feed": CalendarFeed.objects.filter(user=request.user).first(),
        "busy": source,
        "busy_address": busy_times.shown_address(source) if source else "",
        "busy_form": busy_form or BusyForm(auto_id=BUSY_IDS),
        "push": pushed,
        "push_address": pushing.shown_address(pushed) if pushed else "",
        "push_entries": pushed.items.count() if pushed else 0,
        "push_form": push_form or PushForm(initial=initial, auto_id=PUSH_IDS),
    }
    refused = (busy_form and busy_form.errors) or (push_form and push_form.errors)
    return render(request, "web/settings/calendar.html", context, status=422 if refused else 200)
