"""What rules, sequences, campaigns and contacts are called, for notices of the tasks that they make."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from automation.models import Campaign, Sequence, TaskAutomationRule


def names(causes: Iterable[str]) -> dict[str, str]:
    """By `rule:7`, `sequence:3` and `campaign:5`; what is gone has no name."""
    known = {"rule": TaskAutomationRule, "sequence": Sequence, "campaign": Campaign}
    return names_in(causes, {kind: model._default_manager.all() for kind, model in known.items()})


def names_in(subjects: Iterable[str], rows: Mapping[str, QuerySet[Any]]) -> dict[str, str]:
    """The names of those subjects, such as `rule:7`, whose rows are among these; a query a kind that is asked for."""
    asked: dict[str, dict[str, str]] = {}
    for subject in subjects:
        kind, _, number = subject.partition(":")
        if kind in rows and number.isascii() and number.isdecimal() and len(number) < 19:
            asked.setdefault(kind, {})[str(int(number))] = subject
    return {
        numbers[str(pk)]: name
        for kind, numbers in asked.items()
        for pk, name in rows[kind]
        .filter(pk__in=[int(number) for number in numbers])
        .order_by("pk")
        .values_list("pk", "name")
        if numbers[str(pk)] == f"{kind}:{pk}"
    }
