"""Why a task is whose it is: the same data for the page, the API, the log and the notice."""

from collections.abc import Iterator
from typing import Any

from domain.matching.model import TOO_LATE
from people.models import User
from work.models import Assignment, Task

FULL = 100
"""Percent of a week."""
NEXT_TASK = "next_task"
MOVED = "moved"
"""Beside the sentence: whom a plan took it from."""


def of_task(task: Task) -> dict[str, Any] | None:
    """The assignment in force, of a finished task the last one; None for a task that nobody holds."""
    if task.assignee_id is None:
        return None
    held = Assignment.objects.filter(task=task, user=task.assignee_id).select_related("user", "by")
    assignment = held.order_by("-pk").first()
    return None if assignment is None else of_assignment(assignment)


def of_assignment(assignment: Assignment) -> dict[str, Any]:
    return {
        "assignment_id": assignment.pk,
        "user_id": assignment.user_id,
        "user": assignment.user.display_name,
        "by": assignment.by.display_name if assignment.by else None,
        "method": assignment.method,
        "assigned_at": assignment.assigned_at,
        "sentence": assignment.reasons.get("sentence", ""),
        "plain": plain(assignment),
        "late": bool(assignment.reasons.get("late", False)),
        "choice": _named(assignment.reasons.get("choice")),
    }


def plain(assignment: Assignment) -> str:
    """The sentence without anybody's figures, for whoever has it: what the others have to do is not theirs to read."""
    choice = assignment.reasons.get("choice")
    if not choice:
        return str(assignment.reasons.get("sentence", ""))
    lines = [str(assignment.reasons[MOVED])] if MOVED in assignment.reasons else []
    name, reasons = assignment.user.display_name, ", ".join(_reasons(assignment, choice))
    if assignment.method == NEXT_TASK:
        lines.append(f"It is the best task for {name} to do next.")
    else:
        lines.append(f"{name} fits best: {reasons}." if reasons else f"{name} fits best now.")
    if assignment.reasons.get("late"):
        lines.append(TOO_LATE)
    return " ".join(lines)


def _reasons(assignment: Assignment, choice: dict[str, Any]) -> Iterator[str]:
    value = choice.get("value") or {}
    if value.get("same") == "contact":
        yield "knows the contact"
    elif value.get("same"):
        yield "has other tasks of the same series"
    if assignment.skill_match:
        yield "has the skills for it"
    if (choice.get("load_after") or FULL) < FULL and not assignment.reasons.get("late"):
        yield "has room for it this week"


def _named(choice: dict[str, Any] | None) -> dict[str, Any] | None:
    """With the names of people and titles of tasks beside their ids: these may change, so they are not kept with it."""
    if choice is None:
        return None
    lines = [*choice.get("top", ()), *choice.get("rejected", ())]
    people = User.objects.in_bulk({line["person_id"] for line in lines})
    titles = dict(Task.objects.filter(pk__in={line["work_id"] for line in lines}).values_list("pk", "title"))

    def named(line: dict[str, Any]) -> dict[str, Any]:
        person = people.get(line["person_id"])
        name = person.display_name if person is not None else ""
        return {**line, "person": name, "task": titles.get(line["work_id"], "")}

    return {
        **choice,
        "compared": "tasks" if any(line["work_id"] != choice["work_id"] for line in lines) else "people",
        "top": [named(line) for line in choice.get("top", ())],
        "rejected": [named(line) for line in choice.get("rejected", ())],
    }
