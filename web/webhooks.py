"""Webhooks: addresses that hear of what happens, each with its secret, its switch, a test and its log; for managers."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from people import rights
from people.models import User
from web import live, paging, words
from web.access import Request, signed_in
from webhooks import endpoints, sending
from webhooks.models import KINDS, LONGEST_URL, Dispatch, Endpoint


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/nextmove", "autocomplete": "off"}),
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("It hears when"),
        choices=[(kind, words.EVENTS[kind]) for kind in KINDS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )


@require_http_methods(["GET", "POST"])
@signed_in
def index(request: Request) -> HttpResponse:
    """The list, and the form for another one."""
    user = _manager(request)
    form = WebhookForm(request.POST or None, initial={"kinds": KINDS})
    if request.method == "POST" and form.is_valid():
        try:
            row, secret = endpoints.create(user.team, by=user, now=timezone.now(), **form.cleaned_data)
        except endpoints.BadEndpoint as bad:
            form.add_error(bad.field, str(bad))
        except endpoints.TooMany as full:
            form.add_error(None, str(full))
        else:
            return _shown(request, row, secret=secret)
    rows = Endpoint.objects.visible_to(user).order_by("pk")
    context = {"form": form, "webhooks": rows}
    return render(request, "web/settings/webhooks.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    """One of them: what it is sent to and what it wants, its secret, and its log."""
    row = _of(request, pk)
    form = WebhookForm(request.POST or None, initial={"url": row.url, "kinds": row.kinds})
    if request.method == "POST" and form.is_valid():
        try:
            endpoints.change(row, by=request.user, now=timezone.now(), **form.cleaned_data)
        except endpoints.BadEndpoint as bad:
            form.add_error(bad.field, str(bad))
        else:
            messages.success(request, _("Saved."))
            return redirect("web:webhook", pk)
    return _shown(request, row, form=form)


@require_POST
@signed_in
def switch(request: Request, pk: int) -> HttpResponse:
    on = request.POST.get("on") == "1"
    endpoints.change(_of(request, pk), by=request.user, now=timezone.now(), is_active=on)
    said = _("Switched on: it hears what happens from now on.") if on else _("Switched off: nothing is sent to it.")
    messages.success(request, said)
    return redirect("web:webhook", pk)


@require_POST
@signed_in
def rotate(request: Request, pk: int) -> HttpResponse:
    """The answer is the only page that ever holds the new secret."""
    row = _of(request, pk)
    return _shown(request, row, secret=endpoints.rotate(row, by=request.user, now=timezone.now()))


@require_POST
@signed_in
def test(request: Request, pk: int) -> HttpResponse:
    endpoints.test(_of(request, pk), by=request.user, now=timezone.now())
    messages.success(request, _("A test is on its way: the log says what came of it."))
    return redirect("web:webhook", pk)


@require_POST
@signed_in
def delete(request: Request, pk: int) -> HttpResponse:
    row = _of(request, pk)
    endpoints.delete(row, by=request.user, now=timezone.now())
    messages.success(request, _("Deleted, with its log: %(url)s") % {"url": row.url})
    return redirect("web:webhooks")


@require_POST
@signed_in
def resend(request: Request, pk: uuid.UUID) -> HttpResponse:
    rows = Dispatch.objects.visible_to(_manager(request)).select_related("event", "endpoint")
    row = get_object_or_404(rows, pk=pk)
    try:
        sending.resend(row, now=timezone.now())
    except sending.CannotResend as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("It is sent again."))
    return redirect("web:webhook", row.endpoint_id)


def _shown(request: Request, row: Endpoint, *, form: WebhookForm | None = None, secret: str = "") -> HttpResponse:
    log = Dispatch.objects.filter(endpoint=row).select_related("event")
    state = request.GET.get("state", "")
    if state in Dispatch.STATES:
        log = log.filter(state=state)
    context: dict[str, Any] = {
        "webhook": row,
        "form": form or WebhookForm(initial={"url": row.url, "kinds": row.kinds}),
        "secret": secret,
        "old_secret_signs": row.old_secret_until is not None and timezone.now() < row.old_secret_until,
        "log": paging.of(log, "-created_at", "-id", cursor=request.GET.get("cursor", "")),
        "state": state,
        "states": {"": _("All"), **{name: words.DISPATCHES[name].label for name in Dispatch.STATES}},
    }
    if secret or (form is not None and form.errors):
        return render(request, "web/settings/webhook.html", context, status=422 if form else 200)
    return live.page(request, "web/settings/webhook.html", "web/settings/webhook_log.html", context)


def _of(request: Request, pk: int) -> Endpoint:
    return get_object_or_404(Endpoint.objects.visible_to(_manager(request)), pk=pk)


def _manager(request: Request) -> User:
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers see and change webhooks."))
    return request.user
