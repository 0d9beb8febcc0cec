"""A contact did something: opened, clicked, replied, sent a form, or whatever a team records."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import field_validator

from automation import events
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past
from crm.models import Activity, Contact

KIND = TaskAutomationRule.ACTIVITY
LABEL = "Something a contact did"
RECENT = timedelta(days=30)
WORDS = {
    Activity.EMAIL_OPENED: "opens an email",
    Activity.EMAIL_CLICKED: "clicks a link",
    Activity.EMAIL_REPLIED: "replies",
    Activity.EMAIL_AUTO_REPLIED: "sends an automatic reply",
    Activity.EMAIL_BOUNCED: "cannot be reached by mail",
    Activity.EMAIL_UNSUBSCRIBED: "unsubscribes",
    Activity.EMAIL_COMPLAINED: "calls a mail spam",
    Activity.FORM_SUBMITTED: "submits a form",
    Activity.CALL: "had a call",
    Activity.MEETING: "had a meeting",
    Activity.MEETING_BOOKED: "books a meeting",
}


class Config(configs.Config):
    activity_types: configs.Words = []

    @field_validator("activity_types", mode="after")
    @classmethod
    def _some(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("Choose at least one activity type")
        return value


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, {"activity_types": [], **config})


def sentence(config: dict[str, Any]) -> str:
    names = [WORDS.get(name, f"has “{name.replace('_', ' ')}”") for name in config.get("activity_types", [])]
    return f"a contact {' or '.join(names)}"


def matches(config: dict[str, Any], event: Event) -> bool:
    return event.activity is not None and event.activity_type in config["activity_types"]


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """The latest such activity of each contact within 30 days."""
    rows = Activity.objects.filter(
        team_id=rule.team_id,
        activity_type__in=rule.trigger_config["activity_types"],
        occurred_at__gte=now - RECENT,
        contact__isnull=False,
        **({"contact": only} if only else {}),
    ).select_related("contact__owner", "contact__team")
    seen: set[int | None] = set()
    for activity in rows.order_by("contact", "-occurred_at", "-pk").iterator(chunk_size=500):
        if activity.contact_id not in seen:
            seen.add(activity.contact_id)
            yield events.of_activity(activity)


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    return (event for event in ledger.events() if matches(rule.trigger_config, event))
