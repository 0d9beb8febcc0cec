"""Keeping scores, a row for each person or team and local day: written out in SQL, many people a statement.

The rows go as one JSON document that the database takes apart, which costs a third of as many parameters.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection, models

from performance.models import ScoreSnapshot, TeamScore

AT_ONCE = 2000
"""Rows a statement, so that the document of a large team stays at some megabytes."""


def keep(rows: Sequence[ScoreSnapshot]) -> None:
    """Keeps the rows in place of those of the same people and day, unless these were computed later.

    In the order of people, so that two who write at once wait for each other rather than for ever.
    """
    rows = sorted(rows, key=lambda row: row.user_id)
    for start in range(0, len(rows), AT_ONCE):
        _upsert(rows[start : start + AT_ONCE], "user_id")


def keep_team(row: TeamScore) -> None:
    """Keeps the team's row in place of that day's, unless this was computed later."""
    _upsert([row], "team_id")


def _upsert(rows: Sequence[models.Model], whose: str) -> None:
    fields = _fields(type(rows[0]))
    document = [{field.column: _plain(field, getattr(row, field.attname)) for field in fields} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_statement(type(rows[0]), whose, connection.vendor), [json.dumps(document, default=str)])


def _plain(field: Any, value: Any) -> Any:
    """What both databases read back from JSON, if need be by way of its text."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(field, models.DateTimeField) else value


@cache
def _fields(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


@cache
def _statement(model: type[models.Model], whose: str, vendor: str) -> str:
    table, names = model._meta.db_table, [field.column for field in _fields(model)]
    columns = ", ".join(f'"{name}"' for name in names)
    if vendor == "postgresql":
        rows = f'SELECT {columns} FROM json_populate_recordset(NULL::"{table}", %s::json)'  # noqa: S608
    else:
        # WHERE tells SQLite that the ON that comes is no condition of a join.
        values = ", ".join(f"json_extract(value, '$.{name}')" for name in names)
        rows = f"SELECT {values} FROM json_each(%s) WHERE TRUE"  # noqa: S608
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in (whose, "on"))
    return (
        f'INSERT INTO "{table}" ({columns}) {rows} ON CONFLICT ("{whose}", "on") DO UPDATE SET {changed} '
        f'WHERE "{table}".computed_at <= excluded.computed_at'
    )
