"""Giving a task to somebody who was settled on beforehand: its owner, or whom a rule names."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assignment import dispatch
from automation.models import TaskAutomationRule
from crm.models import Contact
from people.models import User
from work import lifecycle
from work.models import Task

ACCESS = "ACCESS"


@dataclass(frozen=True)
class Settled:
    """Whom a rule gives a task to before it exists, how and why."""

    person: User
    method: str
    reasons: dict[str, Any]


def settled_on(rule: TaskAutomationRule, contact: Contact | None, owner: User | None) -> Settled | None:
    """The task's owner, or whom the rule names; None when whoever fits is to be found, or nobody is to have it."""
    if rule.assign.startswith("user:"):
        person = User.objects.active().filter(pk=int(rule.assign.removeprefix("user:"))).first()
        if person is None:
            return None
        sentence = f"The rule “{rule.name}” gives its tasks to {person.display_name}."
        return Settled(person, "rule", {"sentence": sentence})
    if rule.assign == "owner" and owner is not None and owner.is_active:
        whose = "contact" if contact is not None and contact.owner_id == owner.pk else "rule"
        sentence = f"{owner.display_name} owns the {whose}."
        return Settled(owner, dispatch.OWNER, {"sentence": sentence, "rule_id": rule.pk})
    return None


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
