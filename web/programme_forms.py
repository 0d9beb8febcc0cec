"""The form of a whole sequence or campaign: its head, and its steps, which buttons add, take out and move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from automation.models import Sequence
from automation.programmes import Outline, Programme, dating, exits, steps
from automation.programmes.steps import Errors
from crm.models import Contact
from people import hours
from people.models import User
from web import step_forms
from web.step_forms import StepForm

ADD, REMOVE, UP, DOWN, SAVE = "add", "remove", "up", "down", "save"
EXITS = {
    exits.REPLIED: _("The contact replies"),
    exits.MEETING: _("A meeting is booked or held"),
    exits.UNSUBSCRIBED: _("The contact unsubscribes"),
    exits.COMPLAINED: _("The contact calls a mail spam"),
    exits.BOUNCED: _("Mail to the contact bounces for good"),
}


class HeadForm(forms.Form):
    """Name, exits and who may be in it again: what sequences and campaigns share."""

    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(label=_("What it is for"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    reenrol = forms.ChoiceField(
        label=_("A contact may be enrolled again"), choices=Sequence.REENROL, initial=Sequence.REFUSE
    )
    ends_when = forms.MultipleChoiceField(
        label=_("It ends at once when"),
        choices=list(EXITS.items()),
        required=False,
        initial=[name for name in EXITS if exits.DEFAULTS[name]],
        widget=forms.CheckboxSelectMultiple,
    )
    statuses = forms.MultipleChoiceField(
        label=_("Or the contact's status becomes"),
        choices=Contact.STATUSES,
        required=False,
        initial=exits.DEFAULTS[exits.STATUSES],
        widget=forms.CheckboxSelectMultiple,
    )

    def columns(self) -> dict[str, Any]:
        """As `create` and `update` of the domain take them; exits that are as usual are left out."""
        plain = {name: value for name, value in self.cleaned_data.items() if name not in ("ends_when", "statuses")}
        return plain | {"exits": self._exits()}

    def _exits(self) -> dict[str, Any]:
        chosen = self.cleaned_data["ends_when"]
        said: dict[str, Any] = {name: name in chosen for name in EXITS}
        said[exits.STATUSES] = self.cleaned_data["statuses"]
        return {name: value for name, value in said.items() if value != exits.DEFAULTS[name]}

    @classmethod
    def values_of(cls, programme: Programme) -> dict[str, Any]:
        wanted = exits.settings_of(programme)
        names = [name for name in cls.base_fields if name not in ("ends_when", "statuses")]
        return {name: getattr(programme, name) for name in names} | {
            "ends_when": [name for name in EXITS if wanted.get(name)],
            "statuses": wanted.get(exits.STATUSES) or [],
        }


@dataclass(frozen=True)
class Row:
    """One step on the page: its form, its place from 1, and the date it would have."""

    form: StepForm
    place: int
    at: datetime | None
    first: bool
    last: bool
    came: bool = False
    """Moved just now, so the keyboard stays with it."""


class Editor:
    """The forms of a whole: of a kept one, of what was sent, or of what was sent with its steps in another order.

    What was sent is only judged when it is to be saved: adding a step to a half-written one says nothing red.
    """

    head_form: ClassVar[type[HeadForm]] = HeadForm

    def __init__(
        self, user: User, programme: Programme | None = None, sent: QueryDict | None = None, do: str = ""
    ) -> None:
        self.user, self.owner = user, programme.owner if programme is not None else user
        self.team = programme.team if programme is not None else user.team
        self.who = step_forms.assignees(user)
        self.came: int | None = None
        self.added = False
        if sent is None:
            values = self.head_form.values_of(programme) if programme is not None else {}
            self.head = self.head_form(initial=values)
            self.values = self.kept(programme) if programme is not None else [self.following(None)]
        elif do == SAVE:
            self.head = self.head_form(sent)
            self.values = self._sent(sent)
        else:
            self.head = self.head_form(initial=_raw(self.head_form(sent)))
            self.values = self._sent(sent)
            self._rearrange(do)
        judged = do == SAVE and sent is not None
        self._read = [self.make(place, _prefixed(values, place)) for place, values in enumerate(self.values)]
        self.forms = (
            self._read if judged else [self.make(n, None, initial=values) for n, values in enumerate(self.values)]
        )

        if self.added:  # that is where one goes on writing
            self.forms[-1].fields["title"].widget.attrs["autofocus"] = True

    def make(self, place: int, data: Mapping[str, Any] | None, **options: Any) -> StepForm:
        raise NotImplementedError

    def following(self, before: Mapping[str, Any] | None) -> dict[str, Any]:
        """A step that was just added after another, or the first."""
        raise NotImplementedError

    def kept(self, programme: Any) -> list[dict[str, Any]]:
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """What the domain's verbs take."""
        raise NotImplementedError

    def outline(self) -> tuple[Outline, list[int]]:
        """The steps whose dates can be told, up to the first that says none, with their places."""
        raise NotImplementedError

    def faults(self) -> Errors:
        """What the domain refuses of the steps, all of which can be read."""
        raise NotImplementedError

    @property
    def is_full(self) -> bool:
        return len(self.forms) >= steps.MOST

    def is_valid(self) -> bool:
        """Whether all can be read. Where only the head cannot, what is wrong with the steps is said with it."""
        head, each = self.head.is_valid(), all(form.is_valid() for form in self.forms)
        if each and not head:
            self.take(self.faults())
        return head and each

    def take(self, errors: Errors) -> None:
        """Puts what the domain refused beside the fields that hold it."""
        for pointer, texts in errors.items():
            name, *rest = pointer.split("/")
            if name == "steps" and rest and rest[0].isdecimal() and int(rest[0]) < len(self.forms):
                self.forms[int(rest[0])].take(rest[1:], texts)
                continue
            name = "ends_when" if name == "exits" else name
            for text in texts:
                self.head.add_error(name if name in self.head.fields else None, text)

    def rows(self, now: datetime) -> list[Row]:
        dates, most = self.dates(now), len(self.forms)
        for bound in (bound for form in (self.head, *self.forms) for bound in form if bound.errors):
            bound.field.widget.attrs["aria-invalid"] = "true"
        return [
            Row(form, place + 1, dates.get(place), place == 0, place == most - 1, place == self.came)
            for place, form in enumerate(self.forms)
        ]

    def dates(self, now: datetime) -> dict[int, datetime]:
        """By place, for a contact of one's own without a zone of its own that is enrolled now."""
        outline, places = self.outline()
        if not places:
            return {}
        schedule = hours.TeamHours(self.team).of(user=self.user).schedule
        found = dating.plan(outline, start=now, schedule=schedule)
        return {place: due.instant for place, due in zip(places, found, strict=True)}

    def _sent(self, sent: QueryDict) -> list[dict[str, Any]]:
        count = sent.get("count", "")
        most = min(int(count), steps.MOST + 1) if count.isdecimal() and len(count) < 4 else 0
        return [_raw(self.make(place, sent)) for place in range(most)]

    def _rearrange(self, do: str) -> None:
        what, _colon, number = do.partition(":")
        if what == ADD and len(self.values) < steps.MOST:
            self.values.append(self.following(self.values[-1] if self.values else None))
            self.added = True
            return
        place = int(number) if number.isdecimal() and len(number) < 4 else -1
        if not 0 <= place < len(self.values):
            return
        if what == REMOVE:
            del self.values[place]
        elif what in (UP, DOWN):
            other = place + (1 if what == DOWN else -1)
            if 0 <= other < len(self.values):
                self.values[place], self.values[other] = self.values[other], self.values[place]
                self.came = other


def _raw(form: forms.Form) -> dict[str, Any]:
    """What was sent, unread."""
    return {
        name: field.widget.value_from_datadict(form.data, form.files, form.add_prefix(name))
        for name, field in form.fields.items()
    }


def _prefixed(values: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {f"steps-{place}-{name}": value for name, value in values.items()}
