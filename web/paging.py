"""Lists a page at a time, by key: the next page costs the same wherever it is, and new rows do not shift it."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

SIZE = 50


@dataclass(frozen=True)
class Page:
    rows: list[Any]
    next: str
    """The cursor of the page after this one; empty on the last."""
    first: bool


def of(rows: models.QuerySet[Any], *fields: str, cursor: str, size: int = SIZE) -> Page:
    """One page, ordered by `fields` (all ascending or all with a minus; the last one unique).

    A cursor that cannot be read shows the first page.
    """
    descending = fields[0].startswith("-")
    names = [field.lstrip("-") for field in fields]
    after = _read(cursor, rows.model, names)
    if after is not None:
        rows = rows.filter(_beyond(names, after, "lt" if descending else "gt"))
    found = list(rows.order_by(*fields)[: size + 1])
    more = len(found) > size
    return Page(found[:size], _write(found[size - 1], names) if more else "", after is None)


def _beyond(names: list[str], values: list[Any], word: str) -> Q:
    """(a, b) > (x, y), written so that an index on (a, b) starts at x."""
    head, value = names[0], values[0]
    if len(names) == 1:
        return Q(**{f"{head}__{word}": value})
    return Q(**{f"{head}__{word}e": value}) & (Q(**{f"{head}__{word}": value}) | _beyond(names[1:], values[1:], word))


def _write(row: models.Model, names: list[str]) -> str:
    values = [getattr(row, name) for name in names]
    text = json.dumps([value.isoformat() if isinstance(value, datetime) else value for value in values], default=str)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, model: type[models.Model], names: list[str]) -> list[Any] | None:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not cursor or len(values) != len(names):
            return None
        if any(b"\0" in str(value).encode() for value in values):  # which no database can be asked for
            return None
        return [_field(model, name).to_python(value) for name, value in zip(names, values, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError):
        return None


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    """A column of the model; a list is never ordered by a relation."""
    field = model._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} is no column: order the list by columns.")
    return field
