"""Conditions as rows, for people who write no CEL: what a row is, whether it is sound, and its CEL."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from domain.conditions.catalogue import field_at, near
from domain.conditions.compiling import Compiler
from domain.conditions.errors import ConditionError
from domain.conditions.fields import Ref, shown
from domain.conditions.lexer import MAX_LENGTH
from domain.conditions.operators import OPERATORS, Operator
from domain.conditions.tree import Literal as Value
from domain.conditions.tree import Logic, Node, show

Match = Literal["all", "any"]
MAX_ROWS: Final = 50
MAX_HOURS: Final = 87_600  # ten years


@dataclass(frozen=True)
class Row:
    """`field` compared by `operator` with `value`: None, a text, a number, or a tuple for is_one_of and between."""

    field: str
    operator: str
    value: object = None

    def __post_init__(self) -> None:
        if isinstance(self.value, list):
            object.__setattr__(self, "value", tuple(self.value))


@dataclass(frozen=True)
class Rows:
    """Rows that must all hold, or any of them. Fewer than two rows always match "all"."""

    match: Match = "all"
    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        if len(self.rows) < 2 and self.match == "any":
            object.__setattr__(self, "match", "all")


def from_rows(rows: Rows) -> str:
    """The CEL of `rows`; no rows give the empty source, which always holds. Raises ConditionError naming the row."""
    if rows.match not in ("all", "any"):
        raise ConditionError(f"match is {shown(rows.match)}: choose all or any.")
    if len(rows.rows) > MAX_ROWS:
        raise ConditionError(f"A condition may have {MAX_ROWS} rows and has {len(rows.rows)}: split the rule.")
    trees = [_numbered(number, row) for number, row in enumerate(rows.rows, start=1)]
    if not trees:
        return ""
    sign = "&&" if rows.match == "all" else "||"
    source = show(trees[0] if len(trees) == 1 else Logic(sign, tuple(trees)))
    if len(source) > MAX_LENGTH:
        raise ConditionError(
            f"The rows make {len(source)} characters of condition and may make {MAX_LENGTH}: shorten them."
        )
    return source


def _numbered(number: int, row: Row) -> Node:
    try:
        return row_tree(row)
    except ConditionError as error:
        raise ConditionError(f"Row {number} ({row.field} {row.operator}): {error}") from None


def row_tree(row: Row) -> Node:
    """The CEL tree of one row. Raises ConditionError."""
    ref, operator = _checked(row)
    tree = operator.build(ref.tree(), tuple(Value(item) for item in _items(row.value)))  # type: ignore[arg-type]
    Compiler("").condition(tree)
    return tree


def _items(value: object) -> tuple[object, ...]:
    return () if value is None else value if isinstance(value, tuple) else (value,)


def _checked(row: Row) -> tuple[Ref, Operator]:
    """The row's field and operator. Raises ConditionError if they or the value do not fit each other."""
    ref = row_field(row.field)
    operators = OPERATORS.get(ref.kind, {})
    if not operators:
        raise ConditionError(
            f"{row.field} as a whole cannot be compared: name a key below it, such as {row.field}.plan."
        )
    if not isinstance(row.operator, str) or row.operator not in operators:
        hint = near(str(row.operator), operators) or f" Choose one of {', '.join(operators)}."
        raise ConditionError(f"{row.field} has no operator {row.operator}.{hint}")
    operator = operators[row.operator]
    if not _FITS[operator.takes](row.value):
        raise ConditionError(f"{row.operator} needs {_WANTED[operator.takes]}, not {shown(row.value)}.")
    return ref, operator


def row_field(name: str) -> Ref:
    """The field of a row: root.field, and below activity.data any keys joined by dots. Raises ConditionError."""
    steps = name.split(".") if isinstance(name, str) else []
    if len(steps) < 2 or "" in steps:
        raise ConditionError(f"{shown(name)} is not a field: write it like contact.status.")
    found = field_at(steps[0], steps[1])
    if len(steps) > 2 and found.kind != "map":
        raise ConditionError(f"{steps[0]}.{steps[1]} has nothing below it: take .{steps[2]} away.")
    return Ref(found, steps[0], tuple(steps[2:]))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= 2**53 if isinstance(value, int) else math.isfinite(value)


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _is_time(value: object) -> bool:
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_range(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


_FITS: Final = {
    "nothing": lambda value: value is None,
    "text": _is_text,
    "texts": lambda value: isinstance(value, tuple) and len(value) > 0 and all(map(_is_text, value)),
    "number": _is_number,
    "numbers": _is_range,
    "hours": lambda value: _is_number(value) and 0 < value <= MAX_HOURS,
    "time": _is_time,
}
_WANTED: Final = {
    "nothing": "no value",
    "text": "a text",
    "texts": "a list of texts",
    "number": "a number, such as 80",
    "numbers": "a lowest and a highest number, such as [20, 80]",
    "hours": f"a number of hours above 0 and at most {MAX_HOURS}",
    "time": "a time with its zone, such as 2026-03-02T09:30:00+01:00",
}
