"""Where events come from: the addresses that mail providers post to, and how a CRM is connected; for managers."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from crm import intake, providers
from crm.audited import SOURCE
from crm.models import Activity, InboundSource, new_secret
from people import rights
from people.models import User
from web import arriving, live, words
from web.access import Request, signed_in
from web.provider_steps import STEPS

EVENTS = (Activity.EMAIL_OPENED, Activity.EMAIL_CLICKED, Activity.EMAIL_REPLIED, Activity.EMAIL_BOUNCED)


class NewForm(forms.Form):
    provider = forms.ChoiceField(
        label=gettext_lazy("Mail provider"), choices=[(one.name, one.title) for one in providers.PROVIDERS.values()]
    )
    name = forms.CharField(label=gettext_lazy("What you call it"), max_length=100)


class SourceForm(forms.Form):
    """Name and keys. A key is never shown: left empty it stays, `take_away` names those to remove."""

    name = forms.CharField(label=gettext_lazy("What you call it"), max_length=100)
    creates_contacts = forms.BooleanField(
        label=gettext_lazy("Make a contact of an address that nobody has; else the event waits in the list"),
        required=False,
    )

    def __init__(self, row: InboundSource, data: Any = None) -> None:
        super().__init__(data, initial={"name": row.name, "creates_contacts": row.creates_contacts})
        self.row = row
        provider = providers.PROVIDERS.get(row.provider)
        self.names = [name for name in (provider.keys if provider else ()) if not isinstance(row.keys.get(name), dict)]
        for name in self.names:
            is_set = name in row.keys
            self.fields[f"key_{name}"] = forms.CharField(
                label=name.replace("_", " ").capitalize(),
                required=False,
                max_length=4000,
                widget=forms.PasswordInput(attrs={"autocomplete": "off", "placeholder": "••••" if is_set else ""}),
            )
        kept = [(name, name.replace("_", " ").capitalize()) for name in self.names if name in row.keys]
        self.fields["take_away"] = forms.MultipleChoiceField(
            label=_("Take away"), choices=kept, required=False, widget=forms.CheckboxSelectMultiple
        )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        sent = {name: given[f"key_{name}"] for name in self.names if given.get(f"key_{name}")}
        gone = set(given.get("take_away", []))
        keys = {name: value for name, value in (self.row.keys | sent).items() if name not in gone}
        try:
            providers.check_keys(self.row.provider, keys)
        except providers.BadKeys as bad:
            self.add_error(None, str(bad))
        return given | {"keys": keys}

    @property
    def key_fields(self) -> list[forms.BoundField]:
        return [self[f"key_{name}"] for name in self.names]


class TestForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("What happens"))
    email = forms.EmailField(label=gettext_lazy("To whom"), initial=arriving.SAMPLE_EMAIL)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        kind: Any = self.fields["kind"]
        kind.choices = [(one, words.ACTIVITIES[one].label) for one in EVENTS]


@require_http_methods(["GET", "POST"])
@signed_in
def index(request: Request) -> HttpResponse:
    user, now = _manager(request), timezone.now()
    form = NewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row = InboundSource(team_id=user.team_id, **form.cleaned_data)
        with SOURCE.changing(row, by=user, now=now):
            row.save()
        return _shown(request, row, fresh=True)
    rows = list(InboundSource.objects.filter(team_id=user.team_id).order_by("pk"))
    seen = arriving.last_seen(user, [row.provider for row in rows], now=now)
    context = {
        "form": form,
        "sources": [(row, _title(row), seen.get(row.provider)) for row in rows],
        "base": settings.BASE_URL,
    }
    return render(request, "web/settings/sources.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    row = _of(request, pk)
    form = SourceForm(row, request.POST or None)
    if request.method == "POST" and form.is_valid():
        with SOURCE.changing(row, by=request.user, now=timezone.now()):
            for name in ("name", "creates_contacts", "keys"):
                setattr(row, name, form.cleaned_data[name])
            row.save(update_fields=["name", "creates_contacts", "keys"])
        messages.success(request, _("Saved."))
        return redirect("web:source", pk)
    return _shown(request, row, form=form)


@require_POST
@signed_in
def renew(request: Request, pk: int) -> HttpResponse:
    """The answer is the only page that holds the new address; the old one answers no more."""
    row = _of(request, pk)
    with SOURCE.changing(row, by=request.user, now=timezone.now(), verb="renewed"):
        row.secret = new_secret()
        row.save(update_fields=["secret"])
    return _shown(request, row, fresh=True)


@require_POST
@signed_in
def test(request: Request, pk: int) -> HttpResponse:
    """A sample event goes the way of every event of the provider; the page shows what becomes of it."""
    row, form = _of(request, pk), TestForm(request.POST)
    if not form.is_valid():
        return _shown(request, row, trial=form)
    sample = intake.Incoming(
        form.cleaned_data["kind"],
        contact_email=form.cleaned_data["email"],
        source=row.provider,
        source_key=f"test:{uuid.uuid4()}",
        signal=Activity.HUMAN,
        data={"test": True},
    )
    recorded = intake.record(
        row.team, [sample], now=timezone.now(), unmatched=True, creates_contacts=row.creates_contacts
    )
    if recorded.rejected:
        messages.error(request, recorded.rejected[0].errors[0].message)
        return redirect("web:source", pk)
    way = redirect("web:source", pk)
    way["Location"] += f"?event={recorded.accepted[0]}#test"
    return way


@require_POST
@signed_in
def delete(request: Request, pk: int) -> HttpResponse:
    row = _of(request, pk)
    with SOURCE.changing(row, by=request.user, now=timezone.now()):
        row.delete()
    messages.success(request, _("Deleted: %(name)s. Its address answers no more.") % {"name": row.name})
    return redirect("web:sources")


def _shown(
    request: Request,
    row: InboundSource,
    *,
    form: SourceForm | None = None,
    trial: TestForm | None = None,
    fresh: bool = False,
) -> HttpResponse:
    provider = providers.PROVIDERS.get(row.provider)
    address = f"{settings.BASE_URL}/hooks/mail/{row.provider}/{row.secret if fresh else '••••••••'}"
    context: dict[str, Any] = {
        "source": row,
        "title": _title(row),
        "form": form or SourceForm(row),
        "trial": trial or TestForm(),
        "fresh": fresh,
        "address": address,
        "inbound": f"{address}/inbound" if provider is not None and provider.inbound is not None else "",
        "steps": STEPS.get(row.provider, ""),
        "seen": arriving.last_seen(request.user, [row.provider], now=timezone.now()).get(row.provider),
        **arriving.way_of(request.user, request.GET.get("event", ""), row.provider),
    }
    wrong = bool((form and form.errors) or trial)
    if fresh or wrong:
        return render(request, "web/settings/source.html", context, status=422 if wrong else 200)
    return live.page(request, "web/settings/source.html", "web/settings/arrived.html", context)


def _title(row: InboundSource) -> str:
    provider = providers.PROVIDERS.get(row.provider)
    return provider.title if provider is not None else row.provider


def _of(request: Request, pk: int) -> InboundSource:
    rows = InboundSource.objects.filter(team_id=_manager(request).team_id).select_related("team")
    return get_object_or_404(rows, pk=pk)


def _manager(request: Request) -> User:
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers see and change where events come from."))
    return request.user
