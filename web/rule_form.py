"""The form of a rule: trigger, title and delay; all else has a default, and what is rarely wanted waits folded up."""

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.forms.utils import ErrorDict
from django.utils.translation import gettext_lazy as _

from automation import rules
from automation.models import TaskAutomationRule
from domain import conditions, templating
from people.models import Skill, User
from web import rule_triggers
from web.numbers import NumberField
from web.rule_conditions import Conditions
from web.rule_triggers import TriggerForm
from work.models import Task

HOURS, DAYS, LOCAL_DAYS, WORKING_DAYS, WORKING_HOURS = "hours", "days", "local_days", "working_days", "working_hours"
UNITS = [
    (HOURS, _("hours")),
    (DAYS, _("days of 24 hours")),
    (LOCAL_DAYS, _("days on the calendar")),
    (WORKING_DAYS, _("working days")),
    (WORKING_HOURS, _("working hours")),
]
LEVELS = [("", _("Not needed")), *((str(level), f"≥ {level}") for level in range(1, 6))]
STRATEGIES = [
    ("owner", _("The contact's owner, else the rule's")),
    ("best_match", _("Whoever fits best: skills, load, time")),
    ("round_robin", _("Each in turn")),
    ("unassigned", _("Nobody: leave it in the queue")),
]
MORE = (
    *("description", "reminder_offset_hours", "delay_at", "outside_hours"),
    *("best_time_within_hours", "priority_from_score"),
)
LIMITS = (
    "repeat_policy",
    "repeat_window_hours",
    "max_event_age_hours",
    "settle_minutes",
    "limit_per_hour",
    "limit_owner_day",
    "limit_contact_day",
    "overflow",
    "burst",
    "fires_on_imports",
    "fires_on_machines",
)
"""What is folded up until somebody asks for it or it is not as the defaults have it: under Then, and at the end."""
FIELDS = {
    "name": "name",
    "task_title_template": "title",
    "task_description_template": "description",
    "task_priority": "priority",
    "delay_hours": "delay",
    "delay_days": "delay",
    "delay_kind": "delay",
    "delay_at": "delay_at",
    "outside_hours": "outside_hours",
    "best_time_within_hours": "best_time_within_hours",
    "burst": "burst",
    "condition": "condition",
    "settle_seconds": "settle_minutes",
    "limit_per_hour": "limit_per_hour",
    "limit_owner_day": "limit_owner_day",
    "limit_contact_day": "limit_contact_day",
    "reminder_offset_hours": "reminder_offset_hours",
    "trigger_type": "kind",
    "trigger_config": "kind",
    "repeat_policy": "repeat_policy",
    "repeat_window_hours": "repeat_window_hours",
    "assign": "assign",
    "required_skills": "skills",
    "estimated_hours": "estimated_hours",
    "max_event_age_hours": "max_event_age_hours",
}
"""Columns of the rule and the fields that fill them; errors go back the same way."""


def _hours(label: Any, **options: Any) -> NumberField:
    return NumberField(label=label, max_digits=8, decimal_places=2, min_value=0, **options)


def _most(label: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=1, max_value=1_000_000, required=False)


class RuleForm(TriggerForm):
    title = forms.CharField(label=_("Title of the task"), max_length=1000)
    delay = _hours(_("Due after"), initial=Decimal(4))
    delay_unit = forms.ChoiceField(
        label=_("Unit"),
        choices=UNITS,
        initial=HOURS,
        widget=forms.Select(attrs={"aria-label": _("Unit")}),
    )

    name = forms.CharField(label=_("Name of the rule"), max_length=120, required=False)
    description = forms.CharField(
        label=_("Description of the task"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("A line that begins with - [ ] is an item to tick."),
    )
    priority = forms.ChoiceField(label=_("Priority"), choices=Task.PRIORITIES, initial=Task.MEDIUM)
    assign = forms.ChoiceField(label=_("Assign to"), initial="owner")
    delay_at = forms.TimeField(
        label=_("Time of day it is due"),
        required=False,
        help_text=_("For a delay in days"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    outside_hours = forms.ChoiceField(
        label=_("Due outside working hours"), choices=TaskAutomationRule.OUTSIDE, required=False
    )
    best_time_within_hours = forms.IntegerField(
        label=_("At the best time, within hours"),
        min_value=1,
        max_value=336,
        required=False,
        help_text=_("When the contact answers soonest; empty: at its own time"),
    )
    priority_from_score = forms.BooleanField(label=_("Priority by the lead's score, where it has one"), required=False)
    reminder_offset_hours = _hours(_("Remind before it is due, hours"), required=False)
    estimated_hours = _hours(_("Estimated effort, hours"), required=False)
    repeat_policy = forms.ChoiceField(
        label=_("When it happens again"),
        choices=TaskAutomationRule.REPEATS,
        initial=TaskAutomationRule.ONCE_WHILE_OPEN,
    )
    repeat_window_hours = forms.IntegerField(label=_("That number of hours"), min_value=1, required=False, initial=24)
    max_event_age_hours = forms.IntegerField(
        label=_("Ignore events older than, hours"), min_value=1, max_value=8760, required=False, initial=72
    )
    condition = forms.CharField(
        label=_("If"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "code"}),
    )
    limit_per_hour = _most(_("Most tasks of this rule an hour"))
    limit_owner_day = _most(_("Most automatic tasks for one owner a day"))
    limit_contact_day = _most(_("Most automatic tasks for one contact a day"))
    overflow = forms.ChoiceField(
        label=_("What is over a limit comes"),
        choices=TaskAutomationRule.OVERFLOWS,
        initial=TaskAutomationRule.DELAY,
        required=False,
    )
    burst = forms.IntegerField(
        label=_("Tasks in an hour that pause it"),
        min_value=0,
        max_value=1_000_000,
        required=False,
        initial=100,
        help_text=_("A sudden rush switches the rule off; 0 never does"),
    )
    settle_minutes = forms.IntegerField(
        label=_("Let a status settle, minutes"), min_value=0, max_value=10_080, required=False, initial=0
    )
    fires_on_imports = forms.BooleanField(label=_("Also for imported events"), required=False)
    fires_on_machines = forms.BooleanField(label=_("Also for opens and clicks made by programs"), required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        user: User,
        rule: TaskAutomationRule | None = None,
        initial: dict[str, Any] | None = None,
        checked: bool = True,
    ) -> None:
        """`checked=False` shows what was sent as it is, without a word about what is wrong."""
        self.rule = rule
        initial = (values_of(rule) if rule is not None else {}) if initial is None else initial
        self.conditions = Conditions.sent(data) if data else Conditions.kept(str(initial.get("condition", "")))
        super().__init__(data, initial=initial)
        if not checked:
            self._errors = ErrorDict()
        people = User.objects.visible_to(user).active().order_by("first_name", "username")
        if not user.manages:  # only a manager's rule may give its tasks to somebody else by name
            people = people.filter(pk=user.pk)
        assign: Any = self.fields["assign"]
        assign.choices = [*STRATEGIES, *((f"user:{one.pk}", one.display_name) for one in people)]
        after: Any = self.fields["after_rules"]
        after.choices = _rules(user, rule)
        self.skills = list(Skill.objects.visible_to(user).order_by("name"))
        for skill in self.skills:
            self.fields[f"skill_{skill.pk}"] = forms.ChoiceField(label=skill.name, choices=LEVELS, required=False)
        for bound in self:
            if bound.errors and "aria-invalid" not in bound.field.widget.attrs:
                bound.field.widget.attrs["aria-invalid"] = "true"

    variables = [f"{{{{{name}}}}}" for name in (*templating.FIXED_VARIABLES, "contact.company", "contact.phone")]

    @property
    def skill_fields(self) -> list[forms.BoundField]:
        return [self[f"skill_{skill.pk}"] for skill in self.skills]

    @property
    def shows_more(self) -> bool:
        given, title = self.initial.get("name", ""), str(self.initial.get("title", ""))
        return self._shows(MORE) or "name" in self.errors or given not in ("", *_by_itself(title))

    @property
    def shows_skills(self) -> bool:
        return self._shows(tuple(f"skill_{skill.pk}" for skill in self.skills))

    @property
    def shows_limits(self) -> bool:
        return self._shows(LIMITS)

    def _shows(self, names: tuple[str, ...]) -> bool:
        """Open when something in there is wrong, or is not as the defaults have it."""
        if self.is_bound:
            sent = {name: self[name].data for name in names}
            defaults = {name: self.fields[name].initial for name in names}
            usual = {name: "" if default is None else str(default) for name, default in defaults.items()}
            changed = any(str(sent[name] or "") not in ("", usual[name]) for name in names)
            return changed or any(name in self.errors for name in names)
        return any(
            (self.initial[name] or None) != (self.fields[name].initial or None)
            for name in names
            if name in self.initial
        )

    def rule_fields(self) -> dict[str, Any]:
        """The columns, as `automation.rules` takes them."""
        given = self.cleaned_data
        return {
            "name": self._name(given["name"]) or _usual_name(given["title"]),
            "trigger_type": given["kind"],
            "trigger_config": self._trigger(),
            "condition": given["condition"],
            "settle_seconds": (given["settle_minutes"] or 0) * 60 if given["kind"] == "status_change" else 0,
            "limit_per_hour": given["limit_per_hour"],
            "limit_owner_day": given["limit_owner_day"],
            "limit_contact_day": given["limit_contact_day"],
            "overflow": given["overflow"] or TaskAutomationRule.DELAY,
            "burst": self._burst(),
            "outside_hours": given["outside_hours"],
            "best_time_within_hours": given["best_time_within_hours"],
            "priority_from_score": given["priority_from_score"],
            "task_title_template": given["title"],
            "task_description_template": given["description"],
            "task_priority": given["priority"],
            **self._delay(),
            "reminder_offset_hours": given["reminder_offset_hours"],
            "repeat_policy": given["repeat_policy"],
            "repeat_window_hours": given["repeat_window_hours"] or 24,
            "assign": given["assign"],
            "required_skills": [
                {"skill": skill.name, "level": int(given[f"skill_{skill.pk}"])}
                for skill in self.skills
                if given[f"skill_{skill.pk}"]
            ],
            "estimated_hours": given["estimated_hours"],
            "max_event_age_hours": given["max_event_age_hours"] or 72,
            "fires_on_imports": given["fires_on_imports"],
            "fires_on_machines": given["fires_on_machines"],
        }

    def take_errors(self, errors: rules.Errors) -> None:
        """Puts what the domain refused beside the fields that hold it."""
        for column, texts in errors.items():
            field = FIELDS.get(column)
            for text in texts:
                self.add_error(field if field in self.fields else None, text)

    def _name(self, given: str) -> str:
        """As somebody gave it; empty for one that was made of the title, which it follows."""
        return "" if self.rule is not None and given in _by_itself(self.rule.task_title_template) else given

    def _trigger(self) -> dict[str, Any]:
        same = self.rule is not None and self.rule.trigger_type == self.cleaned_data["kind"]
        kept = self.rule.trigger_config if self.rule is not None and same else {}
        return self.trigger_config(kept if isinstance(kept, dict) else {})

    def _delay(self) -> dict[str, Any]:
        """The columns of the delay, by its unit."""
        amount, unit = self.cleaned_data["delay"], self.cleaned_data["delay_unit"]
        kind = {LOCAL_DAYS: "calendar", WORKING_DAYS: "business", WORKING_HOURS: "business"}.get(unit, "elapsed")
        if unit in (LOCAL_DAYS, WORKING_DAYS):
            days = {"delay_days": int(amount), "delay_at": self.cleaned_data["delay_at"]}
            return {"delay_kind": kind, "delay_hours": Decimal(0), **days}
        hours = amount * 24 if unit == DAYS else amount
        return {"delay_kind": kind, "delay_hours": hours, "delay_days": None, "delay_at": None}

    def _burst(self) -> int:
        burst = self.cleaned_data["burst"]
        if burst is None:
            burst = self.rule.burst if self.rule is not None else self.fields["burst"].initial
        return int(burst)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.conditions.is_expression:
            try:
                given["condition"] = self.conditions.source()
            except conditions.ConditionError as refusal:
                self.add_error("condition", str(refusal))
        amount = given.get("delay")
        if given.get("delay_unit") in (LOCAL_DAYS, WORKING_DAYS) and amount is not None and amount % 1:
            self.add_error("delay", _("Give whole days, or choose hours."))
        return given


def _usual_name(title: str) -> str:
    return TaskAutomationRule(task_title_template=title).usual_name()


def _by_itself(title: str) -> tuple[str, ...]:
    """Names that nobody gave."""
    return (title[:120], _usual_name(title))


def _rules(user: User, rule: TaskAutomationRule | None) -> list[tuple[str, str]]:
    """Rules whose tasks may be waited for; those of the rule that were deleted since stay in its list."""
    waited = (
        rule.trigger_config.get("rule_ids") or [] if rule is not None and isinstance(rule.trigger_config, dict) else []
    )
    rows = TaskAutomationRule.objects.filter(team_id=user.team_id)
    known = rows.filter(Q(archived_at__isnull=True) | Q(pk__in=waited)).exclude(pk=rule.pk if rule is not None else 0)
    return [(str(pk), name) for pk, name in known.order_by("name").values_list("pk", "name")]


def values_of(rule: TaskAutomationRule) -> dict[str, Any]:
    """A kept rule as the form shows it."""
    delay, unit = _shown_delay(rule)
    values: dict[str, Any] = {
        **rule_triggers.values_of(rule),
        "title": rule.task_title_template,
        "delay": delay,
        "delay_unit": unit,
        "condition": rule.condition,
        "limit_per_hour": rule.limit_per_hour,
        "limit_owner_day": rule.limit_owner_day,
        "limit_contact_day": rule.limit_contact_day,
        "overflow": rule.overflow,
        "burst": rule.burst,
        "delay_at": rule.delay_at,
        "outside_hours": rule.outside_hours,
        "best_time_within_hours": rule.best_time_within_hours,
        "priority_from_score": rule.priority_from_score,
        "settle_minutes": -(-rule.settle_seconds // 60),
        "name": rule.name,
        "description": rule.task_description_template,
        "priority": rule.task_priority,
        "assign": rule.assign,
        "reminder_offset_hours": _plain(rule.reminder_offset_hours),
        "estimated_hours": _plain(rule.estimated_hours),
        "repeat_policy": rule.repeat_policy,
        "repeat_window_hours": rule.repeat_window_hours,
        "max_event_age_hours": rule.max_event_age_hours,
        "fires_on_imports": rule.fires_on_imports,
        "fires_on_machines": rule.fires_on_machines,
    }
    wanted = needs_of(rule)
    for skill in Skill.objects.filter(team_id=rule.team_id):
        if skill.name.lower() in wanted:
            values[f"skill_{skill.pk}"] = str(wanted[skill.name.lower()])
    return values


def needs_of(rule: TaskAutomationRule) -> dict[str, int]:
    """Names of skills in lower case with the least level; what somebody wrote by hand and is none is left out."""
    kept = rule.required_skills if isinstance(rule.required_skills, list) else []
    rows = [need for need in kept if isinstance(need, dict)]
    return {str(need.get("skill")).lower(): need.get("level", 1) for need in rows if type(need.get("level", 1)) is int}


def _shown_delay(rule: TaskAutomationRule) -> tuple[Decimal | None, str]:
    """The delay's amount and unit; elapsed hours that make whole days of 48 and more read as days."""
    if rule.delay_days is not None and rule.delay_kind != "elapsed":
        return Decimal(rule.delay_days), LOCAL_DAYS if rule.delay_kind == "calendar" else WORKING_DAYS
    if rule.delay_kind == "business":
        return _plain(rule.delay_hours), WORKING_HOURS
    if rule.delay_hours >= 48 and rule.delay_hours % 24 == 0:
        return _plain(rule.delay_hours / 24), DAYS
    return _plain(rule.delay_hours), HOURS


def _plain(value: Decimal | None) -> Decimal | None:
    """4.00 as 4, without turning 100 into 1E+2."""
    return None if value is None else Decimal(f"{value.normalize():f}")
