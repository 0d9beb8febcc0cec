"""The part of a rule's form that says when: the fields of each kind of trigger, from and to its settings."""

import re
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from automation.models import TaskAutomationRule as Rule
from automation.triggers import time as time_trigger
from crm.models import Contact
from web import words
from web.numbers import NumberField
from work.models import Task

ANY_STATUS = ("", _("any status"))
NINE = time(9)
BY_DAYS, BY_WEEK, BY_MONTH, BY_HOURS, ONCE, BY_CRON = "by_days", "by_week", "by_month", "by_hours", "once", "by_cron"
TIMETABLES = [
    (BY_DAYS, _("Every so many days")),
    (BY_WEEK, _("On days of the week")),
    (BY_MONTH, _("On a day of the month")),
    (BY_HOURS, _("Every so many hours")),
    (ONCE, _("Once")),
    (BY_CRON, _("By a cron line")),
]
WEEKDAYS = [
    ("1", _("Mon")),
    ("2", _("Tue")),
    ("3", _("Wed")),
    ("4", _("Thu")),
    ("5", _("Fri")),
    ("6", _("Sat")),
    ("0", _("Sun")),
]
"""As cron counts them."""
_WEEKLY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* ([0-7](?:[,-][0-7])*)", re.ASCII)
_MONTHLY = re.compile(r"(\d{1,2}) (\d{1,2}) (\d{1,2}) \* \*", re.ASCII)


def _number(label: Any, **options: Any) -> NumberField:
    return NumberField(label=label, required=False, min_value=0, max_digits=6, **options)


def _several(label: Any, choices: Any) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(label=label, choices=choices, required=False, widget=forms.CheckboxSelectMultiple)


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
    time_how = forms.ChoiceField(
        label=_("How often"), choices=TIMETABLES, required=False, initial=BY_DAYS, widget=forms.RadioSelect
    )
    weekdays = _several(_("On these days"), WEEKDAYS)
    month_day = forms.IntegerField(label=_("Day of the month"), min_value=1, max_value=31, required=False, initial=1)
    every_hours = forms.IntegerField(
        label=_("Every so many hours"), min_value=1, max_value=8760, required=False, initial=24
    )
    once_at = forms.DateTimeField(
        label=_("On the day"),
        required=False,
        help_text=_("By the clock of the rule's owner"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    cron = forms.CharField(
        label=_("Cron line"),
        required=False,
        max_length=100,
        help_text=_("Minute, hour, day, month, weekday: 0 9 * * 1-5 is 09:00 from Monday to Friday"),
    )
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
    statuses = _several(_("Only contacts that are"), Contact.STATUSES)
    cadences = _several(_("Only these cadences"), Contact.CADENCES)
    priorities = _several(_("Only tasks of priority"), Task.PRIORITIES)
    after_rules = _several(_("Only tasks of these rules"), ())
    title_contains = forms.CharField(label=_("Only if the title contains"), required=False, max_length=255)
    late_what = forms.ChoiceField(
        label=_("What is overdue"),
        choices=[("task", _("A task")), ("follow_up", _("A contact's follow-up"))],
        required=False,
    )
    late_hours = _number(_("By how many hours (tasks)"), initial=0)
    quiet_days = _number(_("Nothing heard for so many days"), initial=Decimal(30))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("kind") == Rule.ACTIVITY and not (given.get("activity_types") or given.get("other_types")):
            self.add_error("activity_types", _("Choose at least one."))
        if given.get("kind") == Rule.TIME:
            how = given.get("time_how")
            if how == BY_WEEK and not given.get("weekdays"):
                self.add_error("weekdays", _("Choose at least one day."))
            if how == ONCE and not given.get("once_at") and "once_at" not in self.errors:
                self.add_error("once_at", _("Choose a date and a time."))
            if how == BY_CRON and not given.get("cron"):
                self.add_error("cron", _("Write a cron line, or choose another way."))
        return given

    def trigger_config(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The settings of the kind chosen. What the form does not show of the same kind stays as it is kept."""
        found = {**_unseen(self.cleaned_data["kind"], kept), **_SETTINGS[self.cleaned_data["kind"]](self.cleaned_data)}
        days = [one for one in kept.get("cadences") or [] if str(one).startswith("days:")]  # of which there is no list
        if days and self.cleaned_data["kind"] == Rule.CADENCE:
            found["cadences"] = [*found.get("cadences", []), *days]
        return found


def _activity(given: dict[str, Any]) -> dict[str, Any]:
    others = [word.strip() for word in given["other_types"].split(",") if word.strip()]
    return {"activity_types": [*given["activity_types"], *others]}


def _status(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("from_status", "to_status") if given[name]}


def _time(given: dict[str, Any]) -> dict[str, Any]:
    audience = given["audience"] or "none"
    return {**_timetable(given), "audience": audience, **(_chosen(given, "statuses") if audience == "contacts" else {})}


def _timetable(given: dict[str, Any]) -> dict[str, Any]:
    how, at = given["time_how"] or BY_DAYS, given["every_at"] or NINE
    if how == BY_WEEK:
        return {"cron": f"{at.minute} {at.hour} * * {','.join(given['weekdays'])}"}
    if how == BY_MONTH:
        return {"cron": f"{at.minute} {at.hour} {given['month_day'] or 1} * *"}
    if how == BY_HOURS:
        return {"every": {"hours": given["every_hours"] or 24}}
    if how == ONCE:
        return {"at": f"{given['once_at']:%Y-%m-%dT%H:%M}"}
    if how == BY_CRON:
        return {"cron": given["cron"]}
    return {"every": {"days": given["every_days"] or 1, "at": f"{at:%H:%M}"}}


def _chosen(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those of the settings that narrow anything."""
    return {name: given[name] for name in names if given[name]}


def _completed(given: dict[str, Any]) -> dict[str, Any]:
    rules = {"rule_ids": [int(pk) for pk in given["after_rules"]]} if given["after_rules"] else {}
    return {**rules, **_chosen(given, "priorities", "title_contains")}


def _overdue(given: dict[str, Any]) -> dict[str, Any]:
    if given["late_what"] == "follow_up":
        return {"what": "follow_up"}
    return {"what": "task", "after_hours": _plain(given["late_hours"] or Decimal(0))}


def _quiet(given: dict[str, Any]) -> dict[str, Any]:
    return {"days": _plain(given["quiet_days"] or Decimal(0)), **_chosen(given, "statuses")}


_SETTINGS: dict[str, Any] = {
    Rule.ACTIVITY: _activity,
    Rule.STATUS_CHANGE: _status,
    Rule.CADENCE: lambda given: _chosen(given, "cadences"),
    Rule.TIME: _time,
    Rule.OVERDUE: _overdue,
    Rule.INACTIVITY: _quiet,
    Rule.TASK_COMPLETED: _completed,
}
_SHOWN = {
    Rule.ACTIVITY: {"activity_types"},
    Rule.STATUS_CHANGE: {"from_status", "to_status"},
    Rule.CADENCE: {"cadences"},
    Rule.TIME: {"every", "cron", "at", "audience", "statuses"},
    Rule.OVERDUE: {"what", "after_hours"},
    Rule.INACTIVITY: {"days", "hours", "statuses"},
    Rule.TASK_COMPLETED: {"rule_ids", "priorities", "title_contains"},
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
    days = Decimal(str(config.get("days") or 0)) + Decimal(str(config.get("hours") or 0)) / 24
    return {
        "kind": rule.trigger_type,
        "activity_types": [kind for kind in types if kind in words.TRIGGERING],
        "other_types": ", ".join(kind for kind in types if kind not in words.TRIGGERING),
        "from_status": config.get("from_status", ""),
        "to_status": config.get("to_status", ""),
        **(_shown_timetable(rule, config) if rule.trigger_type == Rule.TIME else {}),
        "audience": config.get("audience", "none"),
        "statuses": config.get("statuses") or [],
        "cadences": [word for word in config.get("cadences") or [] if word in dict(Contact.CADENCES)],
        "priorities": config.get("priorities") or [],
        "after_rules": [str(pk) for pk in config.get("rule_ids") or []],
        "title_contains": config.get("title_contains", ""),
        "late_what": config.get("what", "task"),
        "late_hours": config.get("after_hours", 0),
        "quiet_days": round(days, 2) if rule.trigger_type == Rule.INACTIVITY else Decimal(30),
    }


def _shown_timetable(rule: Rule, config: dict[str, Any]) -> dict[str, Any]:
    """A timetable in the simplest fields that say it; a cron line that no others say stays one."""
    every = config.get("every")
    if isinstance(every, dict) and "hours" in every:
        return {"time_how": BY_HOURS, "every_hours": every["hours"]}
    if isinstance(every, dict):
        return {"time_how": BY_DAYS, "every_days": every.get("days", 1), "every_at": str(every.get("at") or "09:00")}
    if config.get("at"):
        return {"time_how": ONCE, "once_at": _local(rule, str(config["at"]))}
    line = " ".join(str(config.get("cron") or "").split())
    if found := _WEEKLY.fullmatch(line):
        return {"time_how": BY_WEEK, "weekdays": _days(found[3]), "every_at": _clock(found)}
    if found := _MONTHLY.fullmatch(line):
        return {"time_how": BY_MONTH, "month_day": int(found[3]), "every_at": _clock(found)}
    return {"time_how": BY_CRON, "cron": line}


def _clock(found: re.Match[str]) -> str:
    return f"{int(found[2]):02}:{int(found[1]):02}"


def _days(text: str) -> list[str]:
    """The weekdays of a cron line, 1-5 and 1,3 alike."""
    found: set[int] = set()
    for part in text.split(","):
        first, _dash, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return [str(day) for day in sorted({day % 7 for day in found})]


def _local(rule: Rule, text: str) -> datetime | None:
    """A date as the rule's clock shows it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(time_trigger.zone_of(rule)).replace(tzinfo=None) if moment.tzinfo else moment
