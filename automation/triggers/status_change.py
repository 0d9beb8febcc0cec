"""A contact's status changed, from and to given words or any."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Prefetch
from pydantic import field_validator, model_validator

from automation import events
from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import configs
from automation.triggers.past import Past, in_order, standing
from crm.models import Activity, Contact

KIND = TaskAutomationRule.STATUS_CHANGE
LABEL = "A contact's status changed"
STATUSES = tuple(status for status, _ in Contact.STATUSES)


class Config(configs.Config):
    from_status: str | None = None
    to_status: str | None = None

    @field_validator("from_status", "to_status")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value not in (None, "", *STATUSES):
            raise ValueError(f"There is no status {value!r}: use one of {', '.join(STATUSES)}, or leave it out for any")
        return value

    @model_validator(mode="after")
    def _different(self) -> "Config":
        if self.from_status and self.from_status == self.to_status:
            raise ValueError("from_status and to_status are the same: such a change never happens")
        return self


def check(config: dict[str, Any]) -> list[str]:
    return configs.faults(Config, config)


def sentence(config: dict[str, Any]) -> str:
    old, new = config.get("from_status"), config.get("to_status")
    if old and new:
        return f"a contact goes from {old} to {new}"
    if new:
        return f"a contact becomes {new}"
    return f"a contact leaves {old}" if old else "a contact's status changes"


def matches(config: dict[str, Any], event: Event) -> bool:
    return event.activity_type == Activity.STATUS_CHANGED and fits(config, event.old_status, event.new_status)


def fits(config: dict[str, Any], old_status: str, new_status: str) -> bool:
    """Whether a change between the two words is the one the rule waits for. Back where it began is no change."""
    old, new = config.get("from_status"), config.get("to_status")
    return old_status != new_status and old in (None, "", old_status) and new in (None, "", new_status)


def current(rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
    """Each contact as if its present status had just been set, from the one the rule names.

    Where the ledger has the change that set it, it is that one, so what was judged for it is not judged again.
    """
    rows = standing(only).filter(team_id=rule.team_id)
    newest = Activity.objects.filter(activity_type=Activity.STATUS_CHANGED).order_by("-occurred_at", "-pk")
    last_one = Prefetch("activities", newest[:1], to_attr="last_changes")
    wanted = rule.trigger_config.get("to_status")
    if wanted:
        rows = rows.filter(status=wanted)
    old = rule.trigger_config.get("from_status") or ""
    if old:
        rows = rows.exclude(status=old)  # who still has it has not left it
    for contact in in_order(rows, "owner", "team", prefetch=[last_one]):
        changes = contact.last_changes  # type: ignore[attr-defined]  # prefetched
        last = (one for one in changes if events.of_activity(one).new_status == contact.status)
        change = next(last, None)
        yield Event(
            kind=KIND,
            key=f"activity:{change.pk}" if change else f"current:{contact.pk}:{now:%Y%m%dT%H%M%S%f}",
            team_id=rule.team_id,
            occurred_at=now,
            received_at=now,
            contact=contact,
            activity=change,
            activity_type=Activity.STATUS_CHANGED,
            data={"old_status": old, "new_status": contact.status},
        )


def past(rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
    """All changes when the rule lets them settle: which of them count is judged as they come."""
    for event in ledger.events():
        if event.activity_type == Activity.STATUS_CHANGED and (
            rule.settle_seconds or matches(rule.trigger_config, event)
        ):
            yield event
