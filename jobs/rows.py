"""Inserting rows in one statement that says which of them were new, and writing many; the same SQL on both databases.

Django's own `bulk_create(ignore_conflicts=True)` cannot say what it inserted, and takes several times as long.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

PLAIN = (models.CharField, models.TextField, models.IntegerField)
"""Columns whose values both databases take as they are, as they do those that point to one."""

MANY = 10
"""So many rows go to PostgreSQL column by column: its driver looks at each placeholder of a statement anew, and with
five hundred rows that takes longer than the server needs to insert them.
"""


def insert_new(rows: Sequence[models.Model], *, returning: Sequence[str] = ("id",)) -> list[tuple[Any, ...]]:
    """Inserts what the unique keys let in, and returns these columns of the rows really inserted.

    Whatever is missing was there before, or was being inserted by somebody else who won. A primary key that is None is
    left to the database.
    """
    if not rows:
        return []
    model, with_key = type(rows[0]), rows[0].pk is not None
    columns = _columns(model, with_key)
    values = [_values(row, columns) for row in rows]
    if connection.vendor == "postgresql" and len(rows) >= MANY:
        statement = _by_columns(model, with_key, tuple(returning))
        parameters: list[Any] = [list(column) for column in zip(*values, strict=True)]
    else:
        statement = _statement(model, with_key, len(rows), tuple(returning))
        parameters = [value for row in values for value in row]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def write_all(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Writes these columns of rows that are there, by their attribute names, all in one go.

    One prepared statement, run once a row: Django's `bulk_update` builds one that names every row in every column.
    """
    if not rows:
        return
    model = type(rows[0])
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = _stored(fields)
    said = ", ".join(f'"{field.column}" = %s' for field in fields)
    parameters = [[*_values(row, columns), row.pk] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{model._meta.db_table}" SET {said} WHERE id = %s', parameters)  # noqa: S608


def _fields(model: type[models.Model], with_key: bool) -> list[Any]:
    return [field for field in model._meta.concrete_fields if with_key or not field.primary_key]


Stored = list[tuple[str, Callable[..., Any] | None]]
"""Attribute names, with what turns a value into the database's own where it is not that already."""


@cache
def _columns(model: type[models.Model], with_key: bool) -> Stored:
    return _stored(_fields(model, with_key))


def _stored(fields: Sequence[Any]) -> Stored:
    return [(field.attname, None if _is_plain(field) else field.get_db_prep_save) for field in fields]


def _values(row: models.Model, columns: Stored) -> list[Any]:
    return [
        getattr(row, name) if stored is None else stored(getattr(row, name), connection) for name, stored in columns
    ]


def _is_plain(field: Any) -> bool:
    return isinstance(field.target_field if field.is_relation else field, PLAIN)


@cache
def _statement(model: type[models.Model], with_key: bool, count: int, returning: tuple[str, ...]) -> str:
    fields = _fields(model, with_key)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    one_row = f"({', '.join(['%s'] * len(fields))})"
    return (
        f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {", ".join([one_row] * count)} '  # noqa: S608
        f"ON CONFLICT DO NOTHING RETURNING {', '.join(returning)}"
    )


@cache
def _by_columns(model: type[models.Model], with_key: bool, returning: tuple[str, ...]) -> str:
    fields = _fields(model, with_key)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    # Without its length: a text cast to one that is too short for it would be cut off, where an insert refuses it.
    kinds = [str(field.db_type(connection)).partition("(")[0] for field in fields]
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return (
        f'INSERT INTO "{model._meta.db_table}" ({columns}) SELECT * FROM unnest({arrays}) '  # noqa: S608
        f"ON CONFLICT DO NOTHING RETURNING {', '.join(returning)}"
    )
