"""Nothing was heard of a contact for a while; once for each silence."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.db.models import Q
from pydantic import Field, model_validator

from automation import events
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past, in_order, standing
from crm.models import Activity, Contact

KIND = TaskAutomationRule.INACTIVITY
LABEL = "Nothing heard for a while"
OWN_MAKING = (
    Activity.STATUS_CHANGED,
    Activity.TASK_CREATED,
    Activity.TASK_ASSIGNED,
    Activity.TASK_COMPLETED,
    Activity.TASK_STATUS_CHANGED,
    Activity.TASK_COMMENTED,
    Activity.TASK_OUTCOME,
    Activity.DO_NOT_CONTACT,
    Activity.OPTED_IN,
    Activity.CONTACT_MERGED,
    Activity.CONTACT_PARTED,
    Activity.CONTACT_ERASED,
)
"""What our side writes down: none of it is a sign of life of the contact."""


class Config(configs.Config):
    days: Annotated[int | float, Field(ge=0, le=3650)] = 0
    hours: Annotated[int | float, Field(ge=0, le=87_600)] = 0
    activity_types: configs.Words = []
    statuses: list[Literal["lead", "active", "inactive", "lost"]] = []

    @model_validator(mode="after")
    def _some_time(self) -> "Config":
        if not self.days and not self.hours:
            raise ValueError("Say how long nothing was heard, in days or hours")
        return self


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, config)


def span(config: dict[str, Any]) -> timedelta:
    """How long the silence lasts."""
    return timedelta(days=float(config.get("days") or 0), hours=float(config.get("hours") or 0))


def counts(config: dict[str, Any], activity_type: str) -> bool:
    """Whether an activity of this type is a sign of life to the rule."""
    wanted = config.get("activity_types")
    return activity_type in wanted if wanted else activity_type not in OWN_MAKING


def sentence(config: dict[str, Any]) -> str:
    parts = [
        f"{config[unit]:g} {unit if config[unit] != 1 else unit[:-1]}" for unit in ("days", "hours") if config.get(unit)
    ]
    what = " or ".join(name.replace("_", " ") for name in config.get("activity_types") or [])
    whom = " ".join([*filter(None, [" or ".join(config.get("statuses") or [])]), "contact"])
    return f"no {what or 'sign of life'} from {configs.one(whom)} for {' and '.join(parts)}"


def matches(config: dict[str, Any], event: Event) -> bool:
    """The event is made for the rule whose silence it is."""
    if event.kind != KIND or event.contact is None:
        return False
    return not config.get("statuses") or event.contact.status in config["statuses"]


def silence(config: dict[str, Any], contact: Contact, since: datetime) -> Event:
    """Nothing was heard since this instant for as long as the settings say."""
    return events.at_instant(
        KIND, f"contact:{contact.pk}", since + span(config), team_id=contact.team_id, contact=contact
    )


def last_sign(config: dict[str, Any], contact: Contact, *, before: datetime | None = None) -> datetime:
    """When the contact last gave one; its creation when it never did since, as after an import of older ones."""
    rows = Activity.objects.filter(contact=contact)
    wanted = config.get("activity_types")
    rows = rows.filter(activity_type__in=wanted) if wanted else rows.exclude(activity_type__in=OWN_MAKING)
    if before is not None:
        rows = rows.filter(occurred_at__lt=before)
    newest = rows.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
    return max(newest or contact.created_at, contact.created_at)


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """Who has been silent for as long now."""
    config = rule.trigger_config
    rows = standing(only).filter(team_id=rule.team_id, created_at__lte=now - span(config))
    if not config.get("activity_types"):
        rows = rows.filter(Q(last_activity_at__lte=now - span(config)) | Q(last_activity_at__isnull=True))
    for contact in in_order(rows, "owner", "team"):
        since = last_sign(config, contact)
        event = silence(config, contact, since)
        if event.occurred_at <= now and matches(config, event):
            yield event


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    """The silences that were long enough between the dates."""
    config, length = rule.trigger_config, span(rule.trigger_config)
    signs: dict[int, list[datetime]] = {}
    rows = Activity.objects.filter(team=ledger.team, contact__isnull=False, occurred_at__lt=ledger.end)
    for contact_id, kind, at in rows.order_by("occurred_at").values_list("contact", "activity_type", "occurred_at"):
        if counts(config, kind):
            signs.setdefault(contact_id, []).append(at)
    for contact in ledger.contacts.values():
        heard = [contact.created_at, *(at for at in signs.get(contact.pk, ()) if at > contact.created_at)]
        for since, following in zip(heard, [*heard[1:], None], strict=True):
            due = since + length
            if ledger.start <= due < ledger.end and (following is None or due <= following):
                event = silence(config, contact, since)
                if matches(config, event):
                    yield event
