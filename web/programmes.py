"""Sequences and campaigns: the list, one with its line in time and who stands where, and enrolling; for both alike."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from automation import programmes
from automation.models import Campaign, Enrolment, Sequence
from automation.programmes import BadProgramme, Programme, enrolling, migrating, outlines, standing
from automation.programmes.eligibility import Refused
from automation.programmes.enrolling import Prospect, Wish
from crm.models import Contact
from people import hours
from people.models import User
from web import enrolments, live, notices, paging, step_lines
from web.access import Request, signed_in
from web.programme_forms import SAVE, Editor
from web.words import Word

MOST_LISTED = 500
MOST_MOVES = 25

Text = str | Promise
CHANGES = {
    migrating.KEPT: Word(gettext_lazy("Stays"), "equal"),
    migrating.MOVED: Word(gettext_lazy("Moves"), "move-right", "accent"),
    migrating.NEW: Word(gettext_lazy("Is new"), "plus", "good"),
    migrating.PASSED: Word(gettext_lazy("Skipped: its date is past"), "circle-slash", "warn"),
    migrating.REMOVED: Word(gettext_lazy("Is no step any more"), "trash-2", "warn"),
}


@dataclass(frozen=True)
class Words:
    plural: Text
    lead: Text
    new: Text
    new_lead: Text
    icon: str
    none: Text
    first: Text
    about: Text
    created: Text


@dataclass(frozen=True)
class Kind:
    """What sequences have of their own, or campaigns: the rows, the form and the verbs of the domain."""

    name: str
    """Of their addresses, with an s in the plural."""
    model: type[Sequence] | type[Campaign]
    editor: type[Editor]
    create: Callable[..., Programme]
    update: Callable[..., Programme]
    copy: Callable[..., Programme]
    steps: Callable[[list[Any]], dict[int, list[str]]]
    """The keys of the steps of many, unjudged, by the id of the whole; in at most one query."""
    words: Words
    ready: Callable[[Request], list[tuple[str, Any, Any]]] | None = None
    """Ready-made ones that can be taken: key, name, what they are."""

    def url(self, what: str = "", *args: Any) -> str:
        return reverse(f"web:{self.name}{what}", args=args)


class EnrolForm(forms.Form):
    contact = forms.ModelChoiceField(
        label=gettext_lazy("Contact"),
        queryset=Contact.objects.none(),
        empty_label=gettext_lazy("Choose a contact"),
    )
    start_at = forms.DateTimeField(
        label=gettext_lazy("Start"),
        required=False,
        help_text=gettext_lazy("Empty is now"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The select lists the first by name; any contact one may see is accepted (its page may link here with its id).
        contact: Any = self.fields["contact"]
        contact.queryset = visible = Contact.objects.visible_to(user)
        listed = list(visible.order_by("name").values_list("pk", "name")[: MOST_LISTED + 1])
        if len(listed) > MOST_LISTED:
            listed.pop()
            contact.help_text = _("Only the first %(n)s by name are listed: enrol another from its own page.") % {
                "n": MOST_LISTED
            }
        chosen = str(self.data.get("contact") or "")
        if chosen.isdecimal() and len(chosen) < 19 and int(chosen) not in dict(listed):
            listed += visible.filter(pk=int(chosen)).values_list("pk", "name")
        contact.widget.choices = [("", contact.empty_label), *listed]

    def clean_start_at(self) -> datetime | None:
        start: datetime | None = self.cleaned_data["start_at"]
        if start is not None and start < timezone.now():
            raise forms.ValidationError(_("This lies in the past: leave it out to start now."))
        return start

    def wish(self, now: datetime) -> Wish:
        return Wish.of(now, start_at=self.cleaned_data["start_at"])


@require_GET
@signed_in
def index(request: Request, kind: Kind) -> HttpResponse:
    found = kind.model.objects.visible_to(request.user).select_related("owner")
    page = paging.of(found, "name", "id", cursor=request.GET.get("cursor", ""))
    figures = standing.figures(page.rows, Enrolment.objects.visible_to(request.user))
    known, wanted = kind.steps(page.rows), _wanted(request)
    shown = [
        {
            "row": row,
            "figures": figures[row.pk],
            "steps": len(known[row.pk]),
            "picture": step_lines.picture([figures[row.pk].by_step.get(key, 0) for key in known[row.pk]]),
            "url": kind.url("", row.pk) + (f"?contact={wanted.pk}#enrol" if wanted else ""),
        }
        for row in page.rows
    ]
    context = {
        "kind": kind,
        "page": page,
        "shown": shown,
        "ready": kind.ready(request) if kind.ready else [],
        "new_url": kind.url("-new"),
        "wanted": wanted,
    }
    return render(request, "web/sequences/index.html", context)


def _wanted(request: Request) -> Contact | None:
    """Whom somebody who comes from a contact's page wants to enrol."""
    asked = request.GET.get("contact", "")
    known = Contact.objects.visible_to(request.user)
    return known.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 19 else None


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: Request, kind: Kind) -> HttpResponse:
    def save(fields: dict[str, Any]) -> HttpResponse:
        row = kind.create(request.user, by=request.user, **fields)
        messages.success(request, str(kind.words.created))
        return redirect(kind.url("", row.pk))

    return _edited(request, kind, None, save)


@require_http_methods(["GET", "POST"])
@signed_in
def edit(request: Request, kind: Kind, pk: int) -> HttpResponse:
    row = _editable(request, kind, pk)

    def save(fields: dict[str, Any]) -> HttpResponse:
        saved = kind.update(row, by=request.user, now=timezone.now(), **fields)
        behind = migrating.left(saved)
        text = _("Saved.")
        if behind:
            text += " " + ngettext(
                "%(n)s contact finishes on the steps it started with.",
                "%(n)s contacts finish on the steps they started with.",
                behind,
            ) % {"n": behind}
        messages.success(request, text)
        return redirect(kind.url("", pk))

    return _edited(request, kind, row, save)


@require_GET
@signed_in
def page(request: Request, kind: Kind, pk: int) -> HttpResponse:
    row, now = _row(request, kind, pk), timezone.now()
    chosen = EnrolForm(request.GET if request.GET.get("contact") else None, user=request.user)
    context = {
        "kind": kind,
        "row": row,
        "may_edit": programmes.may_edit(request.user, row),
        "mute": notices.mute_of(request.user, f"{kind.name}:{row.pk}"),
        "endings": step_lines.endings(row),
        "form": chosen,
        "urls": _urls(kind, row),
        **_forecast(request, row, chosen, now),
        **_standing(request, kind, row, now),
    }
    return live.page(request, "web/sequences/page.html", "web/sequences/standing.html", context)


@require_GET
@signed_in
def forecast(request: Request, kind: Kind, pk: int) -> HttpResponse:
    """What enrolling the chosen contact would do, each date; a fragment."""
    row = _row(request, kind, pk)
    chosen = EnrolForm(request.GET, user=request.user)
    context = {"urls": _urls(kind, row), "form": chosen, **_forecast(request, row, chosen, timezone.now())}
    return render(request, "web/sequences/forecast.html", context)


@require_POST
@signed_in
def enrol(request: Request, kind: Kind, pk: int) -> HttpResponse:
    row, now = _row(request, kind, pk), timezone.now()
    form = EnrolForm(request.POST, user=request.user)
    if not form.is_valid():
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return redirect(kind.url("", pk))
    contact = form.cleaned_data["contact"]
    try:
        start = form.cleaned_data["start_at"]
        enrolling.enrol(row, contact, owner=request.user, start=start, now=now)
    except (Refused, BadProgramme) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Enrolled: %(name)s") % {"name": contact.name})
    return redirect(kind.url("", pk))


@require_POST
@signed_in
def switch(request: Request, kind: Kind, pk: int) -> HttpResponse:
    """On or off, as the button says. Off, nobody is enrolled and those under way are held."""
    row, on = _editable(request, kind, pk), request.POST.get("on") == "1"
    try:
        kind.update(row, by=request.user, now=timezone.now(), is_active=on)
    except BadProgramme as bad:
        messages.error(request, str(bad))
    else:
        messages.success(
            request,
            _("It is on: those that were held go on.") if on else _("It is off: those under way are held."),
        )
    return redirect(kind.url("", pk))


@require_POST
@signed_in
def copy(request: Request, kind: Kind, pk: int) -> HttpResponse:
    row = _row(request, kind, pk)
    try:
        made = kind.copy(row, owner=request.user)
    except BadProgramme as bad:
        messages.error(request, str(bad))
        return redirect(kind.url("", pk))
    messages.success(request, _("Copied. Change what you like; it is yours."))
    return redirect(kind.url("-edit", made.pk))


@require_POST
@signed_in
def archive(request: Request, kind: Kind, pk: int) -> HttpResponse:
    row = _editable(request, kind, pk)
    programmes.archive(row, by=request.user, now=timezone.now())
    messages.success(request, _("Deleted: %(name)s. Its tasks stay.") % {"name": row.name})
    return redirect(kind.url("s"))


@require_http_methods(["GET", "POST"])
@signed_in
def migrate(request: Request, kind: Kind, pk: int) -> HttpResponse:
    """What moving those under way to the newest steps would change; and doing it."""
    row, now = _editable(request, kind, pk), timezone.now()
    try:
        if request.method == "POST":
            moved, left = len(migrating.migrate(row, now=now)), migrating.left(row)
            messages.success(request, _moved(moved, left))
            return redirect(kind.url("-migrate" if left else "", pk))
        older = migrating.behind(row, outlines.of(row))
        behind, seen = older.count(), older.filter(pk__in=Enrolment.objects.visible_to(request.user).values("pk"))
        # Each costs a few queries to look into.
        moves = migrating.preview(row, list(seen.values_list("pk", flat=True)[:MOST_MOVES]), now=now)
    except BadProgramme as bad:
        messages.error(request, str(bad))
        return redirect(kind.url("", pk))
    shown = [(move, [_changed(move, change) for change in move.changes]) for move in moves]
    context = {"kind": kind, "row": row, "behind": behind, "moves": shown, "more": behind - len(moves)}
    return render(request, "web/sequences/migrate.html", context | {"urls": _urls(kind, row)})


def _changed(move: migrating.Move, change: migrating.Change) -> tuple[migrating.Change, str, Word]:
    return change, enrolments.title_for(move.enrolment.contact, change.title), CHANGES[change.change]


def _moved(moved: int, left: int) -> str:
    text = ngettext("%(n)s contact moved to the newest steps.", "%(n)s contacts moved to the newest steps.", moved)
    text %= {"n": moved}
    return f"{text} {_('%(n)s are left: move them, too.') % {'n': left}}" if left else text


def _edited(
    request: Request, kind: Kind, row: Programme | None, save: Callable[[dict[str, Any]], HttpResponse]
) -> HttpResponse:
    """The form: shown, its dates told, its steps rearranged, or saved."""
    now = timezone.now()
    if request.method == "GET":
        editor = kind.editor(request.user, row)
        return _form(request, kind, row, editor, now)
    if request.GET.get("show") == "dates" and request.htmx:
        editor = kind.editor(request.user, row, request.POST, "dates")
        return render(request, "web/sequences/dates.html", {"rows": editor.rows(now)})
    do = request.POST.get("do", SAVE)
    editor = kind.editor(request.user, row, request.POST, do)
    if do == SAVE and editor.is_valid():
        try:
            return save(editor.fields())
        except BadProgramme as bad:
            editor.take(bad.errors)
            if row is not None:
                row.refresh_from_db()
    return _form(request, kind, row, editor, now, status=422 if do == SAVE else 200)


def _form(
    request: Request, kind: Kind, row: Programme | None, editor: Editor, now: datetime, status: int = 200
) -> HttpResponse:
    context = {"kind": kind, "row": row, "editor": editor, "rows": editor.rows(now)}
    template = "web/sequences/editor.html" if request.htmx else "web/sequences/edit.html"
    return render(request, template, context, status=status)


def _standing(request: Request, kind: Kind, row: Programme, now: datetime) -> dict[str, Any]:
    """What changes while the page is open: the figures, the line with its dates, and who stands where."""
    view, step = request.GET.get("view", ""), request.GET.get("step", "")
    view = view if view in enrolments.VIEWS else enrolments.UNDER_WAY
    mine = Enrolment.objects.visible_to(request.user).filter(**{kind.name: row})
    figures = standing.figures([row], Enrolment.objects.visible_to(request.user))[row.pk]
    points, wrong, behind = _line(request, row, figures, now)
    rows = enrolments.rows(mine, view=view, step=step, now=now)
    page = paging.of(rows, "-id", cursor=request.GET.get("cursor", ""), size=25)
    enrolments.dress(page.rows, request.user, now)
    return {
        "figures": figures,
        "points": points,
        "wrong": wrong,
        "behind": behind,
        "view": view,
        "step": next((point for point in points if point.key == step), None),
        "page": page,
    }


def _line(
    request: Request, row: Programme, figures: standing.Figures, now: datetime
) -> tuple[list[step_lines.Point], str, int]:
    """The line, or why there is none; and how many are under way on older steps."""
    try:
        outline = outlines.of(row)
    except BadProgramme as bad:
        return [], str(bad), 0
    behind = migrating.behind(row, outline).count()
    schedule = hours.TeamHours(row.team).of(user=request.user).schedule
    people = step_lines.assignee_words(request.user)
    points = step_lines.of(row, outline, schedule=schedule, by_step=figures.by_step, people=people, now=now)
    return points, "", behind


def _forecast(request: Request, row: Programme, form: EnrolForm, now: datetime) -> dict[str, Any]:
    """What enrolling the contact of the form would do; nothing while none is chosen."""
    if not form.is_bound or not form.is_valid():
        return {"prospect": None}
    contact = form.cleaned_data["contact"]
    try:
        (found,) = enrolling.preview(
            row,
            [contact.pk],
            owner=request.user,
            wish=form.wish(now),
            visible=Contact.objects.visible_to(request.user),
            now=now,
        )
    except BadProgramme as bad:
        found = Prospect(contact.pk, contact.name, Refused("unsound", str(bad)))
    return {"prospect": found, "ahead": [(enrolments.title_for(contact, one.step.title), one) for one in found.steps]}


def _urls(kind: Kind, row: Programme) -> dict[str, str]:
    names = ("edit", "switch", "copy", "delete", "enrol", "forecast", "migrate")
    return {"page": kind.url("", row.pk), "list": kind.url("s")} | {
        name: kind.url(f"-{name}", row.pk) for name in names
    }


def _row(request: Request, kind: Kind, pk: int) -> Programme:
    rows = kind.model.objects.visible_to(request.user).select_related("owner", "team")
    row: Programme = get_object_or_404(rows, pk=pk)
    return row


def _editable(request: Request, kind: Kind, pk: int) -> Programme:
    row = _row(request, kind, pk)
    if not programmes.may_edit(request.user, row):
        raise PermissionDenied(
            _("A ready-made sequence stays as it is: copy it, and change the copy.")
            if isinstance(row, Sequence) and row.preset
            else _("Only its owner and the team's managers may change this.")
        )
    return row
