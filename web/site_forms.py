"""Forms on other sites: each with its address, the snippet to paste, where its fields go, and a try; for managers."""

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

from crm import forms as submissions
from crm.audited import FORM
from crm.models import InboundForm
from people import rights
from people.models import User
from web import arriving, live
from web.access import Request, signed_in

SAMPLES = {"name": "Ada Example", "email": arriving.SAMPLE_EMAIL, "phone": "+49 30 1234567", "company": "Example Ltd"}
USUAL = {"name": "name", "email": "email", "message": "data.message"}
"""Fields of the snippet while the form has no mapping: they go where they say."""
COLUMNS = (
    "name",
    "owner",
    "mapping",
    "honeypot",
    "allowed_origins",
    "redirect_url",
    "creates_contacts",
    "rate_per_minute",
    "is_active",
)


class SiteForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What you call it"), max_length=100)
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Whose contacts it makes"), queryset=User.objects.none(), required=False
    )
    mapping = forms.CharField(
        label=gettext_lazy("Where its fields go"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "E-Mail = email\nBudget = data.budget"}),
        help_text=gettext_lazy("A line a field: its name = name, email, phone, company, or data. and a name."),
    )
    honeypot = forms.CharField(
        label=gettext_lazy("Trap"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("A field that people do not see. Whoever fills it in is thanked and forgotten."),
    )
    redirect_url = forms.CharField(label=gettext_lazy("Where people go afterwards"), max_length=200, required=False)
    allowed_origins = forms.CharField(
        label=gettext_lazy("Sites whose scripts may post"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "https://www.example.org"}),
        help_text=gettext_lazy("One a line; needed for scripts alone."),
    )
    rate_per_minute = forms.IntegerField(label=gettext_lazy("Most a minute"), min_value=1, max_value=10_000, initial=60)
    creates_contacts = forms.BooleanField(
        label=gettext_lazy("Make a contact of whoever is not known"), required=False, initial=True
    )
    is_active = forms.BooleanField(
        label=gettext_lazy("Switched on: what is sent is taken"), required=False, initial=True
    )

    def __init__(self, data: Any = None, *, row: InboundForm, user: User) -> None:
        initial = {name: getattr(row, name) for name in COLUMNS}
        initial["mapping"] = "\n".join(f"{name} = {target}" for name, target in row.mapping.items())
        initial["allowed_origins"] = "\n".join(str(one) for one in row.allowed_origins)
        super().__init__(data, initial=initial)
        self.row = row
        owner: Any = self.fields["owner"]
        owner.queryset = User.objects.visible_to(user).active().order_by("first_name", "username")
        owner.label_from_instance = lambda person: person.display_name
        owner.empty_label = _("Nobody's")

    def clean_mapping(self) -> dict[str, str]:
        pairs = {}
        for line in self.cleaned_data["mapping"].splitlines():
            if line.strip():
                name, sign, target = line.rpartition("=")
                if not sign or not name.strip():
                    raise forms.ValidationError(
                        _("“%(line)s” has no = between the field and where it goes.") % {"line": line.strip()[:60]}
                    )
                pairs[name.strip()] = target.strip()
        return pairs

    def clean_allowed_origins(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["allowed_origins"].splitlines() if line.strip()]

    def clean(self) -> dict[str, Any]:
        """Kept in the row when the domain takes it."""
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            for name in COLUMNS:
                setattr(self.row, name, given[name])
            try:
                submissions.check(self.row)
            except submissions.BadForm as bad:
                self.add_error(bad.field if bad.field in self.fields else None, str(bad))
        return given


class NewForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What you call it"), max_length=100)


@require_http_methods(["GET", "POST"])
@signed_in
def index(request: Request) -> HttpResponse:
    user, now = _manager(request), timezone.now()
    form = NewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        row = InboundForm(team_id=user.team_id, owner=user, honeypot="website", **form.cleaned_data)
        with FORM.changing(row, by=user, now=now):
            row.save()
        messages.success(request, _("The form has its address: paste the snippet into your site."))
        return redirect("web:form", row.pk)
    rows = list(InboundForm.objects.filter(team_id=user.team_id).order_by("pk"))
    seen = arriving.last_seen(user, [f"form:{row.pk}" for row in rows], now=now)
    context = {"form": form, "site_forms": [(row, seen.get(f"form:{row.pk}")) for row in rows]}
    return render(request, "web/settings/forms.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request, pk: int) -> HttpResponse:
    row = _of(request, pk)
    if request.method == "POST":
        with FORM.changing(row, by=request.user, now=timezone.now()):
            form = SiteForm(request.POST, row=row, user=request.user)
            if form.is_valid():
                row.save(update_fields=list(COLUMNS))
        if not form.errors:
            messages.success(request, _("Saved."))
            return redirect("web:form", pk)
        return render(request, "web/settings/form.html", _context(request, _of(request, pk), form), status=422)
    form = SiteForm(row=row, user=request.user)
    return live.page(request, "web/settings/form.html", "web/settings/arrived.html", _context(request, row, form))


@require_POST
@signed_in
def test(request: Request, pk: int) -> HttpResponse:
    """Ada Example fills the form in; what she sends is taken as every submission is."""
    row = _of(request, pk)
    values = {name: SAMPLES.get(target, _("A sample")) for name, target in (row.mapping or USUAL).items()}
    try:
        sent = submissions.submit(row, values, now=timezone.now())
    except submissions.BadSubmission as bad:
        messages.error(request, str(bad))
        return redirect("web:form", pk)
    way = redirect("web:form", pk)
    way["Location"] += f"?event={sent.activity_id}#test"
    return way


@require_POST
@signed_in
def delete(request: Request, pk: int) -> HttpResponse:
    row = _of(request, pk)
    with FORM.changing(row, by=request.user, now=timezone.now()):
        row.delete()
    messages.success(request, _("Deleted: %(name)s. It takes nothing any more.") % {"name": row.name})
    return redirect("web:forms")


def _context(request: Request, row: InboundForm, form: SiteForm) -> dict[str, Any]:
    source = f"form:{row.pk}"
    return {
        "site_form": row,
        "form": form,
        "address": f"{settings.BASE_URL}/hooks/forms/{row.key}",
        "fields": [(name, target == "email") for name, target in (row.mapping or USUAL).items()],
        "seen": arriving.last_seen(request.user, [source], now=timezone.now()).get(source),
        **arriving.way_of(request.user, request.GET.get("event", ""), source),
    }


def _of(request: Request, pk: int) -> InboundForm:
    rows = InboundForm.objects.filter(team_id=_manager(request).team_id).select_related("team", "owner")
    return get_object_or_404(rows, pk=pk)


def _manager(request: Request) -> User:
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers see and change forms."))
    return request.user
