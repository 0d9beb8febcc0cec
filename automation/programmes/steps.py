"""Steps of sequences and campaigns: what one may hold, checked when saved, and the plain value that enrolments use."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from domain import conditions, delays, templating
from domain.delays import Delay
from people.models import Skill, Team, User
from work.models import Task

TASK, EMAIL, SMS = "task", "email", "sms"
ASSIGN = ("owner", "enroller", "best_match", "round_robin", "unassigned")
"""`owner` is the contact's, else whoever enrolled it; `enroller` is always the latter."""

DUE_WITHIN = Decimal(8)
"""Hours from a step's date until its task is due, where the task is made only on that date."""

MOST = 50
MOST_HOURS = 8784
_KEY_LENGTH = 40
_FIELDS = frozenset(
    {
        "key",
        "title",
        "description",
        "priority",
        "delay",
        "wait_for_previous",
        "condition",
        "estimated_hours",
        "required_skills",
        "assign",
        "reminder_offset_hours",
        "due_within_hours",
    }
)

Errors = dict[str, list[str]]


@dataclass(frozen=True)
class Step:
    """One step as it is planned and run. `required_skills` are names with the least level."""

    key: str
    title: str
    description: str = ""
    channel: str = TASK
    priority: str = Task.MEDIUM
    delay: Delay = field(default_factory=Delay)
    from_previous: bool = False
    wait_for_previous: bool = False
    condition: str = ""
    assign: str = "owner"
    required_skills: tuple[tuple[str, int], ...] = ()
    estimated_hours: Decimal | None = None
    reminder_offset_hours: Decimal | None = None
    due_within_hours: Decimal = DUE_WITHIN

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `read` takes it back."""
        return {
            "key": self.key,
            "channel": self.channel,
            "title": self.title,
            "description": self.description,
            "priority": self.priority,
            "delay": delays.as_dict(self.delay),
            "from_previous": self.from_previous,
            "wait_for_previous": self.wait_for_previous,
            "condition": self.condition,
            "assign": self.assign,
            "required_skills": [{"skill": name, "level": level} for name, level in self.required_skills],
            "estimated_hours": _text(self.estimated_hours),
            "reminder_offset_hours": _text(self.reminder_offset_hours),
            "due_within_hours": _text(self.due_within_hours),
        }


def read(raw: Mapping[str, Any]) -> Step:
    """A step that `check` found nothing wrong with."""
    within = _hours(raw.get("due_within_hours"))
    return Step(
        key=str(raw["key"]),
        channel=raw.get("channel") or TASK,
        title=raw["title"],
        description=raw.get("description") or "",
        priority=raw.get("priority") or Task.MEDIUM,
        delay=delays.from_dict(raw.get("delay") or {}),
        from_previous=bool(raw.get("from_previous")),
        wait_for_previous=bool(raw.get("wait_for_previous")),
        condition=raw.get("condition") or "",
        assign=raw.get("assign") or "owner",
        required_skills=tuple((need["skill"], need.get("level", 1)) for need in raw.get("required_skills") or ()),
        estimated_hours=_hours(raw.get("estimated_hours")),
        reminder_offset_hours=_hours(raw.get("reminder_offset_hours")),
        due_within_hours=DUE_WITHIN if within is None else within,
    )


def keyed(raw: Sequence[Any], before: Sequence[Mapping[str, Any]] = ()) -> list[Any]:
    """The steps, each with a key: its own, else that of a step of the same title `before`, else a new one.

    A key is never used again for something else, or those under way would take a new step for one they have done.
    """
    given = {step.get("key") for step in raw if isinstance(step, Mapping)}
    free = [step for step in before if step.get("key") not in given]
    result: list[Any] = []
    for step in raw:
        if not isinstance(step, Mapping) or step.get("key"):
            result.append(step)
            continue
        same = next((old for old in free if old.get("title") == step.get("title")), None)
        if same is not None:
            free.remove(same)
        result.append({**step, "key": same["key"] if same is not None else uuid.uuid4().hex[:8]})
    return result


def keyed_by_place(raw: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps of a row written by hand: one without a key goes by its place."""
    return [{**step, "key": step.get("key") or f"place-{place}"} for place, step in enumerate(raw, start=1)]


def check(raw: Any, *, team: Team, owner: User) -> Errors:
    """What is wrong with a sequence's steps, by JSON pointer without the leading slash ("steps/2/delay")."""
    if not isinstance(raw, list) or not raw:
        return {"steps": ["Give a list of at least one step."]}
    if len(raw) > MOST:
        return {"steps": [f"At most {MOST} steps: make two sequences of it."]}
    errors: Errors = {}
    skills = {name.lower() for name in Skill.objects.filter(team=team).values_list("name", flat=True)}
    seen: set[str] = set()
    for place, step in enumerate(raw):
        if not isinstance(step, Mapping):
            errors[f"steps/{place}"] = ["A step is an object with a title and a delay."]
            continue
        found = _faults(step, first=place == 0, skills=skills, team=team, owner=owner)
        if step.get("key") in seen:
            found["key"] = ["Another step has this key: leave it out to get one of its own."]
        seen.add(step.get("key") or "")
        errors |= {f"steps/{place}/{name}" if name else f"steps/{place}": texts for name, texts in found.items()}
    return errors


def _faults(step: Mapping[str, Any], *, first: bool, skills: set[str], team: Team, owner: User) -> Errors:
    errors: Errors = {}
    if unknown := sorted(map(str, set(step) - _FIELDS)):
        errors[""] = [f"Unknown field {', '.join(unknown)}: a step takes {', '.join(sorted(_FIELDS))}."]
    key = step.get("key")
    if key and (not isinstance(key, str) or len(key) > _KEY_LENGTH):
        errors["key"] = [f"A key is a text of at most {_KEY_LENGTH} characters."]
    if fault := waits_fault(step.get("wait_for_previous")):
        errors["wait_for_previous"] = [fault]
    elif first and step.get("wait_for_previous"):
        errors["wait_for_previous"] = ["The first step has none before it to wait for."]
    checks = {
        "title": template_fault(step.get("title"), needed=True),
        "description": template_fault(step.get("description"), limit=templating.DESCRIPTION_LIMIT),
        "priority": priority_fault(step.get("priority") or Task.MEDIUM),
        "delay": _delay_fault(step.get("delay")),
        "condition": condition_fault(step.get("condition")),
        "assign": assign_fault(step.get("assign") or "owner", team=team, owner=owner),
        "required_skills": skills_fault(step.get("required_skills"), skills),
        **{name: hours_fault(step.get(name), least=least) for name, least in _LEAST_HOURS.items()},
    }
    return errors | {name: [fault] for name, fault in checks.items() if fault}


_LEAST_HOURS = {
    "estimated_hours": Decimal("0.01"),
    "reminder_offset_hours": Decimal(0),
    "due_within_hours": Decimal(0),
}


def template_fault(source: Any, *, needed: bool = False, limit: int = templating.TITLE_LIMIT) -> str | None:
    if source in (None, "") and not needed:
        return None
    if not isinstance(source, str) or (needed and not source.strip()):
        return "Give a text." if not needed else "A step needs a title."
    try:
        templating.check(source, limit=limit)
    except templating.TemplateError as failure:
        return str(failure)
    return None


def priority_fault(word: Any) -> str | None:
    known = dict(Task.PRIORITIES)
    return None if isinstance(word, str) and word in known else f"Unknown priority {word!r}: use {', '.join(known)}."


def condition_fault(source: Any) -> str | None:
    if source in (None, ""):
        return None
    if not isinstance(source, str):
        return "A condition is a text such as contact.lead_score > 80."
    try:
        conditions.check(source)
    except conditions.ConditionError as failure:
        return str(failure)
    return None


def waits_fault(waits: Any) -> str | None:
    return None if waits is None or isinstance(waits, bool) else f"Say true or false, not {waits!r}."


def assign_fault(assign: Any, *, team: Team, owner: User) -> str | None:
    if isinstance(assign, str) and assign in ASSIGN:
        return None
    kind, _, number = str(assign).partition(":")
    if kind != "user" or not number.isascii() or not number.isdigit() or len(number) >= 19:
        return f"Unknown way to assign {assign!r}: use {', '.join(ASSIGN)} or user:ID."
    if not User.objects.active().filter(pk=int(number), team_id=team.pk).exists():
        return f"There is no active member {number} in the team: choose somebody who is."
    if int(number) != owner.pk and not owner.manages:
        return "Only a manager may give tasks to somebody else by name: use best_match or owner."
    return None


def skills_fault(wanted: Any, known: set[str]) -> str | None:
    if wanted in (None, []):
        return None
    if not isinstance(wanted, list):
        return 'Give a list, as [{"skill": "Negotiation", "level": 3}].'
    for need in wanted:
        if not isinstance(need, Mapping) or set(need) - {"skill", "level"} or not isinstance(need.get("skill"), str):
            return 'Each entry is {"skill": NAME, "level": 1 to 5}.'
        level = need.get("level", 1)
        if isinstance(level, bool) or level not in range(1, 6):
            return f"The level of {need['skill']} is a number from 1 to 5."
        if need["skill"].lower() not in known:
            return f"The team has no skill {need['skill']!r}: add it first."
    return None


def hours_fault(value: Any, *, least: Decimal = Decimal(0)) -> str | None:
    try:
        number = _hours(value)
    except (InvalidOperation, ValueError):
        return "Give a number of hours."
    if number is not None and not (number.is_finite() and least <= number <= MOST_HOURS):
        return f"Give a number of hours from {least} to {MOST_HOURS}."
    return None


def _delay_fault(raw: Any) -> str | None:
    try:
        delays.from_dict({} if raw is None else raw)
    except (ValueError, TypeError, AttributeError) as failure:
        return str(failure)
    return None


def _hours(value: Any) -> Decimal | None:
    if value in (None, ""):
        return None
    if isinstance(value, bool):
        raise ValueError("no number")
    return Decimal(str(value))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"
