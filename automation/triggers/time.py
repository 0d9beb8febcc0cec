"""At set times: once, by a cron line, or every so often; for each contact of an audience, or for nobody."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from pydantic import model_validator

from automation import events
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past, in_order
from crm.models import Contact
from domain import calendars, cron

KIND = TaskAutomationRule.TIME
LABEL = "At set times"
STATUSES = tuple(status for status, _ in Contact.STATUSES)
WHEN = ("cron", "at", "every")
MOST_RUNS = 10_000


class Config(configs.Config):
    cron: str | None = None
    at: str | None = None
    every: dict[str, Any] | None = None
    audience: Literal["contacts", "none"] = "none"
    statuses: list[Literal["lead", "active", "inactive", "lost"]] = []

    @model_validator(mode="after")
    def _when(self) -> "Config":
        if self.statuses and self.audience == "none":
            raise ValueError('statuses choose contacts: set audience to "contacts", or leave them out')
        return self


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, config) or cron.check(when(config))


def when(config: dict[str, Any]) -> dict[str, Any]:
    """The part of the settings that says when."""
    return {name: config[name] for name in WHEN if config.get(name) is not None}


def sentence(config: dict[str, Any]) -> str:
    told = f"it is time ({cron.sentence(when(config))})"
    if config.get("audience") != "contacts":
        return told
    return f"{told}, for each {' or '.join(config.get('statuses') or [])} contact".replace("each  ", "each ")


def matches(config: dict[str, Any], event: Event) -> bool:  # noqa: ARG001 (the run is made for its rule)
    return event.kind == KIND


def zone_of(rule: TaskAutomationRule) -> ZoneInfo:
    return calendars.first_zone(rule.owner.timezone, rule.team.timezone).zone


def next_run(rule: TaskAutomationRule, *, after: datetime) -> datetime | None:
    """The first instant after this one at which the rule runs; None when there is none."""
    return cron.next_run(when(rule.trigger_config), after=after, zone=zone_of(rule), anchor=rule.created_at)


def audience(rule: TaskAutomationRule) -> QuerySet[Contact]:
    """The contacts it runs for, by id; none for a rule about nobody in particular."""
    if rule.trigger_config.get("audience") != "contacts":
        return Contact.objects.none()
    rows = Contact.objects.standing().filter(team_id=rule.team_id)
    if rule.scope == rule.OWN:
        rows = rows.filter(owner_id=rule.owner_id)
    if rule.trigger_config.get("statuses"):
        rows = rows.filter(status__in=rule.trigger_config["statuses"])
    return rows.select_related("owner", "team").order_by("pk")


def run(rule: TaskAutomationRule, at: datetime, contact: Contact | None, *, missed: int = 0) -> Event:
    """One run, for a contact or for nobody."""
    subject = f"contact:{contact.pk}" if contact else "rule"
    data = {"missed": missed} if missed else {}
    return events.at_instant(KIND, subject, at, team_id=rule.team_id, contact=contact, data=data)


def is_for_contacts(rule: TaskAutomationRule) -> bool:
    return rule.trigger_config.get("audience") == "contacts"


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """A run now."""
    if not is_for_contacts(rule):
        yield run(rule, now, None)
    people = audience(rule) if only is None else audience(rule).filter(pk=only.pk)
    for contact in in_order(people, "owner", "team"):
        yield run(rule, now, contact)


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    runs = cron.runs_between(
        when(rule.trigger_config),
        ledger.start,
        ledger.end,
        zone=zone_of(rule),
        anchor=min(rule.created_at, ledger.start),  # for the time before it was made, as if it began with it
        limit=MOST_RUNS,
    )
    people = [ledger.contacts.get(contact.pk, contact) for contact in audience(rule)]
    for at in runs:
        if not is_for_contacts(rule):
            yield run(rule, at, None)
        for contact in people:
            yield run(rule, at, contact)
