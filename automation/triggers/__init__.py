"""What can start a rule: one module a kind, each with its settings' schema, its sentence, its match, and its place in
a simulation. Adding a kind is a module and a line here.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from automation.events import Event
from automation.models import TaskAutomationRule
from automation.triggers import activity, cadence, configs, inactivity, overdue, status_change, task_completed, time
from automation.triggers.past import Past
from crm.models import Contact


class Trigger(Protocol):
    """What each module of this folder offers."""

    KIND: str
    LABEL: str
    Config: type[configs.Config]

    def check(self, config: dict[str, Any]) -> list[str]:
        """What is wrong with a config; empty when nothing is."""

    def sentence(self, config: dict[str, Any]) -> str:
        """The config as people read it, after "When"."""

    def matches(self, config: dict[str, Any], event: Event) -> bool:
        """Whether an event starts the rule."""

    def current(self, rule: TaskAutomationRule, *, now: datetime, only: Contact | None = None) -> Iterator[Event]:
        """The events that the records, or one contact, as they stand now would be: what a dry run looks at.

        In the order of `Event.subject_id`, so that a long list can be worked on in pages.
        """

    def past(self, rule: TaskAutomationRule, ledger: Past) -> Iterator[Event]:
        """The events that would have started the rule between two dates: what a backtest replays."""


MODULES: tuple[Any, ...] = (activity, status_change, cadence, time, overdue, inactivity, task_completed)
KINDS: dict[str, Trigger] = {module.KIND: module for module in MODULES}
_HOW_THINGS_STAND = (status_change.KIND, time.KIND)


def matching(rule: TaskAutomationRule, *, now: datetime) -> Iterator[Event]:
    """The records that match now, as a preview counts them and applying works on them.

    One that only stands for how things are, and would be another at every instant, is one for each switching on.
    """
    since = rule.active_since if rule.is_active and rule.seen_active and rule.active_since else now
    for event in KINDS[rule.trigger_type].current(rule, now=now):
        if event.kind in _HOW_THINGS_STAND and event.activity is None:
            yield replace(event, key=f"current:{event.subject_id}:{since:%Y%m%dT%H%M%S%f}")
        else:
            yield event
