"""Names in a tree turned into fields of the catalogue, and the values a field takes on one record."""

import reprlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from domain.conditions.catalogue import CATALOGUE, Field, Kind, field_at
from domain.conditions.errors import ConditionError
from domain.conditions.lexer import fault
from domain.conditions.tree import Index, Literal, Name, Node, Select, is_name, quoted

KIND_WORDS: Final[Mapping[str, str]] = {
    "text": "text",
    "number": "a number",
    "bool": "yes or no",
    "time": "a time",
    "duration": "a duration",
    "list": "a list",
    "map": "a map",
    "any": "a value",
    "null": "null",
}

Values = Mapping[str, Mapping[str, object]]
"""What a condition is judged on: root to field to value. What is left out is absent."""


@dataclass(frozen=True)
class Ref(Node):
    """A field, and for `activity.data` the keys and positions below it."""

    field: Field
    root: str
    path: tuple[str | int, ...] = ()

    @property
    def kind(self) -> Kind:
        return "any" if self.path else self.field.kind

    @property
    def name(self) -> str:
        """root.field"""
        return f"{self.root}.{self.field.name}"

    @property
    def full_name(self) -> str:
        """root.field with the path below it, as CEL."""
        return self.name + "".join(_step(step) for step in self.path)

    def value(self, values: Values) -> object:
        """Its value among `values` as it was given; None when absent."""
        found: object = (values.get(self.root) or {}).get(self.field.name)
        for step in self.path:
            found = _below(found, step)
        return found

    def tree(self) -> Node:
        """Plain CEL for it."""
        node: Node = Select(Name(self.root), self.field.name)
        for step in self.path:
            node = Select(node, step) if isinstance(step, str) and is_name(step) else Index(node, Literal(step))
        return node


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if is_name(step) else f"[{quoted(step)}]"


def _below(found: object, step: str | int) -> object:
    if isinstance(found, Mapping):
        return found.get(step) if isinstance(step, str) else None
    if isinstance(found, list | tuple) and isinstance(step, int) and 0 <= step < len(found):
        return found[step]
    return None


def reference(node: Node, source: str = "", local: Collection[str] = ()) -> Ref | None:
    """The field that a chain of dots and literal keys names, or None for anything else.

    `local` are the names bound by a macro. Raises ConditionError for an unknown root or field.
    """
    at = node.at
    steps: list[str | int] = []
    while isinstance(node, Select | Index):
        step = node.name if isinstance(node, Select) else _literal_key(node.key)
        if step is None:
            return None
        steps.insert(0, step)
        node = node.operand
    if not isinstance(node, Name) or node.name in local or (node.name == "now" and not steps):
        return None
    try:
        return _ref(node.name, steps, at)
    except ConditionError as error:
        raise fault(source, at, str(error)) from None


def _ref(root: str, steps: list[str | int], at: int) -> Ref | None:
    if not steps:
        field_at(root, next(iter(CATALOGUE.get(root, ("",)))))  # an unknown root is told as such
        raise ConditionError(f"{root} alone is no value: name one of its fields, such as {root}.name")
    found = field_at(root, str(steps[0]))
    path = tuple(steps[1:])
    if path and found.kind == "list":
        return None
    if path and found.kind != "map":
        raise ConditionError(
            f"{root}.{found.name} is {KIND_WORDS[found.kind]} and has nothing below it: take {_step(path[0])} away"
        )
    return Ref(found, root, path, at=at)


def _literal_key(key: Node) -> str | int | None:
    if isinstance(key, Literal) and isinstance(key.value, str | int) and not isinstance(key.value, bool):
        return key.value
    return None


def shown(value: object) -> str:
    """A value in a message, cut short."""
    if isinstance(value, str):
        return quoted(value) if len(value) <= 60 else f"{quoted(value[:57])}..."
    return str(value) if isinstance(value, int | float | Decimal | date) else reprlib.repr(value)
