"""One contact's fields, as its form offers them: what the API takes, checked by the verbs that the API calls."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from crm import consent, contacts
from crm.models import Contact
from people.models import User
from work import ties

EVERY = "days"
"""Among the cadences: every so many days, which another field says."""


class Person(forms.ModelChoiceField):
    """One of the team, by the name people know."""

    def label_from_instance(self, person: Any) -> str:
        return str(person.display_name)


class People(forms.ModelMultipleChoiceField):
    def label_from_instance(self, person: Any) -> str:
        return str(person.display_name)


class ContactForm(forms.Form):
    """Only what somebody changed is written: each field brings what it was when the form was shown."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    company = forms.CharField(label=gettext_lazy("Company"), max_length=200, required=False)
    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=254, required=False)
    phone = forms.CharField(label=gettext_lazy("Phone"), max_length=40, required=False)
    status = forms.ChoiceField(label=gettext_lazy("Status"), choices=Contact.STATUSES)
    owner = Person(
        label=gettext_lazy("Owner"), queryset=User.objects.none(), required=False, empty_label=gettext_lazy("Nobody")
    )
    cadence = forms.ChoiceField(label=gettext_lazy("Stay in touch"), required=False)
    every_days = forms.IntegerField(
        label=gettext_lazy("Days between"),
        required=False,
        min_value=1,
        max_value=3650,
        help_text=gettext_lazy("For “Every so many days”"),
    )
    next_follow_up_at = forms.DateTimeField(
        label=gettext_lazy("Next follow-up"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Goes before what the cadence plans"),
    )
    lead_score = forms.IntegerField(label=pgettext_lazy("contact", "Score"), min_value=-(2**31), max_value=2**31 - 1)
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)
    tags = forms.CharField(
        label=gettext_lazy("Tags"), required=False, max_length=3050, help_text=gettext_lazy("With commas between")
    )
    excluded = People(
        label=gettext_lazy("Who must not have their work"),
        queryset=User.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    do_not_contact = forms.BooleanField(label=gettext_lazy("Do not contact"), required=False)

    def __init__(self, *args: Any, user: User, contact: Contact, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(contact, user)
        super().__init__(*args, **kwargs)
        people = User.objects.visible_to(user).active().order_by("first_name", "username")
        choices: Any = self.fields
        choices["cadence"].choices = [
            ("", _("No cadence")),
            *Contact.CADENCES,
            (EVERY, _("Every so many days")),
        ]
        choices["timezone"].choices = _zones(contact)
        if user.manages:
            choices["owner"].queryset = people | User.objects.filter(pk=contact.owner_id, team_id=user.team_id)
        else:
            del choices["owner"]
        if user.leads:
            choices["excluded"].queryset = User.objects.visible_to(user).order_by("first_name", "username")
        else:
            del choices["excluded"]
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean_tags(self) -> list[str]:
        tags = [" ".join(tag.split()) for tag in self.cleaned_data["tags"].split(",")]
        tags = list(dict.fromkeys(tag for tag in tags if tag))
        if len(tags) > 50 or any(len(tag) > 60 for tag in tags):
            raise ValidationError(_("At most 50 tags of 60 characters each."))
        return tags

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("cadence") == EVERY and found.get("every_days") is None and "every_days" not in self.errors:
            self.add_error("every_days", _("Say how many days lie between."))
        return found

    def save(self, contact: Contact, *, by: User, now: datetime) -> bool:
        """Writes what was changed; False when it was refused, with the reason beside its field."""
        wanted = {name: self.cleaned_data[name] for name in self.changed_data}
        columns = _columns(wanted, self.cleaned_data)
        try:
            with transaction.atomic():
                changed = contacts.update(contact, by=by, now=now, **columns) if columns else contact
                if "do_not_contact" in wanted:
                    consent.set_do_not_contact(changed, wanted["do_not_contact"], by=by, now=now)
                if "excluded" in wanted:
                    self._exclude(changed, list(wanted["excluded"]), by, now)
        except contacts.EmailTaken as taken:
            self.add_error("email", taken_by(taken.contact, by))
        except ValidationError as refusal:
            self._refuse(refusal)
        return not self.errors

    def _exclude(self, contact: Contact, people: list[User], by: User, now: datetime) -> None:
        try:
            ties.exclude_from(contact, people, by=by, now=now)
        except ValidationError as refusal:
            raise ValidationError({"excluded": refusal.messages}) from None

    def _refuse(self, refusal: ValidationError) -> None:
        named = {"contact_cadence": "cadence", "phone_e164": "phone"}
        for name, errors in getattr(refusal, "error_dict", {"": refusal.error_list}).items():
            field = named.get(name, name)
            self.add_error(field if field in self.fields else None, errors)


def taken_by(other: Contact, user: User) -> str:
    """Names the contact that has the address only to those who may see it."""
    if Contact.objects.visible_to(user).filter(pk=other.pk).exists():
        return _("%(name)s has this address already: merge the two, or give another address.") % {"name": other.name}
    return _("Another contact of the team has this address already.")


def _columns(wanted: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The contact's own columns among what was changed."""
    columns = {
        name: value
        for name, value in wanted.items()
        if name not in ("cadence", "every_days", "excluded", "do_not_contact")
    }
    if "cadence" in wanted or ("every_days" in wanted and said["cadence"] == EVERY):
        columns["contact_cadence"] = f"days:{said['every_days']}" if said["cadence"] == EVERY else said["cadence"]
    return columns


def _initial(contact: Contact, user: User) -> dict[str, Any]:
    names = ("name", "company", "email", "phone", "status", "owner", "lead_score", "timezone", "do_not_contact")
    days = contact.contact_cadence.removeprefix("days:")
    follow_up = contact.next_follow_up_at
    return {
        **{name: getattr(contact, name) for name in names},
        "cadence": EVERY if days != contact.contact_cadence else contact.contact_cadence,
        "every_days": int(days) if days.isdecimal() else None,
        "next_follow_up_at": follow_up.replace(second=0, microsecond=0) if follow_up else None,
        "tags": ", ".join(str(tag) for tag in contact.tags) if isinstance(contact.tags, list) else "",
        "excluded": ties.excluded_from(contact) if user.leads else [],
    }


def _zones(contact: Contact) -> list[tuple[str, str]]:
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix")))
    own = contact.timezone
    odd = [(own, own)] if own and own not in ("UTC", *names) else []
    return [("", _("Its owner's")), ("UTC", "UTC"), *((name, name) for name in names), *odd]
