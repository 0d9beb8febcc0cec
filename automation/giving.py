"""Giving a task to somebody who was settled on beforehand: its owner, or whom a rule names."""

from datetime import datetime
from typing import Any

from assignment import dispatch
from people.models import User
from work import lifecycle
from work.models import Task

ACCESS = "ACCESS"


def give(
    task: Task,
    person: User,
    *,
    by: User | None,
    now: datetime,
    sentence: str,
    method: str = dispatch.OWNER,
    **reasons: Any,
) -> str:
    """Assigns the task, with the reasons and their sentence; the answer is empty.

    Somebody who must not have it does not get it: the task then waits for whoever fits best, its ledger says why, and
    so does the answer.
    """
    try:
        dispatch.assign(task, person, by=by, now=now, method=method, reasons={"sentence": sentence, **reasons})
    except lifecycle.Excluded as refusal:
        lifecycle.leave_waiting(task, code=ACCESS, why=str(refusal), now=now)
        return f"{ACCESS}: {refusal}"
    return ""
