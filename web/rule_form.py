"""The form of a rule: trigger, title and delay; all else has a default and waits under Advanced."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from automation import rules
from automation.models import TaskAutomationRule
from crm.models import Contact
from domain import templating
from people.models import Skill, User
from web import words
from work.models import Task

HOURS, DAYS = "hours", "days"
ANY_STATUS = ("", _("any status"))
LEVELS = [("", _("Not needed")), *((str(level), f"≥ {level}") for level in range(1, 6))]
STRATEGIES = [
    ("owner", _("The contact's owner, else the rule's")),
    ("best_match", _("Whoever fits best: skills, load, time")),
    ("round_robin", _("Each in turn")),
    ("unassigned", _("Nobody: leave it in the queue")),
]
BASIC = ("kind", "activity_types", "from_status", "to_status", "title", "delay", "delay_unit")
FIELDS = {
    "name": "name",
    "task_title_template": "title",
    "task_description_template": "description",
    "task_priority": "priority",
    "delay_hours": "delay",
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


def _hours(label: Any, **options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
    return forms.DecimalField(label=label, max_digits=8, decimal_places=2, min_value=0, widget=widget, **options)


class RuleForm(forms.Form):
    kind = forms.ChoiceField(
        label=_("When"), choices=TaskAutomationRule.TRIGGERS, initial="activity", widget=forms.RadioSelect
    )
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
    title = forms.CharField(label=_("Title of the task"), max_length=1000)
    delay = _hours(_("Due after"), initial=Decimal(4))
    delay_unit = forms.ChoiceField(
        label=_("Unit"),
        choices=[(HOURS, _("hours")), (DAYS, _("days"))],
        initial=HOURS,
        widget=forms.Select(attrs={"aria-label": _("Unit")}),
    )

    name = forms.CharField(label=_("Name of the rule"), max_length=120, required=False)
    description = forms.CharField(
        label=_("Description of the task"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    priority = forms.ChoiceField(label=_("Priority"), choices=Task.PRIORITIES, initial=Task.MEDIUM)
    assign = forms.ChoiceField(label=_("Assign to"), initial="owner")
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
    fires_on_imports = forms.BooleanField(label=_("Also for imported events"), required=False)
    fires_on_machines = forms.BooleanField(label=_("Also for opens and clicks made by programs"), required=False)

    def __init__(self, *args: Any, user: User, rule: TaskAutomationRule | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", values_of(rule) if rule is not None else {})
        super().__init__(*args, **kwargs)
        people = User.objects.visible_to(user).active().order_by("first_name", "username")
        if not user.manages:  # only a manager's rule may give its tasks to somebody else by name
            people = people.filter(pk=user.pk)
        assign: Any = self.fields["assign"]
        assign.choices = [*STRATEGIES, *((f"user:{one.pk}", one.display_name) for one in people)]
        self.skills = list(Skill.objects.visible_to(user).order_by("name"))
        for skill in self.skills:
            self.fields[f"skill_{skill.pk}"] = forms.ChoiceField(label=skill.name, choices=LEVELS, required=False)
        for bound in self:
            if bound.errors and "aria-invalid" not in bound.field.widget.attrs:
                bound.field.widget.attrs["aria-invalid"] = "true"

    variables = [f"{{{{{name}}}}}" for name in templating.FIXED_VARIABLES]

    @property
    def skill_fields(self) -> list[forms.BoundField]:
        return [self[f"skill_{skill.pk}"] for skill in self.skills]

    @property
    def shows_advanced(self) -> bool:
        """Open when something in there is wrong, or is not as the defaults have it."""
        if self.is_bound:
            return any(name not in BASIC for name in self.errors)
        defaults = {name: field.initial for name, field in self.fields.items()}
        kept = {name: value for name, value in self.initial.items() if name not in (*BASIC, "name")}
        return any((value or None) != (defaults.get(name) or None) for name, value in kept.items())

    def rule_fields(self) -> dict[str, Any]:
        """The columns, as `automation.rules` takes them."""
        given = self.cleaned_data
        days = given["delay_unit"] == DAYS
        return {
            "name": given["name"] or given["title"][:120],
            "trigger_type": given["kind"],
            "trigger_config": self._trigger(),
            "task_title_template": given["title"],
            "task_description_template": given["description"],
            "task_priority": given["priority"],
            "delay_hours": given["delay"] * (24 if days else 1),
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

    def _trigger(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given["kind"] == TaskAutomationRule.STATUS_CHANGE:
            return {name: given[name] for name in ("from_status", "to_status") if given[name]}
        others = [word.strip() for word in given["other_types"].split(",") if word.strip()]
        return {"activity_types": [*given["activity_types"], *others]}


def values_of(rule: TaskAutomationRule) -> dict[str, Any]:
    """A kept rule as the form shows it."""
    config = rule.trigger_config if isinstance(rule.trigger_config, dict) else {}
    types = [str(kind) for kind in config.get("activity_types") or []]
    days = rule.delay_hours >= 48 and rule.delay_hours % 24 == 0
    values: dict[str, Any] = {
        "kind": rule.trigger_type,
        "activity_types": [kind for kind in types if kind in words.TRIGGERING],
        "other_types": ", ".join(kind for kind in types if kind not in words.TRIGGERING),
        "from_status": config.get("from_status", ""),
        "to_status": config.get("to_status", ""),
        "title": rule.task_title_template,
        "delay": _plain(rule.delay_hours / 24 if days else rule.delay_hours),
        "delay_unit": DAYS if days else HOURS,
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
    wanted = {need["skill"].lower(): need.get("level", 1) for need in rule.required_skills if isinstance(need, dict)}
    for skill in Skill.objects.filter(team_id=rule.team_id):
        if skill.name.lower() in wanted:
            values[f"skill_{skill.pk}"] = str(wanted[skill.name.lower()])
    return values


def _plain(value: Decimal | None) -> Decimal | None:
    """4.00 as 4, without turning 100 into 1E+2."""
    return None if value is None else Decimal(f"{value.normalize():f}")
