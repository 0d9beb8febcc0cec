"""The hard rules of matching: what no value can outweigh, each with a reason code and its numbers.

A further rule (ACCESS, DEPENDENCY, PINNED, WIP) is one more function in RULES.
"""

from collections.abc import Callable, Mapping

from domain.matching.model import Person, Rejection, Work

SKILL, AWAY, CAPACITY = "SKILL", "AWAY", "CAPACITY"


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


def _away(_work: Work, person: Person, _names: Mapping[int, str]) -> str | None:
    return "is away" if person.away else None


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
    (AWAY, _away),
    (CAPACITY, _capacity),
)


def rejection(work: Work, person: Person, names: Mapping[int, str]) -> Rejection | None:
    """The first rule that keeps the task from the person, or None; `names` maps skill ids to names."""
    for code, rule in RULES:
        detail = rule(work, person, names)
        if detail is not None:
            return Rejection(person.id, code, detail, work.id)
    return None
