"""Inserting rows in one statement that says which of them were new; the same SQL on both databases.

Django's own `bulk_create(ignore_conflicts=True)` cannot say what it inserted, and takes several times as long.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection, models


def insert_new(rows: Sequence[models.Model], *, returning: Sequence[str] = ("id",)) -> list[tuple[Any, ...]]:
    """Inserts what the unique keys let in, and returns these columns of the rows really inserted.

    Whatever is missing was there before, or was being inserted by somebody else who won. A primary key that is None is
    left to the database.
    """
    if not rows:
        return []
    model = type(rows[0])
    fields = _fields(model, with_key=rows[0].pk is not None)
    parameters = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(_statement(model, fields, len(rows), tuple(returning)), parameters)
        return list(cursor.fetchall())


@cache
def _fields(model: type[models.Model], *, with_key: bool) -> tuple[Any, ...]:
    return tuple(field for field in model._meta.concrete_fields if with_key or not field.primary_key)


@cache
def _statement(
    model: type[models.Model], fields: tuple[Any, ...], count: int, returning: tuple[str, ...]
) -> str:
    columns = ", ".join(f'"{field.column}"' for field in fields)
    one_row = f"({', '.join(['%s'] * len(fields))})"
    return (
        f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {", ".join([one_row] * count)} '  # noqa: S608
        f"ON CONFLICT DO NOTHING RETURNING {', '.join(returning)}"
    )
