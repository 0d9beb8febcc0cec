"""What one wants to hear of outside the product, when one wants to be left alone, and what was sent."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_http_methods, require_POST

from automation import muting
from notifications import kinds, mutes, preferences
from notifications.models import Delivery, Mute, Preference
from notifications.routing import CHANNELS, NOW, OFF, WISHES
from people.models import User
from web import place_forms
from web.access import Request, signed_in

SHOWN = 20


class QuietForm(forms.Form):
    """Both times, or neither."""

    starts = forms.TimeField(
        label=gettext_lazy("From"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    ends = forms.TimeField(
        label=gettext_lazy("Until"), required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and (found["starts"] is None) != (found["ends"] is None):
            raise ValidationError(_("Give both times, or leave both empty."))
        return found

    @property
    def quiet(self) -> preferences.Quiet | None:
        found = self.cleaned_data
        return None if found["starts"] is None else (found["starts"], found["ends"])


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    user = request.user
    form = QuietForm(request.POST or None, initial=_initial(user))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            preferences.choose(user, _chosen(request, user))
            preferences.be_quiet(user, form.quiet)
        messages.success(request, _("Saved."))
        return redirect("web:notices")
    return shown(request, form=form)


@require_POST
@signed_in
def mute(request: Request) -> HttpResponse:
    """Mutes a contact or what a rule makes, or lets it be heard again; back to where it was pressed."""
    user, subject, on = request.user, request.POST.get("subject", ""), request.POST.get("on") == "1"
    if on and subject not in muting.named(user, [subject]):
        raise Http404
    if on:
        mutes.mute(user, subject, now=timezone.now())
        messages.success(request, _("Muted: the inbox keeps it, as read."))
    else:
        mutes.unmute(user, subject)
        messages.success(request, _("You hear of it again."))
    back = request.POST.get("back", "")
    ours = url_has_allowed_host_and_scheme(back, None) and back.startswith("/")
    return HttpResponseRedirect(back) if ours else redirect("web:notices")


def mute_of(user: User, subject: str) -> dict[str, Any]:
    """What the button of a page says and does."""
    return {"subject": subject, "on": Mute.objects.filter(user=user, subject=subject).exists()}


def shown(
    request: Request,
    *,
    form: QuietForm | None = None,
    bound: tuple[str, place_forms.PlaceForm] | None = None,
    chosen: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page, with the form that was refused in its place."""
    user = request.user
    form = form or QuietForm(initial=_initial(user))
    context = _context(user, form) | {"cards": place_forms.cards(user, chosen or request.GET, bound)}
    return render(request, "web/settings/notices.html", context, status=422 if form.errors or bound else 200)


def _chosen(request: Request, user: User) -> preferences.Wishes:
    """What the selects of the page say; one that is missing or says something else changes nothing."""
    return {
        one.code: {name: wish for name in CHANNELS if (wish := request.POST.get(f"{name}_{one.code}", "")) in WISHES}
        for one in kinds.for_user(user)
    }


def _initial(user: User) -> dict[str, Any]:
    quiet = preferences.quiet_of(user)
    return dict(zip(("starts", "ends"), quiet, strict=True)) if quiet else {}


def _context(user: User, form: QuietForm) -> dict[str, Any]:
    wanted = preferences.of(user)
    return {
        "form": form,
        "channels": CHANNELS.values(),
        "kinds": [
            {"kind": kind, "by": [(channel, wanted[kind.code][name]) for name, channel in CHANNELS.items()]}
            for kind in kinds.for_user(user)
        ],
        "wishes": [
            (OFF, pgettext("how one hears of something", "Never")),
            (NOW, _("At once")),
            (Preference.DAILY, _("Daily")),
            (Preference.WEEKLY, _("Weekly")),
        ],
        "muted": muting.of(user),
        "mails": settings.MAILS,
        "deliveries": Delivery.objects.filter(user=user).select_related("notification").order_by("-created_at")[:SHOWN],
    }
