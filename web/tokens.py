"""API tokens: make one, see its secret once, revoke it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from people import tokens
from people.models import ApiToken
from web.access import Request, signed_in

ALL, SOME = "all", "some"


class TokenForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What it is for"), max_length=100)
    days = forms.TypedChoiceField(
        label=gettext_lazy("Valid for"),
        coerce=int,
        choices=[(30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("One year"))],
        initial=365,
    )
    reach = forms.ChoiceField(
        label=gettext_lazy("What it may do"),
        choices=[(ALL, gettext_lazy("Everything I may")), (SOME, gettext_lazy("Only some of it"))],
        initial=ALL,
        widget=forms.RadioSelect,
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Only this"),
        choices=[(scope, scope) for scope in tokens.SCOPES if scope != tokens.ALL],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def clean(self) -> dict[str, Any]:
        """The scopes as `people.tokens` takes them."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("reach") == ALL:
            given["scopes"] = [tokens.ALL]
        elif not given.get("scopes"):
            self.add_error("scopes", _("Choose at least one."))
        given.pop("reach", None)
        return given


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    """The list and the form. The answer to a valid form is the only page that ever holds the secret."""
    form, secret, now = TokenForm(request.POST or None), "", timezone.now()
    if request.method == "POST" and form.is_valid():
        _token, secret = tokens.issue(request.user, by=request.user, now=now, **form.cleaned_data)
        form = TokenForm()
    kept = ApiToken.objects.visible_to(request.user).order_by("-created_at")
    context = {"form": form, "secret": secret, "tokens": kept, "now": now}
    return render(request, "web/settings/tokens.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def revoke(request: Request, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user), pk=pk)
    tokens.revoke(token, by=request.user, now=timezone.now())
    messages.success(
        request, _("Revoked: %(name)s. Programs that use it are refused from now on.") % {"name": token.name}
    )
    return redirect("web:tokens")
