"""Signing in: one's password, the second step, the devices one is signed in on, and the latest sign-ins."""

import base64
import time
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from people import devices, members, passwords, two_step
from people.models import User
from web import device_names
from web.access import Request, signed_in
from web.members import NamedForm

KEY = "two_step_key"
"""Where the session keeps the key that the app is being set up with."""
SIGN_INS = 8


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("The six digits that the app shows"),
        max_length=12,
        widget=forms.TextInput(
            attrs={"class": "code", "inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True}
        ),
    )


class AddressForm(NamedForm):
    class Meta:
        model = User
        fields = ("email",)
        labels = {"email": gettext_lazy("E-mail address")}
        help_texts = {"email": gettext_lazy("Where a link for a new password goes, and what you are told by mail.")}


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user, now = request.user, timezone.now()
    here = request.session.session_key
    rows = devices.of(user, now=now)
    context = {
        "password_form": passwords.ChangeForm(user=user),
        "address_form": AddressForm(instance=user),
        "two_step": two_step.state(user),
        "two_step_required": two_step.required_of(user),
        "devices": [(row, device_names.named(row.user_agent), row.session_key == here) for row in rows],
        "sign_ins": [(row, device_names.named(row.user_agent)) for row in devices.sign_ins(user, SIGN_INS)],
        "refused": devices.refused(user, SIGN_INS),
    }
    return render(request, "web/settings/security.html", context)


@require_POST
@signed_in
@reauthentication_required()
def address(request: Request) -> HttpResponse:
    """One's own, by whoever gave the password a moment ago."""
    user = User.objects.select_related("team").get(pk=request.user.pk)
    form = AddressForm(request.POST, instance=user)
    if form.is_valid():
        members.save(user, by=request.user, now=timezone.now(), proven=True)
        messages.success(request, _("Your e-mail address is changed."))
    else:
        messages.error(request, " ".join(str(fault) for faults in form.errors.values() for fault in faults))
    return redirect("web:security")


def _asked_again(request: Request) -> bool:
    """Whoever is led here from the sign-in because it is required gave the password a moment ago."""
    moments = [record["at"] for record in get_authentication_records(request, request.user)]
    lately = bool(moments) and time.time() - max(moments) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return not (lately and two_step.missing(request.user))


@require_http_methods(["GET", "POST"])
@signed_in
@reauthentication_required(enabled=_asked_again)
def turn_on(request: Request) -> HttpResponse:
    """Sets an app up. The answer to the right code is the only page that holds the recovery codes."""
    user, form = request.user, CodeForm(request.POST or None)
    key = request.session.get(KEY, "")
    if request.method == "POST" and key and form.is_valid():
        try:
            codes = two_step.switch_on(user, key, form.cleaned_data["code"], now=timezone.now())
        except two_step.BadCode as bad:
            form.add_error("code", str(bad))
        else:
            del request.session[KEY]
            return _codes(request, codes, fresh=True)
    elif two_step.state(user).on:
        return redirect("web:security")
    if not key:
        key = request.session[KEY] = two_step.new_key()
        form = CodeForm()
    svg = base64.b64encode(two_step.picture(user, key).encode()).decode()
    spaced = " ".join(key[place : place + 4] for place in range(0, len(key), 4))
    context = {"form": form, "key": spaced, "picture": f"data:image/svg+xml;base64,{svg}"}
    template = "web/settings/two_step_required.html" if two_step.missing(user) else "web/settings/two_step.html"
    return render(request, template, context, status=422 if form.errors else 200)


@require_POST
@signed_in
@reauthentication_required()
def turn_off(request: Request) -> HttpResponse:
    if two_step.required_of(request.user):
        messages.error(request, _("Two-step sign-in is required here: it stays on."))
    elif two_step.switch_off(request.user, by=request.user, now=timezone.now()):
        messages.success(request, _("Two-step sign-in is off: the password alone is enough again."))
    return redirect("web:security")


@require_POST
@signed_in
@reauthentication_required()
def renew_codes(request: Request) -> HttpResponse:
    try:
        codes = two_step.renew_codes(request.user, now=timezone.now())
    except two_step.BadCode as off:
        messages.error(request, str(off))
        return redirect("web:security")
    return _codes(request, codes, fresh=False)


def _codes(request: Request, codes: list[str], *, fresh: bool) -> HttpResponse:
    return render(request, "web/settings/two_step_codes.html", {"codes": codes, "fresh": fresh})


@require_POST
@signed_in
def end_device(request: Request, pk: int) -> HttpResponse:
    """Ends one session; of the one that asks it is a sign-out."""
    row: Any = get_object_or_404(UserSession, pk=pk, user=request.user)
    if row.session_key == request.session.session_key:
        logout(request)
        return redirect("account_login")
    devices.end(row)
    messages.success(request, _("Signed out there: %(device)s.") % {"device": device_names.named(row.user_agent)})
    return redirect("web:security")


@require_POST
@signed_in
def end_others(request: Request) -> HttpResponse:
    ended = devices.end_others(request.user, but=request.session.session_key or "", now=timezone.now())
    if ended:
        text = ngettext("Signed out on %(n)s other device.", "Signed out on %(n)s other devices.", ended) % {"n": ended}
    else:
        text = _("You are signed in nowhere else.")
    messages.success(request, text)
    return redirect("web:security")
