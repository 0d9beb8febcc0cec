"""Rules, sequences and campaigns as one YAML file, brought in after a look at what that would change."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from automation.exchange import parsing, reading, reverting
from automation.exchange.reports import Refusal, Report
from web import answers, undoing, words
from web.access import Request, signed_in

BACK = "/automations/task-scheduling"
KINDS = {
    "rule": words.Word(gettext_lazy("Rule"), "workflow"),
    "sequence": words.Word(gettext_lazy("Sequence"), "list-ordered"),
    "campaign": words.Word(gettext_lazy("Campaign"), "megaphone"),
}
VERDICTS = {
    "created": words.Word(gettext_lazy("New, switched off"), "plus", "good"),
    "updated": words.Word(gettext_lazy("Changes"), "pencil", "warn"),
    "differing": words.Word(gettext_lazy("Differs, stays as it is"), "equal-not"),
    "unchanged": words.Word(gettext_lazy("The same"), "equal"),
}


class FileForm(forms.Form):
    """The document as a file, or as text, which can be mended on the page."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,text/yaml"}),
        error_messages={"empty": gettext_lazy("The file is empty: choose another.")},
    )
    document = forms.CharField(
        label=gettext_lazy("Or its text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "class": "code", "spellcheck": "false"}),
    )
    update = forms.BooleanField(
        label=gettext_lazy("Change what is there and differs"),
        required=False,
        help_text=gettext_lazy("Else it is only listed. Nothing is ever deleted."),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None and file.size > parsing.MOST_BYTES:
            raise forms.ValidationError(_("The file is over %(n)s MB: send it in parts.") % {"n": 1})
        return file

    def clean(self) -> dict[str, Any]:
        """The document's text, whichever way it came; a file goes before what stood in the field."""
        given: dict[str, Any] = super().clean() or {}
        if not self.errors:
            file = given.get("file")
            text = file.read() if file is not None else given.get("document", "").replace("\r\n", "\n")
            if not text.strip():
                raise forms.ValidationError(_("Choose a file, or put its text in."))
            try:
                given["document"] = text.decode("utf-8-sig") if isinstance(text, bytes) else text
            except UnicodeDecodeError:
                self.add_error("file", _("The file is not UTF-8: save it as UTF-8."))
        return given


@dataclass(frozen=True)
class Line:
    """One entry of the file, and what becomes of it."""

    kind: words.Word
    verdict: words.Word
    entry: Any


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    """Chooses a file and compares; what was compared is brought in by a second click, and nothing before."""
    form = FileForm(request.POST or None, request.FILES or None)
    if not (request.method == "POST" and form.is_valid()):
        return _shown(request, form)
    text, update = form.cleaned_data["document"], form.cleaned_data["update"]
    dry_run = request.POST.get("do") != "import"
    form = FileForm({"document": text, "update": update})  # what came as a file stands in the field now, to be mended
    now = timezone.now()
    was = {} if dry_run else reverting.state(request.user, now=now)
    try:
        report = reading.bring_in(text, by=request.user, now=now, update=update, dry_run=dry_run)
    except parsing.BadDocument as bad:
        form.add_error("document", str(bad))
        return _shown(request, form)
    if dry_run or report.refused:
        if _to_come(report) and not dry_run:  # the others were brought in
            messages.success(request, _told(report), extra_tags=f"{answers.UNDO}{_undo(request, report, was)}")
        return _shown(request, form, report, text)
    return answers.done(request, _told(report), undo=_undo(request, report, was), back=BACK)


def _undo(request: Request, report: Report, was: reverting.State) -> str:
    since = reverting.state(request.user, now=timezone.now())
    return undoing.note_of_import(request.user, reverting.steps(report, was, since))


def _shown(request: Request, form: FileForm, report: Report | None = None, text: str = "") -> HttpResponse:
    context: dict[str, Any] = {"form": form, "report": report, "compared": text}
    if report is not None:
        context |= {"lines": _lines(report), "refused": _refused(report, text), "to_come": _to_come(report)}
    return render(request, "web/rules/file.html", context, status=422 if form.errors else 200)


def _lines(report: Report) -> list[Line]:
    return [
        Line(KINDS[entry.kind], verdict, entry) for name, verdict in VERDICTS.items() for entry in getattr(report, name)
    ]


def _refused(report: Report, text: str) -> list[tuple[Refusal, str]]:
    """Each with the line of the text that it is about."""
    lines = text.splitlines()
    return [(one, lines[one.line - 1].strip() if one.line and one.line <= len(lines) else "") for one in report.refused]


def _to_come(report: Report) -> int:
    return len(report.created) + len(report.updated)


def _told(report: Report) -> str:
    made, changed = len(report.created), len(report.updated)
    if not made and not changed:
        return _("All of it was there already.")
    parts = []
    if made:
        text = ngettext("%(n)s is new, and switched off.", "%(n)s are new, and switched off.", made)
        parts.append(text % {"n": made})
    if changed:
        parts.append(ngettext("%(n)s was changed.", "%(n)s were changed.", changed) % {"n": changed})
    return " ".join([_("Imported:"), *parts])
