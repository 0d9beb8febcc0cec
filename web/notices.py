"""What one wants to hear of outside the product, when one wants to be left alone, and what was sent."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from notifications import kinds, preferences
from notifications.models import Delivery
from notifications.routing import CHANNELS
from people.models import User
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
    quiet = preferences.quiet_of(user)
    form = QuietForm(request.POST or None, initial=dict(zip(("starts", "ends"), quiet, strict=True)) if quiet else None)
    if request.method == "POST" and form.is_valid():
        ticked = {(kind, channel) for channel in CHANNELS for kind in request.POST.getlist(channel)}
        with transaction.atomic():
            preferences.choose(
                user,
                {one.code: {name: (one.code, name) in ticked for name in CHANNELS} for one in kinds.for_user(user)},
            )
            preferences.be_quiet(user, form.quiet)
        messages.success(request, _("Saved."))
        return redirect("web:notices")
    return render(request, "web/settings/notices.html", _shown(user, form), status=422 if form.errors else 200)


def _shown(user: User, form: QuietForm) -> dict[str, Any]:
    chosen = preferences.of(user)
    return {
        "form": form,
        "kinds": [{"kind": kind, "mailed": chosen[kind.code]["email"]} for kind in kinds.for_user(user)],
        "mails": settings.MAILS,
        "deliveries": Delivery.objects.filter(user=user).select_related("notification").order_by("-created_at")[:SHOWN],
    }
