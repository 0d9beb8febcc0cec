"""The part of a rule's form that says when: the fields of each kind of trigger, from and to its settings."""

from datetime import time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from automation.models import TaskAutomationRule as Rule
from crm.models import Contact
from web import words

ANY_STATUS = ("", _("any status"))
NINE = time(9)


def _number(label: Any, **options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
    return forms.DecimalField(label=label, required=False, min_value=0, max_digits=6, widget=widget, **options)


class TriggerForm(forms.Form):
    """Every kind's fields at once; the page shows those of the kind that is chosen."""

    kind = forms.ChoiceField(label=_("When"), choices=Rule.TRIGGERS, initial="activity", widget=forms.RadioSelect)
    activity_types = forms.MultipleChoiceField(
        label=_("What the contact did"),
        choices=[(kind, words.ACTIVITIES[kind].label) for kind in words.TRIGGERING],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    other_types = forms.CharField(
        label=_("Other activities that start it"),
        required=False,
        max_length=300,
        help_text=_("Your own types, separated by commas"),
    )
    from_status = forms.ChoiceField(label=_("From"), choices=[ANY_STATUS, *Contact.STATUSES], required=False)
    to_status = forms.ChoiceField(label=_("To"), choices=[ANY_STATUS, *Contact.STATUSES], required=False)
    every_days = forms.IntegerField(
        label=_("Every so many days"), min_value=1, max_value=365, required=False, initial=1
    )
    every_at = forms.TimeField(
        label=_("At"), required=False, initial=NINE, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    audience = forms.ChoiceField(
        label=_("For whom"),
        choices=[("none", _("One task for you")), ("contacts", _("A task for each contact"))],
        required=False,
    )
    late_what = forms.ChoiceField(
        label=_("What is overdue"),
        choices=[("task", _("A task")), ("follow_up", _("A contact's follow-up"))],
        required=False,
    )
    late_hours = _number(_("By how many hours (tasks)"), initial=0)
    quiet_days = _number(_("Nothing heard for so many days"), initial=Decimal(30))

    def trigger_config(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The settings of the kind chosen. What the form does not show of the same kind stays as it is kept."""
        return {**_unseen(self.cleaned_data["kind"], kept), **_SETTINGS[self.cleaned_data["kind"]](self.cleaned_data)}


def _activity(given: dict[str, Any]) -> dict[str, Any]:
    others = [word.strip() for word in given["other_types"].split(",") if word.strip()]
    return {"activity_types": [*given["activity_types"], *others]}


def _status(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("from_status", "to_status") if given[name]}


def _time(given: dict[str, Any]) -> dict[str, Any]:
    every = {"days": given["every_days"] or 1, "at": f"{given['every_at'] or NINE:%H:%M}"}
    return {"every": every, "audience": given["audience"] or "none"}


def _overdue(given: dict[str, Any]) -> dict[str, Any]:
    if given["late_what"] == "follow_up":
        return {"what": "follow_up"}
    return {"what": "task", "after_hours": _plain(given["late_hours"] or Decimal(0))}


def _quiet(given: dict[str, Any]) -> dict[str, Any]:
    return {"days": _plain(given["quiet_days"] or Decimal(0))}


_SETTINGS: dict[str, Any] = {
    Rule.ACTIVITY: _activity,
    Rule.STATUS_CHANGE: _status,
    Rule.CADENCE: lambda _: {},
    Rule.TIME: _time,
    Rule.OVERDUE: _overdue,
    Rule.INACTIVITY: _quiet,
    Rule.TASK_COMPLETED: lambda _: {},
}
_SHOWN = {
    Rule.ACTIVITY: {"activity_types"},
    Rule.STATUS_CHANGE: {"from_status", "to_status"},
    Rule.TIME: {"every", "cron", "at", "audience"},
    Rule.OVERDUE: {"what", "after_hours"},
    Rule.INACTIVITY: {"days", "hours"},
}
"""Settings that the form sets, or that stand against those it sets."""


def _unseen(kind: str, kept: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kept.items() if name not in _SHOWN.get(kind, set())}


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def values_of(rule: Rule) -> dict[str, Any]:
    """A kept rule's trigger as the form shows it."""
    config = rule.trigger_config if isinstance(rule.trigger_config, dict) else {}
    types = [str(kind) for kind in config.get("activity_types") or []] if rule.trigger_type == Rule.ACTIVITY else []
    every: dict[str, Any] = config["every"] if isinstance(config.get("every"), dict) else {}
    days = Decimal(str(config.get("days") or 0)) + Decimal(str(config.get("hours") or 0)) / 24
    return {
        "kind": rule.trigger_type,
        "activity_types": [kind for kind in types if kind in words.TRIGGERING],
        "other_types": ", ".join(kind for kind in types if kind not in words.TRIGGERING),
        "from_status": config.get("from_status", ""),
        "to_status": config.get("to_status", ""),
        "every_days": every.get("days", 1),
        "every_at": str(every.get("at") or "09:00"),
        "audience": config.get("audience", "none"),
        "late_what": config.get("what", "task"),
        "late_hours": config.get("after_hours", 0),
        "quiet_days": round(days, 2) if rule.trigger_type == Rule.INACTIVITY else Decimal(30),
    }


def says_more(rule: Rule) -> bool:
    """Whether the trigger is one that the form cannot say, such as a cron line: it is shown, and kept."""
    config = rule.trigger_config if isinstance(rule.trigger_config, dict) else {}
    every = config.get("every")
    return rule.trigger_type == Rule.TIME and (not isinstance(every, dict) or "hours" in every)
