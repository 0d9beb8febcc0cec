"""What can start a rule: one module a kind, each with its config's check, its sentence and its match.

Adding a kind is a module and a line here.
"""

from typing import Any, Protocol

from automation.triggers import activity, status_change
from crm.models import Activity


class Trigger(Protocol):
    """What each module of this folder offers."""

    KIND: str

    def check(self, config: dict[str, Any]) -> list[str]:
        """What is wrong with a config; empty when nothing is."""

    def sentence(self, config: dict[str, Any]) -> str:
        """The config as people read it, after "When"."""

    def matches(self, config: dict[str, Any], event: Activity) -> bool:
        """Whether an event starts the rule."""


KINDS: dict[str, Trigger] = {activity.KIND: activity, status_change.KIND: status_change}
