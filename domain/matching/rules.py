"""The hard rules of matching: what no value can outweigh, each with a reason code and its numbers.

What keeps a task from everybody (PINNED, DEPENDENCY) never comes this far: such tasks are not offered.
"""

from collections.abc import Callable, Mapping

from domain.matching.model import Person, Rejection, Work

SKILL, ACCESS, AWAY, WIP, CAPACITY = "SKILL", "ACCESS", "AWAY", "WIP", "CAPACITY"


def missing_skill(
    required: tuple[tuple[int, int], ...], skills: Mapping[int, int], names: Mapping[int, str]
) -> str | None:
    """The first requirement that is not met, such as "SQL level 2 < 3"; `names` maps skill ids to names."""
    for skill, least in required:
        level = skills.get(skill, 0)
        if level < least:
            return f"{names.get(skill, f'skill {skill}')} level {level} < {least}"
    return None


def _skill(work: Work, person: Person, names: Mapping[int, str]) -> str | None:
    return missing_skill(work.required, person.skills, names)


def _access(work: Work, person: Person, _names: Mapping[int, str]) -> str | None:
    return "must not have this task" if person.id in work.excluded else None


def _away(_work: Work, person: Person, _names: Mapping[int, str]) -> str | None:
    return "is away" if person.away else None


def _wip(_work: Work, person: Person, _names: Mapping[int, str]) -> str | None:
    if person.may_take is None or person.may_take > 0:
        return None
    if person.holding == 0:
        return "may hold no tasks"
    return (
        "holds 1 task, as many as they may"
        if person.holding == 1
        else f"holds {person.holding} tasks, as many as they may"
    )


def _capacity(work: Work, person: Person, _names: Mapping[int, str]) -> str | None:
    """The hours must fit before the due date; what is overdue can't, so it only has to fit into the week."""
    free = person.free_q if work.overdue else person.free_for(work.due)
    if work.hours_q <= free:
        return None
    lacks = f"lacks {(work.hours_q - free) / 4:.1f} h"
    if work.due is None or free == person.free_q:
        return f"{lacks} this week"
    return f"{lacks} before {work.due:%a} {work.due.day} {work.due:%b}"


# In the order in which they explain best: whoever lacks the skill is not worth waiting for.
RULES: tuple[tuple[str, Callable[[Work, Person, Mapping[int, str]], str | None]], ...] = (
    (SKILL, _skill),
    (ACCESS, _access),
    (AWAY, _away),
    (WIP, _wip),
    (CAPACITY, _capacity),
)


def refusal(required: tuple[tuple[int, int], ...], person: Person) -> str | None:
    """SKILL or AWAY when either keeps all work that asks for this from the person: what no plan changes."""
    if missing_skill(required, person.skills, {}) is not None:
        return SKILL
    return AWAY if person.away else None


def may_have(work: Work, person: Person) -> bool:
    """Whether all rules but that on hours let the person have the task."""
    return all(rule(work, person, {}) is None for code, rule in RULES if code != CAPACITY)


def rejection(work: Work, person: Person, names: Mapping[int, str]) -> Rejection | None:
    """The first rule that keeps the task from the person, or None; `names` maps skill ids to names."""
    for code, rule in RULES:
        detail = rule(work, person, names)
        if detail is not None:
            return Rejection(person.id, code, detail, work.id)
    return None
