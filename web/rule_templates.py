"""Rules to start from: each fills the form in, and nothing is saved before somebody says so."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from automation.models import TaskAutomationRule as Rule
from crm.models import Activity
from web.rule_form import DAYS, HOURS, WORKING_DAYS, WORKING_HOURS
from work.models import Task


@dataclass(frozen=True)
class Template:
    """`fields` are those of the form; what is left out keeps its default."""

    name: str | Promise
    why: str | Promise
    icon: str
    fields: dict[str, Any] = field(default_factory=dict)

    def initial(self) -> dict[str, Any]:
        words = {"name": self.name, "title": self.fields["title"]}
        return {**self.fields, **{name: str(text) for name, text in words.items()}}


TEMPLATES: dict[str, Template] = {
    "hot-lead": Template(
        _("A hot lead clicks: call"),
        _("A lead with a score of 60 and more clicks a link: call within two working hours."),
        "mouse-pointer-click",
        {
            "kind": Rule.ACTIVITY,
            "activity_types": [Activity.EMAIL_CLICKED],
            "condition": "contact.lead_score >= 60",
            "title": _("Call {{contact_name}}: clicked a link"),
            "delay": Decimal(2),
            "delay_unit": WORKING_HOURS,
            "priority": Task.HIGH,
            "estimated_hours": Decimal("0.5"),
        },
    ),
    "form": Template(
        _("Somebody fills in a form: answer"),
        _("Whoever asks hears from you within one working hour."),
        "clipboard-list",
        {
            "kind": Rule.ACTIVITY,
            "activity_types": [Activity.FORM_SUBMITTED],
            "title": _("Answer {{contact_name}}"),
            "delay": Decimal(1),
            "delay_unit": WORKING_HOURS,
            "priority": Task.URGENT,
            "estimated_hours": Decimal("0.25"),
            "repeat_policy": Rule.EVERY_TIME,
        },
    ),
    "meeting": Template(
        _("After a meeting: send the summary"),
        _("A meeting took place: what was agreed goes out on the next working day."),
        "calendar-check",
        {
            "kind": Rule.ACTIVITY,
            "activity_types": [Activity.MEETING],
            "title": _("Send {{contact_name}} what you agreed on"),
            "delay": Decimal(1),
            "delay_unit": WORKING_DAYS,
            "estimated_hours": Decimal("0.5"),
            "repeat_policy": Rule.EVERY_TIME,
        },
    ),
    "customer": Template(
        _("A new customer: welcome them"),
        _("A contact becomes active: say hello within two working days."),
        "party-popper",
        {
            "kind": Rule.STATUS_CHANGE,
            "to_status": "active",
            "title": _("Welcome {{contact_name}}"),
            "delay": Decimal(2),
            "delay_unit": WORKING_DAYS,
            "estimated_hours": Decimal("0.5"),
            "repeat_policy": Rule.ONCE_EVER,
        },
    ),
    "quiet": Template(
        _("A customer went quiet: check in"),
        _("Nothing was heard of an active contact for 30 days: ask how things are."),
        "moon",
        {
            "kind": Rule.INACTIVITY,
            "quiet_days": Decimal(30),
            "condition": 'contact.status == "active"',
            "title": _("Check in with {{contact_name}}"),
            "delay": Decimal(3),
            "delay_unit": DAYS,
            "estimated_hours": Decimal("0.25"),
        },
    ),
    "late": Template(
        _("A task is a day late: look into it"),
        _("What nobody got to for 24 hours becomes a task of high priority for the contact's owner."),
        "hourglass",
        {
            "kind": Rule.OVERDUE,
            "late_what": "task",
            "late_hours": Decimal(24),
            "condition": 'task.priority in ["high", "urgent"]',
            "title": _("Help out: a task for {{contact_name}} is late"),
            "delay": Decimal(4),
            "delay_unit": HOURS,
            "priority": Task.HIGH,
        },
    ),
}
