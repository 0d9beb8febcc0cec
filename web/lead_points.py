"""The points that facts of leads and their deeds are worth, as a table that managers change and can take back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from crm.models import Activity
from domain.learning.lead_points import DID
from learning import lead_models, points, settings
from people.models import Team
from web import answers, doing, undoing, words
from web.access import Request, signed_in
from web.numbers import NumberField

AnyForm = TypeVar("AnyForm", bound=forms.Form)
BACK = "/settings/learning#points"
TAG = "tag"
DEEDS = [*(kind for kind in words.TRIGGERING if kind != Activity.TASK_OUTCOME), Activity.EMAIL_UNSUBSCRIBED]
FACTS = [*((name, words.LEAD_FIELDS[name]) for name in settings.FIELDS), (TAG, gettext_lazy("Tag"))]
FIELDS: list[Any] = [
    *FACTS,
    (
        gettext_lazy("What they did lately"),
        [
            *((f"{DID}{kind}", words.ACTIVITIES[kind].label) for kind in DEEDS),
            (DID, gettext_lazy("Something else, by its type")),
        ],
    ),
]
"""What a line may be for. DID alone is an activity of the team's own, whose type is its value."""


def _points(**options: Any) -> NumberField:
    label = gettext_lazy("Points")
    return NumberField(label=label, min_value=-100, max_value=100, max_digits=5, decimal_places=2, **options)


class PointsForm(forms.Form):
    points = _points()


class LineForm(PointsForm):
    field = forms.ChoiceField(label=gettext_lazy("Fact"), choices=FIELDS)
    value = forms.CharField(
        label=gettext_lazy("Its value"),
        required=False,
        max_length=60,
        help_text=gettext_lazy(
            "As company, free, known, missing; the name of a tag, or the type of what they did. "
            "Left empty: whenever it is known, or done"
        ),
    )
    field_order = ("field", "value", "points")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("field") == TAG and not given.get("value"):
            self.add_error("value", _("Name the tag."))
        if given.get("field") == DID and not given.get("value"):
            self.add_error("value", _("Name the type of the activity."))
        return given

    def line(self) -> dict[str, Any]:
        """As the table keeps it."""
        field, value = self.cleaned_data["field"], self.cleaned_data["value"]
        said = {"points": float(self.cleaned_data["points"]), "at_least": None}
        if field == TAG:
            return {"field": f"{settings.TAG}{value}", "equals": "yes", **said}
        if field == DID:
            return {"field": f"{DID}{value}", "equals": None, **said}
        return {"field": field, "equals": value or None, **said}


@dataclass(frozen=True)
class Line:
    """A line of the table; `key` says which it is, for the form that changes it."""

    what: str
    points: float
    key: str


def shown(team: Team) -> dict[str, Any]:
    """What the page shows: the table, of facts and of deeds, whether it is the team's own, and the form for a line."""
    table = points.lines(team)
    return {
        "point_lines": [_line_of(one) for one in table if not points.is_deed(one)],
        "deed_lines": [_line_of(one) for one in table if points.is_deed(one)],
        "own_points": bool(settings.of(team.pk).points),
        "line_form": LineForm(auto_id="line_%s"),
    }


def _line_of(line: Mapping[str, Any]) -> Line:
    return Line(_what(line), line["points"], json.dumps(line, sort_keys=True))


def _what(line: Mapping[str, Any]) -> str:
    if line["at_least"] is not None:
        return _("%(what)s, from %(least)s on") % {
            "what": words.lead_fact(line["field"], None),
            "least": line["at_least"],
        }
    return words.lead_fact(line["field"], line["equals"])


@require_POST
@signed_in
def change(request: Request) -> HttpResponse:
    """Adds a line, changes or removes one, or goes back to the usual points, as the button says."""
    user = request.user
    if not user.manages:
        raise PermissionDenied(_("Only managers change what is learned."))
    before = settings.of(user.team_id).points
    try:
        text = _DO.get(request.POST.get("do", ""), _add)(request)
    except (points.Gone, ValidationError) as refusal:
        return answers.refused(request, doing.said(refusal), back=BACK)
    undo = undoing.note_of_points(user, before, settings.of(user.team_id).points)
    return answers.done(request, text, undo=undo, back=BACK)


def _add(request: Request) -> str:
    form = _valid(LineForm(request.POST))
    points.add(request.user.team, form.line(), by=request.user, now=timezone.now())
    return _waiting(request.user.team) or _("Added: it counts from tonight on.")


def _change(request: Request) -> str:
    worth = float(_valid(PointsForm(request.POST)).cleaned_data["points"])
    points.change(request.user.team, _line(request), worth, by=request.user, now=timezone.now())
    return _waiting(request.user.team) or _("Saved: it counts from tonight on.")


def _remove(request: Request) -> str:
    points.remove(request.user.team, _line(request), by=request.user, now=timezone.now())
    return _waiting(request.user.team) or _("Removed: it no longer counts from tonight on.")


def _usual(request: Request) -> str:
    points.use_the_usual(request.user.team, by=request.user, now=timezone.now())
    return _waiting(request.user.team) or _("The usual points count again from tonight on.")


def _waiting(team: Team) -> str:
    """Why points that are changed do not count from tonight on; "" where they do."""
    if not settings.of(team.pk).scores:
        return _("Kept. It counts once scores are switched on.")
    active = lead_models.active(team.pk)
    if active is not None and active.held:
        told = _("Kept. It counts once the newest version is used again: leads are scored by version %(version)s.")
        return told % {"version": active.version}
    return ""


_DO = {"add": _add, "change": _change, "remove": _remove, "usual": _usual}


def _valid(form: AnyForm) -> AnyForm:
    if not form.is_valid():
        raise ValidationError([message for found in form.errors.values() for message in found])
    return form


def _line(request: Request) -> dict[str, Any]:
    try:
        line = json.loads(request.POST.get("line", ""))
    except ValueError:
        line = None
    return line if isinstance(line, dict) else {}
