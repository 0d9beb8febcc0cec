"""Columns before and after a change, kept as JSON, so that a later undo puts back what nobody changed since."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Field, Model, Q

CHUNK = 100
"""Runs in one condition: SQLite nests every OR, and has a limit to that."""
Trace = dict[str, list[Any]]
"""Old and new value by column."""
Ids = list[int | list[int]]
"""Ids in ascending order; a run of neighbours is one pair of first and last."""


def change(row: Model, **values: Any) -> Trace:
    """Writes these columns past `save()`, and returns those that really changed."""
    trace: Trace = {}
    changed = {}
    for column, value in values.items():
        old = getattr(row, column)
        if old != value:
            trace[column] = [_kept(old), _kept(value)]
            changed[column] = value
            setattr(row, column, value)
    if changed:
        type(row)._default_manager.filter(pk=row.pk).update(**changed)
    return trace


def between(before: Mapping[str, Any], row: Model) -> Trace:
    """The same trace of a change that somebody else has written, from what the columns were before it."""
    return {
        column: [_kept(old), _kept(getattr(row, column))]
        for column, old in before.items()
        if getattr(row, column) != old
    }


def stands(row: Model, trace: Mapping[str, list[Any]]) -> bool:
    """Whether the row still has every value that the change gave it."""
    return all(_kept(getattr(row, column)) == new for column, (_, new) in trace.items())


def revert(row: Model, trace: Mapping[str, list[Any]], *, unique: Iterable[str] = ()) -> list[str]:
    """Puts back each column that still has its new value, and returns their names.

    A `unique` column whose old value somebody else has taken meanwhile is left empty.
    """
    values = {}
    for column, (old, new) in trace.items():
        if _kept(getattr(row, column)) == new:
            field = _field(row, column)
            values[column] = old if old is None else field.to_python(old)
    for column in unique:
        if values.get(column) and _is_taken(row, column, values[column]):
            del values[column]
    for column, value in values.items():
        setattr(row, column, value)
    if values:
        type(row)._default_manager.filter(pk=row.pk).update(**values)
    return sorted(values)


def compact(ids: Iterable[int]) -> Ids:
    """Ascending ids with runs folded."""
    folded: list[list[int]] = []
    for pk in ids:
        if folded and folded[-1][1] == pk - 1:
            folded[-1][1] = pk
        else:
            folded.append([pk, pk])
    return [first if first == last else [first, last] for first, last in folded]


def chosen(ids: Ids) -> Iterator[Q]:
    """Conditions that together choose these ids, a bounded number at a time."""
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        singles = [one for one in part if isinstance(one, int)]
        either = Q(pk__in=singles)
        for run in part:
            if not isinstance(run, int):
                either |= Q(pk__gte=run[0], pk__lte=run[1])
        yield either


def _is_taken(row: Model, column: str, value: Any) -> bool:
    return type(row)._default_manager.filter(**{column: value}).exclude(pk=row.pk).exists()


def _field(row: Model, column: str) -> "Field[Any, Any]":
    return next(field for field in row._meta.concrete_fields if column in (field.name, field.attname))


def _kept(value: Any) -> Any:
    """A column's value as JSON holds it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
