"""The form of one step, as far as steps of sequences and of campaigns are alike."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from domain import templating
from people.models import User
from web.numbers import NumberField
from work.models import Task

STRATEGIES = [
    ("owner", _("The contact's owner, else whoever enrolled")),
    ("enroller", _("Whoever enrolled")),
    ("best_match", _("Whoever fits best: skills, load, time")),
    ("round_robin", _("Each in turn")),
    ("unassigned", _("Nobody: leave it in the queue")),
]
USUAL = {"priority": Task.MEDIUM, "assign": "owner"}
"""What is left out of a kept step, so that a step looks the same whoever wrote it."""


def assignees(user: User) -> list[tuple[str, Any]]:
    """Who may be given a step's task: people by name only by a manager, or oneself."""
    people = User.objects.visible_to(user).active().order_by("first_name", "username")
    if not user.manages:
        people = people.filter(pk=user.pk)
    return [*STRATEGIES, *((f"user:{one.pk}", one.display_name) for one in people)]


def hours_field(label: Any, **options: Any) -> NumberField:
    return NumberField(label=label, required=False, max_digits=8, decimal_places=2, min_value=0, **options)


class StepForm(forms.Form):
    """What steps of both kinds have. The domain says what is wrong with it; this only reads it."""

    fields_template: ClassVar[str]
    MAIN: ClassVar[tuple[str, ...]] = ("key", "title")
    POINTERS: ClassVar[Mapping[str, str]] = {"required_skills": "skills"}
    """Where the domain's word for a field is another."""

    key = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    title = forms.CharField(label=_("Title of the task"), required=False, max_length=templating.TITLE_LIMIT)
    description = forms.CharField(
        label=_("Description of the task"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    priority = forms.ChoiceField(label=_("Priority"), choices=Task.PRIORITIES, initial=Task.MEDIUM)
    assign = forms.ChoiceField(label=_("Assign to"), initial="owner")
    wait_for_previous = forms.BooleanField(label=_("Not before the task of the step before is closed"), required=False)
    condition = forms.CharField(
        label=_("Only if"),
        required=False,
        max_length=2000,
        help_text=_("Such as contact.lead_score > 50. Where it does not hold, the step is skipped."),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    due_within_hours = hours_field(
        _("Time to do it, hours"), help_text=_("From the step's date until its task is due. Empty is 8.")
    )
    estimated_hours = hours_field(_("Estimated effort, hours"))
    reminder_offset_hours = hours_field(_("Remind before it is due, hours"))
    skills = forms.CharField(
        label=_("Skills it needs"),
        required=False,
        help_text=_("One a line, with the least level from 1 to 5: Negotiation 3"),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, who: Sequence[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assign: Any = self.fields["assign"]
        said = self.data.get(self.add_prefix("assign")) if self.is_bound else self.initial.get("assign")
        now = str(said or "owner")
        known = now in dict(who)
        assign.choices = list(who) if known else [*who, (now, _("Somebody who is not in the team any more"))]

    @property
    def shows_more(self) -> bool:
        """Open when something in there is wrong."""
        return self.is_bound and any(name not in self.MAIN for name in self.errors)

    @property
    def said(self) -> list[str]:
        """What is not as usual of what is folded up, in a few words each."""
        values = {name: self[name].value() for name in self.fields if name not in self.MAIN}
        return [
            self._in_words(name, value)
            for name, value in values.items()
            if _is_said(value) and value != USUAL.get(name)
        ]

    def _in_words(self, name: str, value: Any) -> str:
        field: Any = self.fields[name]
        if value is True:
            return str(field.label)
        choices: Any = getattr(field, "choices", ())
        shown = dict(choices).get(value, value)
        return f"{field.label}: {Truncator(' '.join(str(shown).split())).chars(40)}"

    def take(self, pointer: Sequence[str], texts: Sequence[str]) -> None:
        """Puts what the domain refused beside the field that holds it."""
        name = next((self.POINTERS.get(part, part) for part in reversed(pointer)), "")
        for text in texts:
            self.add_error(name if name in self.fields else None, text)

    def wanted_skills(self) -> list[dict[str, Any]]:
        """As the domain takes them; a last word from 1 to 5 is the level."""
        lines = [line.strip() for line in self.cleaned_data["skills"].splitlines()]
        return [_skill(line) for line in lines if line]

    def hours(self, name: str) -> float | None:
        value = self.cleaned_data[name]
        return None if value is None else float(value)

    def more(self) -> dict[str, Any]:
        """What both kinds keep under the same names, without what is as usual."""
        given = self.cleaned_data
        found = {
            "wait_for_previous": given["wait_for_previous"],
            "assign": given["assign"],
            "required_skills": self.wanted_skills(),
            **{name: self.hours(name) for name in ("estimated_hours", "reminder_offset_hours", "due_within_hours")},
        }
        return unusual(found)


def plain(value: Decimal) -> Decimal:
    """4.00 as 4, without turning 100 into 1E+2."""
    return Decimal(f"{value.normalize():f}")


def values_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    wanted = raw.get("required_skills")
    skills = [need for need in wanted if isinstance(need, dict)] if isinstance(wanted, list) else []
    return {
        "wait_for_previous": bool(raw.get("wait_for_previous")),
        "assign": raw.get("assign") or "owner",
        "skills": "\n".join(f"{need.get('skill', '')} {need.get('level', 1)}" for need in skills),
        **{name: raw.get(name) for name in ("estimated_hours", "reminder_offset_hours", "due_within_hours")},
    }


def number_field(label: Any) -> NumberField:
    """How much later a step comes."""
    return NumberField(label=label, min_value=0, max_digits=8, decimal_places=2, initial=Decimal(1))


def _skill(line: str) -> dict[str, Any]:
    name, _space, level = line.rpartition(" ")
    if name and level in ("1", "2", "3", "4", "5"):
        return {"skill": name.strip(), "level": int(level)}
    return {"skill": line, "level": 1}


def unusual(found: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty or as usual; nought hours are said."""
    return {name: value for name, value in found.items() if _is_said(value) and value != USUAL.get(name)}


def _is_said(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [])
