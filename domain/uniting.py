"""What becomes of one contact's columns when another is absorbed into it: decided from plain values."""

from collections.abc import Mapping
from typing import Any

FILLED = (("email", "bounced_at"), ("phone", "phone_e164"), ("company",), ("contact_cadence", "cadence_anchor_day"))
FILLED_ALONE = ("timezone", "next_follow_up_at", "lead_score", "owner_id")
"""An empty one takes the other's; those that stand in one pair go together, as a bounce does with its
address. A score of 0 says nothing yet."""
TOUCH = ("next_touch_at", "touched_for", "missed_for", "look_late_at")
"""The next touch, and whether it was dealt with."""
EARLIEST = ("quiet_at", "unsubscribed_at", "complained_at")
LATEST = ("last_touch_at", "last_activity_at")
SEEN = {
    "contact_cadence": "seen_cadence",
    "timezone": "seen_timezone",
    "next_follow_up_at": "seen_follow_up_at",
    "do_not_contact": "seen_do_not_contact",
    "owner_id": "seen_owner_id",
}
"""What the sweep for changes by hand compares: a merge is no change by hand."""
COLUMNS = (
    *(column for group in FILLED for column in group),
    *FILLED_ALONE,
    *TOUCH,
    *EARLIEST,
    *LATEST,
    *SEEN.values(),
    "tags",
    "do_not_contact",
)

Row = Mapping[str, Any]


def united(survivor: Row, absorbed: Row) -> dict[str, Any]:
    """The survivor's columns that change, with their new values. Empty ones are filled, the strictest opt-out wins."""
    wanted: dict[str, Any] = {}
    for group in (*FILLED, *((column,) for column in FILLED_ALONE)):
        if not survivor[group[0]] and absorbed[group[0]]:
            wanted |= {column: absorbed[column] for column in group}
    if _touched_by(survivor, absorbed):
        wanted |= {column: absorbed[column] for column in TOUCH}
    wanted |= {column: _pick(min, survivor[column], absorbed[column]) for column in EARLIEST}
    wanted |= {column: _pick(max, survivor[column], absorbed[column]) for column in LATEST}
    wanted["do_not_contact"] = survivor["do_not_contact"] or absorbed["do_not_contact"]
    wanted["tags"] = _tags(survivor["tags"], absorbed["tags"])
    for column, seen in SEEN.items():
        if column in wanted and survivor[seen] == survivor[column]:
            wanted[seen] = wanted[column]
    return {column: value for column, value in wanted.items() if value != survivor[column]}


def _touched_by(survivor: Row, absorbed: Row) -> bool:
    """Whether the next touch is the absorbed one's: a person's own date goes first, else the earlier."""
    if survivor["next_follow_up_at"] or absorbed["next_follow_up_at"]:
        return not survivor["next_follow_up_at"]
    touch, other = survivor["next_touch_at"], absorbed["next_touch_at"]
    return other is not None and (touch is None or other < touch)


def _pick(choose: Any, one: Any, other: Any) -> Any:
    known = [value for value in (one, other) if value is not None]
    return choose(known) if known else None


def _tags(own: Any, more: Any) -> Any:
    """Own tags first. Rows written by hand may hold anything: what is no list is left as it is."""
    if not isinstance(own, list) or not isinstance(more, list):
        return own or more
    return own + [tag for tag in more if tag not in own]
