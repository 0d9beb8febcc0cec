"""The forms of services outside, and the cards on which they are shown: a card a channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from notifications.channels import Channel
from notifications.models import Address, Gateway, Sealed
from notifications.routing import CHANNELS
from notifications.services import LONGEST, Field, Invalid, Service
from people import speech
from people.models import User


class PlaceForm(forms.Form):
    """The fields of a service. What is secret is never in a page: an empty field leaves it as it is."""

    def __init__(self, service: Service, row: Sealed | None, channel: str, data: Any = None) -> None:
        super().__init__(data, auto_id=f"{channel}_%s")
        self.shown = row.shown if row is not None and row.service == service.code else {}
        for one in service.fields:
            self.fields[one.name] = self._field(one)

    def _field(self, one: Field) -> forms.CharField:
        known = self.shown.get(one.name, "")
        widget: forms.Widget = forms.TextInput(attrs={"autocomplete": "off"})
        if one.name == "phone":
            widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "placeholder": known or "+49 …"})
        elif one.secret:
            widget = forms.PasswordInput(attrs={"autocomplete": "off", "placeholder": known})
        return forms.CharField(
            label=one.label if one.required else _("%(label)s (optional)") % {"label": speech.said(one.label)},
            help_text=one.help,
            required=False,  # what is missing is said by the service's own check
            max_length=LONGEST,
            initial="" if one.secret else known or one.default,
            widget=widget,
        )

    def refuse(self, wrong: Invalid) -> None:
        for name, said in wrong.errors.items():
            for text in said:
                self.add_error(name if name in self.fields else None, text)


@dataclass(frozen=True)
class Card:
    """One channel as the page shows it."""

    channel: Channel
    services: Mapping[str, Service]
    row: Any
    service: Service | None
    form: PlaceForm | None
    ready: bool
    """Whether something could be sent if there were an address."""
    reports_to: str = ""
    """Where the service of a team's account says what became of messages."""

    @property
    def main(self) -> str:
        """By what the place is known again."""
        return next(iter(self.row.shown.values()), "") if self.row is not None else ""

    @property
    def asks_for_code(self) -> bool:
        return self.row is not None and self.row.confirmed_at is None

    @property
    def of(self) -> str:
        """The service that is entered now."""
        return self.services[self.row.service].label if self.row is not None else ""


def cards(user: User, chosen: Mapping[str, str], bound: tuple[str, PlaceForm] | None = None) -> list[Card]:
    """One for each channel, with the form of the service that was chosen, else of the one that is entered."""
    known = Address.objects.of([user])
    served = set(Gateway.objects.filter(team_id=user.team_id).values_list("channel", flat=True))
    found = []
    for name, channel in CHANNELS.items():
        ready = name in served if channel.gateways else True
        row = known.get((user.pk, name))
        found.append(card(channel, channel.addresses, row, chosen.get(name, ""), bound, ready=ready))
    return found


def card(
    channel: Channel,
    services: Mapping[str, Service],
    row: Sealed | None,
    chosen: str,
    bound: tuple[str, PlaceForm] | None,
    *,
    ready: bool = True,
    reports_to: str = "",
) -> Card:
    codes = [chosen, row.service if row is not None else "", *services]
    service = next((services[code] for code in codes if code in services), None)
    form = None
    if bound is not None and bound[0] == channel.name:
        form = bound[1]
    elif service is not None:
        form = PlaceForm(service, row, channel.name)
    return Card(channel, services, row, service, form, ready, reports_to)
