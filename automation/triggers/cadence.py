"""A contact's cadence came round, or its follow-up date came. Such a rule stands in for the built-in task."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pydantic import field_validator

from automation import events
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past, in_order, standing
from crm.models import Activity, Contact
from domain import calendars, recurrence, touches

KIND = TaskAutomationRule.CADENCE
LABEL = "A contact's cadence came round"
TOUCHES = (Activity.CALL, Activity.MEETING, Activity.EMAIL_REPLIED, Activity.EMAIL_SENT)
MOST_TOUCHES = 1000
"""Touches of one contact that a backtest looks at; a daily cadence over almost three years."""


class Config(configs.Config):
    cadences: configs.Words = []

    @field_validator("cadences")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for cadence in value:
            recurrence.check_cadence(cadence)
        return value


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, config)


def sentence(config: dict[str, Any]) -> str:
    names = [recurrence.label(cadence).lower() for cadence in config.get("cadences") or []]
    return f"a contact's {' or '.join(names)} touch is due" if names else "a contact's next touch is due"


def matches(config: dict[str, Any], event: Event) -> bool:
    if event.kind != KIND or event.contact is None:
        return False
    return not config.get("cadences") or event.contact.contact_cadence in config["cadences"]


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """The contacts whose touch is due now."""
    rows = standing(only).filter(team_id=rule.team_id, next_touch_at__lte=now, do_not_contact=False)
    for contact in in_order(rows, "owner", "team"):
        assert contact.next_touch_at is not None
        event = _due(contact, contact.next_touch_at)
        if matches(rule.trigger_config, event):
            yield event


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    """Touches by the cadences of today, each counted from the touch before it; what a full day would move is not."""
    touched: dict[int, list[datetime]] = {}
    rows = Activity.objects.filter(team=ledger.team, activity_type__in=TOUCHES, occurred_at__lt=ledger.end)
    for contact_id, at in rows.order_by("occurred_at").values_list("contact", "occurred_at"):
        touched.setdefault(contact_id, []).append(at)
    for contact in ledger.contacts.values():
        if contact.contact_cadence and not contact.do_not_contact:
            for due in _dues(contact, touched.get(contact.pk, []), ledger):
                event = _due(contact, due)
                if matches(rule.trigger_config, event):
                    yield event


def _dues(contact: Contact, touched: list[datetime], ledger: Past) -> Iterator[datetime]:
    owner = contact.owner
    zone = calendars.first_zone(contact.timezone, owner.timezone if owner else "", ledger.team.timezone).zone
    base = max((at for at in touched if at < ledger.start), default=contact.created_at)
    for _ in range(MOST_TOUCHES):
        due = touches.after(contact.contact_cadence, base, anchor_day=contact.cadence_anchor_day, zone=zone)
        earlier = [at for at in touched if base < at < due]
        if earlier:
            base = earlier[0]
            continue
        if due >= ledger.end:
            return
        if due >= ledger.start:
            yield due
        base = due


def _due(contact: Contact, due: datetime) -> Event:
    return events.at_instant(KIND, f"contact:{contact.pk}", due, team_id=contact.team_id, contact=contact)
