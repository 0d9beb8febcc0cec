"""What the product's templates and conditions take beside the least that Python can do, and of an event as a whole.

Both are called as the engine calls them: by their text, compiled before. The plain replace loop takes each variable in
turn; unlike a template it would also fill in what a contact's name holds. The Python function reads the same mapping.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from benchmarks import costs
from domain import conditions, templating

ROUNDS, TIMES = 9, 4_000
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TITLE = "{{contact_name}} <{{contact_email}}> did {{activity_type}}: {{old_status}} was, {{new_status}} is"
DESCRIPTION = "Write to {{contact_email}} about {{activity_type}}."
FILTERED = TITLE.replace("{{contact_name}}", "{{ contact_name | upcase }}")
"""What more than names and words takes Liquid for."""
CONDITION = 'activity.campaign == "spring" && contact.lead_score > 50 && contact.status == "active"'
ASKS = conditions.compiled(CONDITION)
"""A rule that is ready to run holds its condition so."""
VARIABLES: Mapping[str, str] = {
    "contact_name": "Ada Lovelace",
    "contact_email": "ada@example.com",
    "activity_type": "email_clicked",
    "old_status": "lead",
    "new_status": "active",
}
SHOWN: Mapping[str, Any] = {**VARIABLES, "contact": {"name": "Ada Lovelace", "email": "ada@example.com"}}
ASKED: Mapping[str, Mapping[str, Any]] = {
    "activity": {"campaign": "spring"},
    "contact": {"lead_score": 80, "status": "active"},
}


def by_replacing() -> str:
    text = TITLE
    for name, value in VARIABLES.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def by_function() -> bool:
    activity, contact = ASKED["activity"], ASKED["contact"]
    return activity["campaign"] == "spring" and contact["lead_score"] > 50 and contact["status"] == "active"


def of_an_event() -> None:
    """All that a rule with a condition takes for its task's words."""
    if ASKS.holds(ASKED, now=NOW):
        templating.render_title(TITLE, SHOWN, fallback="Task")
        templating.render(DESCRIPTION, SHOWN)


STEPS: dict[str, Callable[[], object]] = {
    "template": lambda: templating.render(TITLE, SHOWN),
    "with a filter": lambda: templating.render(FILTERED, SHOWN),
    "replace": by_replacing,
    "condition": lambda: ASKS.holds(ASKED, now=NOW),
    "function": by_function,
    "both": of_an_event,
}


def measure(events: Mapping[str, float]) -> dict[str, float]:
    """CPU microseconds, and ratios over paired rounds. `events` is what an event costs the engine in this run, in
    microseconds, by place; of none, the share of it is left out.
    """
    if templating.render(TITLE, SHOWN) != by_replacing() or not by_function():
        raise RuntimeError("the two sides do not say the same")
    taken: dict[str, list[float]] = {name: [] for name in STEPS}
    for number in range(ROUNDS + 1):
        for name in list(STEPS) if number % 2 else reversed(STEPS):
            spent = _us(STEPS[name])
            if number:  # the first round warms up
                taken[name].append(spent)
    both = statistics.median(taken["both"])
    figures = {
        "a template, us": statistics.median(taken["template"]),
        "a template with a filter, us": statistics.median(taken["with a filter"]),
        "a condition of three terms, us": statistics.median(taken["condition"]),
        "a condition, a title and a description, us": both,
        **costs.spread("template / replace loop", costs.over(taken["template"], taken["replace"])),
        **costs.spread("template with a filter / replace loop", costs.over(taken["with a filter"], taken["replace"])),
        **costs.spread("condition / Python function", costs.over(taken["condition"], taken["function"])),
    }
    return figures | {f"both, % of an event, {place}": 100 * both / event for place, event in events.items()}


def _us(step: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(TIMES):
        step()
    return 1e6 * (time.process_time() - started) / TIMES
