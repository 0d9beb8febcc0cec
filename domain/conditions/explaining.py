"""Conditions told to people: part by part with the values that decided it, and as a sentence."""

from dataclasses import dataclass, field
from datetime import datetime

from domain.conditions.errors import ConditionError, ConditionFailed
from domain.conditions.evaluation import compiled_part, parts
from domain.conditions.fields import Values
from domain.conditions.operators import OPERATORS
from domain.conditions.parser import parse
from domain.conditions.reading import to_rows
from domain.conditions.rows import Row, row_field
from domain.conditions.tree import Node


@dataclass(frozen=True)
class Clause:
    """One part of a condition: whether it holds (None: nobody can say, `fault` tells why) and the values it read."""

    text: str
    holds: bool | None
    values: dict[str, object] = field(default_factory=dict)
    fault: str = ""


def explain(source: str, values: Values, *, now: datetime | None = None) -> list[Clause]:
    """The parts joined by && at the top, each judged by itself: a false one hides none after it.

    Values are as they were given, None where absent. An empty source has no parts. Raises ConditionError.
    """
    if not source.strip():
        return []
    return [_clause(part, source, values, now) for part in parts(parse(source))]


def _clause(part: Node, source: str, values: Values, now: datetime | None) -> Clause:
    condition = compiled_part(part, source)
    read = {ref.full_name: ref.value(values) for ref in condition.refs.values()}
    try:
        return Clause(condition.text, condition.holds(values, now=now), read)
    except ConditionFailed as failure:
        return Clause(condition.text, None, read, str(failure))


def sentence(source: str) -> str:
    """The condition in plain words where rows can say it, else the source itself; "always" for an empty one."""
    try:
        rows = to_rows(source)
    except ConditionError:
        return source
    if rows is None:
        return source
    joined = (" and " if rows.match == "all" else " or ").join(map(_told, rows.rows))
    return joined or "always"


def _told(row: Row) -> str:
    ref = row_field(row.field)
    label = ref.field.label.lower() if not ref.path else " ".join(map(str, ref.path)).replace("_", " ")
    return OPERATORS[ref.kind][row.operator].words.format(field=label, value=_value(row))


def _value(row: Row) -> str:
    items = row.value if isinstance(row.value, tuple) else (row.value,)
    told = [" ".join(str(item).split()) or "empty" for item in items]
    last = " and " if row.operator == "between" else " or "
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])}{last}{told[-1]}"
