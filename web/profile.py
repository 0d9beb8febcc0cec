"""One's own name, time zone and theme."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from people.audited import MEMBER
from people.models import User
from web.access import Request, signed_in


def zones(known: str) -> list[tuple[str, str]]:
    """Time zones to choose from, the one that is set among them."""
    names = {name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix"))}
    return [(name, name) for name in ("UTC", *sorted(names | ({known} - {"", "UTC"})))]


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("first_name", "last_name", "timezone")
        labels = {"timezone": gettext_lazy("Time zone")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own, of_team = self.instance.timezone, _("The team's: %(zone)s") % {"zone": self.instance.team.timezone}
        self.fields["timezone"].widget = forms.Select(choices=[("", of_team), *zones(own)])


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        with MEMBER.changing(request.user, by=request.user, now=timezone.now()):
            form.save()
        messages.success(request, _("Saved."))
        return redirect("web:profile")
    return render(request, "web/settings/profile.html", {"form": form}, status=422 if form.errors else 200)
