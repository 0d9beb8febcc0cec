"""What a condition can read: each field with its kind, its label, its choices and an example."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal

from domain.conditions.errors import ConditionError

Kind = Literal["text", "number", "bool", "time", "duration", "list", "map", "any"]
"""`any` is a value out of `activity.data`: its kind is known only when it arrives."""

CONTACT_STATUSES: Final = ("lead", "active", "inactive", "lost")
_MOMENT: Final = "2026-03-02T09:30:00Z"
_TASK_STATUSES: Final = ("todo", "in_progress", "blocked", "done", "cancelled", "obsolete")
_OUTCOMES: Final = ("reached", "no_answer", "message_left", "won", "lost")
_STATUSES: Final = CONTACT_STATUSES + _TASK_STATUSES  # an activity tells of a contact's or of a task's change


@dataclass(frozen=True)
class Field:
    """One field. `choices` are all its values, if they are known; `example` is a JSON value of its kind."""

    name: str
    kind: Kind
    label: str
    choices: tuple[str, ...] = ()
    example: object = field(default="", compare=False)


def _named(*fields: Field) -> Mapping[str, Field]:
    return {field.name: field for field in fields}


CATALOGUE: Final[Mapping[str, Mapping[str, Field]]] = {
    "contact": _named(
        Field("name", "text", "Name", example="Ada Lovelace"),
        Field("email", "text", "E-mail", example="ada@example.com"),
        Field("phone", "text", "Phone", example="+442079460000"),
        Field("company", "text", "Company", example="Analytical Engines"),
        Field("status", "text", "Status", CONTACT_STATUSES, "lead"),
        Field("lead_score", "number", "Lead score", example=80),
        Field("timezone", "text", "Time zone", example="Europe/Berlin"),
        Field("contact_cadence", "text", "Contact cadence", example="monthly"),
        Field("owner", "text", "Owner", example="maria"),
        Field("has_owner", "bool", "Has an owner", example=True),
        Field("do_not_contact", "bool", "Do not contact", example=False),
        Field("unsubscribed", "bool", "Unsubscribed", example=False),
        Field("bounced", "bool", "Bounced", example=False),
        Field("created_at", "time", "Created", example=_MOMENT),
        Field("last_activity_at", "time", "Last activity", example=_MOMENT),
        Field("last_touch_at", "time", "Last touch", example=_MOMENT),
        Field("next_follow_up_at", "time", "Next follow-up", example=_MOMENT),
        Field("next_touch_at", "time", "Next touch", example=_MOMENT),
        Field("days_since_activity", "number", "Days since activity", example=7),
        Field("days_since_touch", "number", "Days since touch", example=7),
        Field("tags", "list", "Tags", example=["vip"]),
    ),
    "activity": _named(
        Field("type", "text", "Activity type", example="EMAIL_OPENED"),
        Field("source", "text", "Activity source", example="website"),
        Field("origin", "text", "Activity origin", ("live", "import", "system"), "live"),
        Field("signal", "text", "Activity signal", ("human", "machine", "unknown"), "human"),
        Field("occurred_at", "time", "Activity occurred", example=_MOMENT),
        Field("hour", "number", "Activity hour (0 to 23, local)", example=9),
        Field("weekday", "number", "Activity weekday (1 is Monday)", example=1),
        Field("url", "text", "Activity URL", example="https://example.com/pricing"),
        Field("subject", "text", "Activity subject", example="Your offer"),
        Field("campaign", "text", "Activity campaign", example="spring"),
        Field("tags", "list", "Activity tags", example=["pricing"]),
        Field("data", "map", "Activity data", example={"plan": "pro"}),
        Field("old_status", "text", "Old status", _STATUSES, "lead"),
        Field("new_status", "text", "New status", _STATUSES, "active"),
    ),
    "task": _named(
        Field("title", "text", "Task title", example="Call Ada"),
        Field("status", "text", "Task status", _TASK_STATUSES, "todo"),
        Field("priority", "text", "Task priority", ("low", "medium", "high", "urgent"), "high"),
        Field("due_date", "time", "Task due", example=_MOMENT),
        Field("created_at", "time", "Task created", example=_MOMENT),
        Field("completed_at", "time", "Task completed", example=_MOMENT),
        Field("estimated_hours", "number", "Task estimated hours", example=2),
        Field("actual_hours", "number", "Task actual hours", example=1.5),
        Field("hours_late", "number", "Task hours late", example=4),
        Field("outcome", "text", "Task outcome", _OUTCOMES, "reached"),
        Field("rule", "number", "Task rule (its number, 0 for none)", example=12),
        Field("assignee", "text", "Task assignee", example="maria"),
    ),
    "team": _named(
        Field("name", "text", "Team name", example="Sales"),
        Field("timezone", "text", "Team time zone", example="Europe/Berlin"),
    ),
}


def field_at(root: str, name: str) -> Field:
    """The field `root.name`. Raises ConditionError that names what comes near."""
    if root not in CATALOGUE:
        known = ", ".join(CATALOGUE)
        raise ConditionError(f"{root} is not known: a condition reads {known}.{near(root, CATALOGUE)}")
    fields = CATALOGUE[root]
    if name not in fields:
        hint = near(name, fields) or f" It has {', '.join(fields)}."
        raise ConditionError(f"{root} has no field {name}.{hint}")
    return fields[name]


def near(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """ " Did you mean …?" for the known word closest to `word`, or nothing."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.55)
    return f" Did you mean {found[0]}?" if found else ""
