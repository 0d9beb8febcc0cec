"""Inserting rows in one statement that says which of them were new, and writing many; the same SQL on both databases.

Django's own `bulk_create(ignore_conflicts=True)` cannot say what it inserted, and takes several times as long.
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from operator import attrgetter, itemgetter
from types import NoneType
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.base import ModelState

PLAIN = (models.CharField, models.TextField, models.IntegerField)
"""Columns whose values both databases take as they are, as they do those that point to one."""

MANY = 10
"""So many rows go to PostgreSQL column by column: its driver looks at each placeholder of a statement anew, and with
five hundred rows that takes longer than the server needs to insert them.
"""


Row = TypeVar("Row", bound=models.Model)


def new(model: type[Row], **columns: Any) -> Row:
    """An object as its constructor makes it, from columns by their attribute names, in a fifth of the time.

    For rows by the hundred that are only to be written: nothing is done but filling in.
    """
    row = model.__new__(model)
    plain, called = _defaults(model)
    row.__dict__ = values = {"_state": ModelState(), **plain, **columns}
    for name, default in called:
        if name not in columns:
            values[name] = default()
    return row


def from_database(
    model: type[Row], using: str | None, names: Collection[str], values: Collection[Any], **more: Any
) -> Row:
    """What `Model.from_db` makes of a row that was read, in a third of the time: for tables read by the hundred.

    Where Django gives `more`, it is Django's own. Nobody is told of objects being made.
    """
    if more:
        made: Row = models.Model.from_db.__func__(model, using, names, values, **more)  # type: ignore[attr-defined]
        return made
    row = model.__new__(model)
    state = ModelState()
    state.adding, state.db = False, using
    row.__dict__.update(zip(names, values, strict=True), _state=state)  # what was left out is not there, as Django's
    return row


def at_hand(row: models.Model, **related: models.Model | None) -> None:
    """Lets a row find objects that its columns name already, without the work of assigning them."""
    row._state.fields_cache.update(related)


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """What columns hold that nobody names: values, and what is called for each row anew."""
    plain, called = {}, []
    for field in model._meta.concrete_fields:
        if callable(field.default) and field.has_default():
            called.append((field.attname, field.default))
        else:
            plain[field.attname] = field.get_default()
    return plain, called


def insert_new(rows: Sequence[models.Model], *, returning: Sequence[str] = ("id",)) -> list[tuple[Any, ...]]:
    """Inserts what the unique keys let in, and returns these columns of the rows really inserted.

    Whatever is missing was there before, or was being inserted by somebody else who won. A primary key that is None is
    left to the database.
    """
    if not rows:
        return []
    model, with_key = type(rows[0]), rows[0].pk is not None
    columns = _columns(model, with_key)
    values = [columns.of(row) for row in rows]
    if connection.vendor == "postgresql" and len(rows) >= MANY:
        statement = _by_columns(model, with_key, tuple(returning))
        parameters: list[Any] = [array(column) for column in zip(*values, strict=True)]
    else:
        statement = _statement(model, with_key, len(rows), tuple(returning))
        parameters = [value for row in values for value in row]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def reserve(model: type[models.Model], count: int) -> list[int]:
    """Ids for rows that others are to name before they are inserted. Insert them before more are reserved.

    Be in a transaction: on SQLite that keeps everybody else from taking them.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval(%s::regclass) FROM generate_series(1, %s)", [_sequence(model), count])
            return [pk for (pk,) in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
        last = (cursor.fetchone() or (0,))[0]
        return list(range(last + 1, last + count + 1))


@cache
def _sequence(model: type[models.Model]) -> str:
    """Asked for once: within the statement PostgreSQL would look for it row by row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        return str(cursor.fetchone()[0])


def add_all(rows: Sequence[models.Model]) -> None:
    """Inserts rows with reserved ids, all of them new: one that is not lets none in and raises IntegrityError.

    The fastest way there is on either database: COPY, or one prepared statement run once a row.
    """
    if not rows:
        return
    model = type(rows[0])
    columns = ", ".join(f'"{field.column}"' for field in _fields(model, True))
    values, table = [_columns(model, True).of(row) for row in rows], model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
                for row in values:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(_fields(model, True)))
            cursor.executemany(f'INSERT INTO "{table}" ({columns}) VALUES ({places})', values)  # noqa: S608


def give_ids(rows: Sequence[models.Model]) -> None:
    """Reserves an id for each of these rows of one table."""
    if rows:
        for row, pk in zip(rows, reserve(type(rows[0]), len(rows)), strict=True):
            row.pk = pk


def change_all(model: type[models.Model], names: Sequence[str], rows: Sequence[Sequence[Any]], said: str) -> None:
    """Changes many rows by one statement. Each of `rows` is an id and a value for each of `names`, which are columns
    that say what kind of value it is; `said` is what to SET, in SQL, where `v_NAME` is the value.
    """
    if not rows:
        return
    fields: list[Any] = [model._meta.get_field(name) for name in ("id", *names)]
    turns = [None if _is_plain(field) else _turn(field) for field in fields]
    values = [
        [value if turn is None or value is None else turn(value) for turn, value in zip(turns, row, strict=True)]
        for row in rows
    ]
    table, known = model._meta.db_table, ", ".join(f"v_{name}" for name in ("id", *names))
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{field.rel_db_type(connection).partition('(')[0]}[]" for field in fields)
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608
        parameters: list[Any] = [array(column) for column in zip(*values, strict=True)]
    else:
        one_row = f"({', '.join(['%s'] * len(fields))})"
        source = f"VALUES {', '.join([one_row] * len(rows))}"
        parameters = [value for row in values for value in row]
    with connection.cursor() as cursor:
        cursor.execute(
            f'WITH v({known}) AS ({source}) UPDATE "{table}" SET {said} FROM v WHERE "{table}".id = v_id',  # noqa: S608
            parameters,
        )


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
    parameters = [[*columns.of(row), row.pk] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(f'UPDATE "{model._meta.db_table}" SET {said} WHERE id = %s', parameters)  # noqa: S608


def array(values: Sequence[Any]) -> str | list[Any]:
    """An array for PostgreSQL, which the statement names the kind of: as text where it holds nothing but whole numbers,
    words, instants and None, since the driver looks at each item of a list for as long as the server needs for a row.
    """
    try:
        return "{" + ",".join([_ITEMS[type(value)](value) for value in values]) + "}"
    except KeyError:
        return list(values)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _fields(model: type[models.Model], with_key: bool) -> list[Any]:
    return [field for field in model._meta.concrete_fields if with_key or not field.primary_key]


@dataclass(frozen=True)
class _Columns:
    """How the columns of a row are read from its object, and turned into the database's own where they are not that.

    `quick` reads them past Django, which answers for each column that points to another row in Python.
    """

    quick: Callable[[Any], tuple[Any, ...]]
    read: Callable[[Any], tuple[Any, ...]]
    turned: tuple[tuple[int, Callable[[Any], Any]], ...]

    def of(self, row: models.Model) -> list[Any]:
        try:
            values = list(self.quick(row.__dict__))
        except KeyError:  # not read yet
            values = list(self.read(row))
        for place, turn in self.turned:
            if values[place] is not None:
                values[place] = turn(values[place])
        return values


@cache
def _columns(model: type[models.Model], with_key: bool) -> _Columns:
    return _stored(_fields(model, with_key))


def _stored(fields: Sequence[Any]) -> _Columns:
    names = [field.attname for field in fields]
    read, quick = attrgetter(*names), itemgetter(*names)
    turned = [(place, _turn(field)) for place, field in enumerate(fields) if not _is_plain(field)]
    if len(fields) > 1:
        return _Columns(quick, read, tuple(turned))
    return _Columns(lambda row: (quick(row),), lambda row: (read(row),), tuple(turned))


def _turn(field: Any) -> Callable[[Any], Any]:
    database = connections[DEFAULT_DB_ALIAS]  # `connection` looks for it at each call
    if isinstance(field, models.DateTimeField):
        return _instant if database.vendor == "sqlite" else _instant_in_utc
    if isinstance(field, models.JSONField):
        return partial(json.dumps, cls=field.encoder)
    return lambda value: field.get_db_prep_save(value, database)


def _instant(value: datetime) -> str:
    """As Django writes an instant, and a tenth of its time: most rows hold several, and those of a batch the same."""
    return _in_utc(value if value.tzinfo is UTC else value.astimezone(UTC))


@lru_cache(maxsize=256)
def _in_utc(value: datetime) -> str:
    """Of UTC alone: the two instants of an hour that comes twice are equal in their own zone."""
    return str(value.replace(tzinfo=None))


def _instant_in_utc(value: datetime) -> str:
    return _instant(value) + "Z"


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


_ITEMS: dict[type, Callable[[Any], str]] = {
    int: str,
    str: _quoted,
    datetime: lambda value: f'"{value}"',
    NoneType: lambda _: "NULL",
}
"""How the items of an array are written. A truth is no number here: `bool` is a type of its own."""
