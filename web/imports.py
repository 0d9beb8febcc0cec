"""Bringing in a file: chosen, its columns mapped, compared with what is there, carried out while one watches."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.files import imports
from crm.files.models import Import
from domain.files.reading import MOST_BYTES
from domain.files.sheets import TooLarge, Unreadable
from web import live
from web.access import Request, signed_in

LISTED = 5
DATED = frozenset({"due_date", "next_follow_up_at"})
DAY_FIRST = {"": None, "day": True, "month": False}
WORDS = {
    Import.CREATED: (gettext_lazy("New"), "good"),
    Import.UPDATED: (gettext_lazy("Changed"), "accent"),
    Import.UNCHANGED: (gettext_lazy("Unchanged"), ""),
    Import.DIFFERING: (gettext_lazy("Left as it is"), "warn"),
    Import.REFUSED: (gettext_lazy("Refused"), "bad"),
}
TITLES = {
    Import.CONTACTS: gettext_lazy("Import contacts"),
    Import.TASKS: gettext_lazy("Import tasks"),
}


ENCODINGS = (
    ("", gettext_lazy("Find out")),
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("cp1252", gettext_lazy("Western (Windows)")),
    ("cp850", gettext_lazy("Western (MS-DOS)")),
    ("mac_roman", gettext_lazy("Western (Macintosh)")),
    ("cp1250", gettext_lazy("Central European (Windows)")),
    ("cp1251", gettext_lazy("Cyrillic (Windows)")),
    ("koi8_r", gettext_lazy("Cyrillic (KOI8)")),
    ("cp1253", gettext_lazy("Greek (Windows)")),
    ("cp1254", gettext_lazy("Turkish (Windows)")),
    ("shift_jis", gettext_lazy("Japanese (Shift JIS)")),
    ("gb18030", gettext_lazy("Chinese (GB 18030)")),
)


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.vcf"}),
        error_messages={"empty": gettext_lazy("The file is empty: choose another.")},
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Letters"),
        choices=ENCODINGS,
        required=False,
        widget=forms.Select(attrs={"class": "in auto"}),
        help_text=gettext_lazy("Of CSV and vCard. Say it when umlauts and such came out wrong."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is over %(n)s MB: send it in parts.") % {"n": MOST_BYTES // 2**20})
        return file


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request, kind: str) -> HttpResponse:
    """Chooses a file; what cannot be read is told at once and not kept."""
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            row = imports.upload(
                file.read(),
                by=request.user,
                kind=kind,
                now=timezone.now(),
                file_name=file.name,
                encoding=form.cleaned_data["encoding"],
            )
        except (Unreadable, TooLarge) as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("web:import", row.pk)
    mine = Import.objects.visible_to(request.user).filter(kind=kind).select_related("by").defer("content", "difference")
    context = {
        "form": form,
        "kind": kind,
        "title": TITLES[kind],
        "fields": imports.importer_of(kind).fields,
        "latest": mine.order_by("-created_at")[:LISTED],
    }
    return render(request, "web/imports/new.html", context, status=422 if form.errors else 200)


@require_GET
@signed_in
def page(request: Request, pk: uuid.UUID) -> HttpResponse:
    row = _mine(request, pk)
    samples = imports.samples(row)
    dated = DATED & set(row.mapping.values())
    context = {
        "row": row,
        "title": TITLES[row.kind],
        "fields": imports.importer_of(row.kind).fields,
        "columns": [
            (place, name, row.mapping.get(name, ""), " · ".join(samples[name]))
            for place, name in enumerate(row.columns)
        ],
        "counts": [(WORDS[verdict][0], row.count_of(verdict)) for verdict in Import.VERDICTS],
        "lines": _lines(row) if row.state == Import.CHECKED else [],
        "dated": bool(dated),
        "day_first": next(key for key, value in DAY_FIRST.items() if value == row.options.get("day_first")),
        "waits": row.state in (Import.READ, Import.CHECKED),
        "to_come": row.count_of(Import.CREATED) + row.count_of(Import.UPDATED),
    }
    return live.page(request, "web/imports/page.html", "web/imports/import.html", context)


def _lines(row: Import) -> list[dict[str, Any]]:
    """What the comparison found, with the fields by the names that people know them by."""
    labels = {field.name: field.label for field in imports.importer_of(row.kind).fields}
    labels["contact_id"] = labels.get("contact", "")
    lines = []
    for line in row.difference:
        if line["verdict"] != Import.REFUSED:
            changes = [(labels.get(name, name), *_told(name, pair)) for name, pair in line["changes"].items()]
            told = [one for one in changes if line["verdict"] != Import.CREATED or one[2] != line["name"]]
            lines.append({**line, "word": WORDS[line["verdict"]], "changes": told})
    return lines


def _told(name: str, pair: list[Any]) -> list[Any]:
    """Instants in the time of whoever looks."""
    if name not in DATED:
        return pair
    return [timezone.localtime(datetime.fromisoformat(one)).strftime("%Y-%m-%d %H:%M") if one else one for one in pair]


@require_POST
@signed_in
def mapping(request: Request, pk: uuid.UUID) -> HttpResponse:
    """Keeps the columns and options of the form, and compares."""
    row = _mine(request, pk)
    chosen = {name: request.POST.get(f"column_{place}", "") for place, name in enumerate(row.columns)}
    options = {
        "update": request.POST.get("update") == "1",
        "day_first": DAY_FIRST.get(request.POST.get("day_first", "")),
    }
    return _done(
        request, pk, lambda: imports.check(imports.change(row, mapping=chosen, options=options), now=timezone.now())
    )


@require_POST
@signed_in
def run(request: Request, pk: uuid.UUID) -> HttpResponse:
    return _done(request, pk, lambda: imports.run(_mine(request, pk), now=timezone.now()))


@require_POST
@signed_in
def cancel(request: Request, pk: uuid.UUID) -> HttpResponse:
    return _done(request, pk, lambda: imports.cancel(_mine(request, pk), now=timezone.now()))


def _done(request: Request, pk: uuid.UUID, verb: Callable[[], Import]) -> HttpResponse:
    try:
        verb()
    except (imports.WrongState, Unreadable) as refusal:
        messages.error(request, str(refusal))
    return redirect("web:import", pk)


def _mine(request: Request, pk: uuid.UUID) -> Import:
    rows = Import.objects.visible_to(request.user).select_related("by__team", "team").defer("content")
    return get_object_or_404(rows, pk=pk)
