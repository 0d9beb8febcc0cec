"""Conditions and titles of rules, each beside what it means in Python."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.oracle import clock

Row = Mapping[str, Any]


class CannotSay(Exception):
    """Nobody can say whether the condition holds, or what the title is: the firing fails."""


def _amount(contact: Row, event: Row, team: Row) -> bool:
    amount = event["data"].get("amount")
    if isinstance(amount, str):
        raise CannotSay
    return amount is not None and amount > 10


def _local(contact: Row, event: Row, team: Row) -> Any:
    """Zone order: contact, owner, team."""
    zone = clock.first_known(contact["timezone"], contact["owner_zone"], team["timezone"])
    return clock.shown(event["occurred_at"], zone)


CONDITIONS: dict[str, Callable[[Row, Row, Row], bool]] = {
    "": lambda contact, event, team: True,
    "contact.lead_score > 50": lambda contact, event, team: contact["lead_score"] > 50,
    'contact.status == "active" || contact.lead_score == 50': lambda contact, event, team: (
        contact["status"] == "active" or contact["lead_score"] == 50
    ),
    "activity.hour >= 9 && activity.hour < 17": lambda *rows: 9 <= _local(*rows).hour < 17,
    "activity.weekday == 7": lambda *rows: _local(*rows).isoweekday() == 7,
    "activity.data.amount > 10": _amount,
    '"vip" in contact.tags': lambda contact, event, team: "vip" in contact["tags"],
    'activity.signal == "human" || activity.origin == "system"': lambda contact, event, team: (
        event["signal"] == "human" or event["origin"] == "system"
    ),
}


def _crosses(contact: Row, event: Row) -> str:
    if contact["lead_score"] > 200:  # more than any template may loop
        raise CannotSay
    return "x" * contact["lead_score"]


TITLES: dict[str, Callable[[Row, Row], str]] = {
    "Call {{contact_name}}": lambda contact, event: f"Call {contact['name']}",
    "{{contact_name}} <{{contact_email}}> {{activity_type}}": lambda contact, event: (
        f"{contact['name']} <{contact['email']}> {event['activity_type']}"
    ),
    "{{old_status}}": lambda contact, event: event["data"].get("old_status", ""),
    "From {{old_status | default: 'nowhere'}} to {{new_status | default: 'nowhere'}}": lambda contact, event: (
        f"From {event['data'].get('old_status') or 'nowhere'} to {event['data'].get('new_status') or 'nowhere'}"
    ),
    "{% if contact.lead_score > 50 %}Hot{% else %}Cold{% endif %}: {{contact_name}}": lambda contact, event: (
        ("Hot" if contact["lead_score"] > 50 else "Cold") + f": {contact['name']}"
    ),
    "{% for i in (1..contact.lead_score) %}x{% endfor %}": _crosses,
}


def title(rule: Row, contact: Row | None, event: Row) -> str:
    """One line, at most 255 characters, never empty: then the rule's name."""
    known = contact or {"name": "", "email": "", "lead_score": 0}
    text = " ".join(TITLES[rule["task_title_template"]](known, event).split())
    return text[:255].rstrip() or rule["name"]


def holds(rule: Row, contact: Row | None, event: Row, team: Row) -> bool:
    """Raises CannotSay."""
    known = contact or {"lead_score": 0, "status": "", "timezone": "", "owner_zone": "", "tags": []}
    return CONDITIONS[rule["condition"]](known, event, team)
