"""Where one is reached outside, and the accounts of the team for it: entered, confirmed, tried out, taken away."""

import uuid
from collections.abc import Mapping

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from notifications import addresses, gateways, trials
from notifications.channels import Channel, reporting
from notifications.models import Address, Delivery, Gateway, Sealed
from notifications.routing import CHANNELS
from notifications.services import PHONE, Invalid, Service
from people import rights
from people.models import User
from web import notices
from web.access import Request, signed_in
from web.place_forms import PlaceForm, card


@require_POST
@signed_in
def enter(request: Request, channel: str) -> HttpResponse:
    """Where one is reached by this channel."""
    user, now = request.user, timezone.now()
    services, row = _of(channel).addresses, Address.objects.filter(user=user, channel=channel).first()
    form, code = _posted(request, services, row, channel)
    if form.is_valid():
        try:
            given = addresses.give(user, channel, service=code, given=form.cleaned_data, now=now)
        except Invalid as wrong:
            form.refuse(wrong)
        except (trials.TooMany, trials.NoAddress) as why:
            form.add_error(None, str(why))
        else:
            sent = _("A code is on its way to this number: enter it here.")
            messages.success(request, _("Saved.") if given.confirmed_at else sent)
            return _back(channel)
    return notices.shown(request, bound=(channel, form), chosen={channel: code})


@require_POST
@signed_in
def confirm(request: Request, channel: str) -> HttpResponse:
    try:
        addresses.confirm(request.user, channel, code=request.POST.get("code", "")[:20], now=timezone.now())
    except Address.DoesNotExist:
        raise Http404 from None
    except addresses.WrongCode as wrong:
        messages.error(request, str(wrong))
    else:
        messages.success(request, _("Confirmed: notices reach you there from now on."))
    return _back(channel)


@require_POST
@signed_in
def remove(request: Request, channel: str) -> HttpResponse:
    if addresses.take_away(request.user, _of(channel).name, by=request.user, now=timezone.now()):
        messages.success(request, _("Taken away: nothing goes there any more."))
    return _back(channel)


@require_POST
@signed_in
def test(request: Request, channel: str) -> HttpResponse:
    """Sends oneself a test, or a new code; the answer says how it went as soon as it is known."""
    if channel not in CHANNELS:
        raise Http404
    try:
        delivery = trials.send(request.user, channel, now=timezone.now())
    except (trials.TooMany, trials.NoAddress) as why:
        if request.htmx:
            return render(request, "web/settings/trial.html", {"why": str(why)})
        messages.error(request, str(why))
        return _back(channel)
    if request.htmx:
        return render(request, "web/settings/trial.html", {"delivery": delivery})
    messages.success(request, _("It is on its way: how it went is listed below."))
    return _back(channel)


@require_GET
@signed_in
def trial(request: Request, pk: uuid.UUID) -> HttpResponse:
    """How a test went; asks again while that is not known."""
    delivery = get_object_or_404(Delivery.objects.filter(user=request.user), pk=pk)
    return render(request, "web/settings/trial.html", {"delivery": delivery})


@require_GET
@signed_in
def accounts(request: Request) -> HttpResponse:
    return _accounts(request)


@require_POST
@signed_in
def enter_account(request: Request, channel: str) -> HttpResponse:
    """The team's account for this channel."""
    services, row = _managed(request, channel)
    form, code = _posted(request, services, row, channel)
    if form.is_valid():
        try:
            gateways.enter(
                request.user.team,
                channel,
                service=code,
                given=form.cleaned_data,
                by=request.user,
                now=timezone.now(),
            )
        except Invalid as wrong:
            form.refuse(wrong)
        else:
            messages.success(request, _("Saved. Try it with a test to yourself, under Notifications."))
            return redirect("web:accounts")
    return _accounts(request, bound=(channel, form), chosen={channel: code})


@require_POST
@signed_in
def remove_account(request: Request, channel: str) -> HttpResponse:
    row = _managed(request, channel)[1]
    if row is not None:
        gateways.remove(row, by=request.user, now=timezone.now())
        messages.success(request, _("Taken away: nobody is reached by it any more."))
    return redirect("web:accounts")


def _accounts(
    request: Request, bound: tuple[str, PlaceForm] | None = None, chosen: Mapping[str, str] | None = None
) -> HttpResponse:
    _need_manager(request.user)
    known = {row.channel: row for row in Gateway.objects.visible_to(request.user)}
    asked = chosen or request.GET
    found = [
        card(
            channel,
            channel.gateways,
            known.get(name),
            asked.get(name, ""),
            bound,
            reports_to=reporting.address_of(request.user.team_id, name),
        )
        for name, channel in CHANNELS.items()
        if channel.gateways
    ]
    return render(request, "web/settings/accounts.html", {"cards": found}, status=422 if bound else 200)


def _managed(request: Request, channel: str) -> tuple[Mapping[str, Service], Gateway | None]:
    _need_manager(request.user)
    found = CHANNELS.get(channel)
    if found is None or not found.gateways:
        raise Http404
    return found.gateways, Gateway.objects.visible_to(request.user).filter(channel=channel).first()


def _need_manager(user: User) -> None:
    if not rights.may(user, "manage_team"):
        raise PermissionDenied(_("Only managers see the team's accounts."))


def _posted(
    request: Request, services: Mapping[str, Service], row: Sealed | None, channel: str
) -> tuple[PlaceForm, str]:
    """The form that was sent, and the code of its service."""
    code = request.POST.get("service", "") or PHONE.code
    if code not in services:
        raise Http404
    return PlaceForm(services[code], row, channel, request.POST), code


def _of(channel: str) -> Channel:
    found = CHANNELS.get(channel)
    if found is None or not found.addresses:
        raise Http404
    return found


def _back(channel: str) -> HttpResponse:
    return redirect(f"{reverse('web:notices')}#{channel}")
