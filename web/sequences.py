"""Sequences: their form, with steps counted from enrolment, and the ready-made ones."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from automation.models import Sequence
from automation.programmes import Outline, sequences, steps
from automation.programmes.steps import Errors, Step
from domain import delays, sequencing
from domain.delays import Delay
from web import step_forms
from web.access import Request, signed_in
from web.programme_forms import Editor, HeadForm
from web.programmes import Kind, Words
from web.rule_form import DAYS, HOURS, LOCAL_DAYS, UNITS, WORKING_DAYS, WORKING_HOURS
from web.step_forms import USUAL, StepForm, plain, unusual
from work.models import Task

KIND_OF = {LOCAL_DAYS: "calendar", WORKING_DAYS: "business", WORKING_HOURS: "business"}
WHOLE = (LOCAL_DAYS, WORKING_DAYS)
OUTSIDE = [
    ("", _("As is usual for the unit")),
    ("next", _("Goes on to working time")),
    ("previous", _("Goes back to working time")),
    ("as_is", _("Stays as it falls")),
]


class SequenceStepForm(StepForm):
    fields_template = "web/sequences/step.html"
    MAIN = ("key", "title", "amount", "unit", "at")
    POINTERS: ClassVar[Mapping[str, str]] = {**StepForm.POINTERS, "delay": "amount"}

    amount = step_forms.number_field(_("After enrolment"))
    unit = forms.ChoiceField(
        label=_("Unit"), choices=UNITS, initial=WORKING_DAYS, widget=forms.Select(attrs={"aria-label": _("Unit")})
    )
    at = forms.TimeField(
        label=_("At"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time", "aria-label": _("At this time of day")}, format="%H:%M"),
    )
    outside = forms.ChoiceField(label=_("A date outside working time"), choices=OUTSIDE, required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        amount = given.get("amount")
        if given.get("unit") in WHOLE and amount is not None and amount % 1:
            self.add_error("amount", _("Give whole days, or choose hours."))
        return given

    def delay(self) -> Delay | None:
        """What is said of it, checked or not; None where it cannot be read."""
        given = getattr(self, "cleaned_data", {})
        amount, unit = given.get("amount"), given.get("unit")
        if amount is None or unit is None or "at" not in given:
            return None
        kind: Any = KIND_OF.get(unit, "elapsed")
        outside: Any = given.get("outside", "")
        if unit in WHOLE:
            return Delay(kind, days=int(amount), at=given["at"], outside=outside)
        return Delay(kind, hours=amount * 24 if unit == DAYS else amount, outside=outside)

    def step(self) -> dict[str, Any]:
        """As a sequence keeps it."""
        given, delay = self.cleaned_data, self.delay()
        assert delay is not None  # only a form without faults is asked
        found = {name: given[name] for name in ("key", "title", "description", "priority", "condition")}
        return unusual(found) | {"title": given["title"], "delay": delays.as_dict(delay)} | self.more()


class SequenceHeadForm(HeadForm):
    pacing = forms.ChoiceField(label=_("Its tasks are made"), choices=Sequence.PACINGS, initial=Sequence.ONE_BY_ONE)
    slip = forms.ChoiceField(label=_("When a step is late"), choices=Sequence.SLIPS, initial=Sequence.ANCHOR)


class SequenceEditor(Editor):
    head_form = SequenceHeadForm

    def make(self, place: int, data: Mapping[str, Any] | None, **options: Any) -> StepForm:
        return SequenceStepForm(data, prefix=f"steps-{place}", who=self.who, **options)

    def following(self, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """Two days after the last, by the same clock."""
        usual = {"amount": Decimal(1), "unit": WORKING_DAYS, "at": "09:00", **USUAL}
        read = self.make(0, {f"steps-0-{name}": value for name, value in before.items()}) if before else None
        if read is None or not read.is_valid():
            return usual
        given = read.cleaned_data
        return usual | {"amount": plain(given["amount"] + 2), "unit": given["unit"], "at": given["at"]}

    def kept(self, programme: Any) -> list[dict[str, Any]]:
        return [values_of_step(step) for step in programme.steps if isinstance(step, dict)]

    def fields(self) -> dict[str, Any]:
        return {**self.head.columns(), "steps": [form.step() for form in self._sequence_forms()]}

    def faults(self) -> Errors:
        return steps.check([form.step() for form in self._sequence_forms()], team=self.team, owner=self.owner)

    def outline(self) -> tuple[Outline, list[int]]:
        found: list[Step] = []
        for form in self._read:
            form.is_valid()
            delay = form.delay() if isinstance(form, SequenceStepForm) else None
            if delay is None or delays.check(delay):
                break
            found.append(Step(key=str(len(found)), title="", delay=delay))
        slip: Any = self.head["slip"].value() or Sequence.ANCHOR
        known: sequencing.Slip = "push" if slip == Sequence.PUSH else "anchor"
        return Outline(steps=tuple(found), slip=known), list(range(len(found)))

    def _sequence_forms(self) -> Iterable[SequenceStepForm]:
        return (form for form in self.forms if isinstance(form, SequenceStepForm))


def values_of_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """A kept step of a sequence as the form shows it."""
    try:
        delay = delays.from_dict(step.get("delay") or {})
    except ValueError:  # written past every check: it has to be said anew
        delay = Delay()
    amount, unit = _shown(delay)
    return {
        **step_forms.values_of(step),
        "key": step.get("key", ""),
        "title": step.get("title", ""),
        "description": step.get("description") or "",
        "priority": step.get("priority") or Task.MEDIUM,
        "condition": step.get("condition") or "",
        "amount": amount,
        "unit": unit,
        "at": delay.at,
        "outside": delay.outside,
    }


def _shown(delay: Delay) -> tuple[Decimal, str]:
    """Amount and unit; elapsed hours that make whole days of 48 and more read as days."""
    if delay.days is not None:
        return Decimal(delay.days), LOCAL_DAYS if delay.kind == "calendar" else WORKING_DAYS
    if delay.kind == "business":
        return plain(delay.hours), WORKING_HOURS
    if delay.hours >= 48 and delay.hours % 24 == 0:
        return plain(delay.hours / 24), DAYS
    return plain(delay.hours), HOURS


PRESET_NAMES = {
    "standard": (_("Standard follow-up"), _("1, 3, 7 and 14 days after enrolment")),
    "aggressive": (_("Aggressive follow-up"), _("1, 2, 4 and 7 days after enrolment, high priority")),
    "gentle": (_("Gentle follow-up"), _("3, 7, 14 and 30 days after enrolment, low priority")),
}


def not_used_yet(request: Request) -> list[tuple[str, Any, Any]]:
    """The ready-made ones that the team has no row of."""
    known = set(Sequence.objects.visible_to(request.user).exclude(preset="").values_list("preset", flat=True))
    return [(key, *said) for key, said in PRESET_NAMES.items() if key not in known]


def keys(rows: list[Sequence]) -> dict[int, list[str]]:
    known = {row.pk: [step for step in row.steps if isinstance(step, dict)] for row in rows}
    return {pk: [step["key"] for step in steps.keyed_by_place(found)] for pk, found in known.items()}


KIND = Kind(
    name="sequence",
    model=Sequence,
    editor=SequenceEditor,
    create=sequences.create,
    update=sequences.update,
    copy=sequences.copy,
    steps=keys,
    ready=not_used_yet,
    words=Words(
        plural=_("Sequences"),
        lead=_("Follow-up tasks for one contact, each on its day, until the contact answers."),
        new=_("New sequence"),
        new_lead=_("Say what is to be done and when. Each step makes a task for the contact."),
        icon="list-ordered",
        none=_("No sequences yet"),
        first=_("Make the first sequence"),
        about=_("A sequence is a list of steps. Whoever is enrolled gets a task for each, on its date."),
        created=_("The sequence is ready. Enrol a contact to start it."),
    ),
)


@require_POST
@signed_in
def take(request: Request, preset: str) -> HttpResponse:
    """The team's row of a ready-made sequence, made when somebody first wants it."""
    try:
        row = sequences.preset(request.user.team, preset, owner=request.user, now=timezone.now())
    except sequences.UnknownSequence:
        raise Http404 from None
    return redirect("web:sequence", row.pk)
