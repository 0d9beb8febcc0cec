"""How webhooks tell a task, a contact or a rule: as these endpoints answer it, in a fixed number of queries."""

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel

from api import contacts, rules, tasks
from automation.models import TaskAutomationRule
from crm.models import Contact
from work.models import Task

Shapes = dict[int, dict[str, Any]]


def _tasks(ids: Collection[int]) -> Shapes:
    return _by_id(tasks.shown(list(Task.objects.filter(pk__in=ids))))


def _contacts(ids: Collection[int]) -> Shapes:
    return _by_id(contacts.shown(list(Contact.objects.filter(pk__in=ids))))


def _rules(ids: Collection[int]) -> Shapes:
    return _by_id(rules.shown(list(TaskAutomationRule.objects.filter(pk__in=ids))))


READERS = {"task": _tasks, "contact": _contacts, "rule": _rules}


def _by_id(rows: Sequence[BaseModel]) -> Shapes:
    read = [row.model_dump(mode="json") for row in rows]
    return {row["id"]: row for row in read}
