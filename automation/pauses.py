"""Telling rooms above that a rule does not run any more, and why."""

from datetime import datetime

from automation.models import TaskAutomationRule
from jobs.announcing import RULE_PAUSED, Fact
from jobs.announcing import announce as announce_fact
from people.models import User

BY_HAND, RUSH, INVALID = "by_hand", "rush", "invalid"
SWITCHED_OFF = "Somebody switched it off."


def announce(rule: TaskAutomationRule, cause: str, reason: str, *, now: datetime, by: User | None = None) -> None:
    """By hand, by the breaker of sudden rushes, or since it was changed and cannot run. Be in the transaction."""
    details = {"cause": cause, "reason": reason, "actor_id": by.pk if by is not None else None}
    key = f"rule:{rule.pk}:paused:{now:%Y%m%dT%H%M%S%f}"
    announce_fact(Fact(RULE_PAUSED, key, rule.team_id, rule.pk, now, details=details))
