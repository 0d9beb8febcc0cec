"""Finding rows by letters that stand anywhere in them, by an index of all runs of three letters.

PostgreSQL's (pg_trgm) answers LIKE itself. SQLite's is a table of its own (FTS5), which triggers keep; it is asked for
the rows that may match, and LIKE looks at those. Without either, LIKE reads the rows one by one and finds the same.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import Q

SHORTEST = 3
"""Fewer letters are in no index: LIKE finds them, soon when many rows hold them."""
FEW = 500
"""More rows than these are not named one by one: where so many match, the first ones are soon found by reading."""
EXTENSION, TOKENS = "pg_trgm", "trigram"


@dataclass(frozen=True)
class Trigrams:
    """The index of some columns of one table."""

    table: str
    columns: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.table}_trigrams"

    def may_hold(self, letters: str) -> Q:
        """A condition that every row meets which holds the letters in any of the columns, and as few others as known.

        To be asked for beside the LIKE that it makes fast.
        """
        pks = self._holding(letters)
        return Q() if pks is None else Q(pk__in=pks)

    def _holding(self, letters: str) -> list[int] | None:
        """Which rows may hold the letters; None where nothing is gained, or nothing known."""
        if connection.vendor != "sqlite" or len(letters) < SHORTEST or "\0" in letters:
            return None
        phrase = '"{}"'.format(letters.replace('"', '""'))
        asked = f'SELECT rowid FROM "{self.name}" WHERE "{self.name}" MATCH %s LIMIT {FEW + 1}'  # noqa: S608
        with connection.cursor() as cursor:
            try:
                cursor.execute(asked, [phrase])
            except OperationalError:  # there is no such table
                return None
            pks = [pk for (pk,) in cursor.fetchall()]
        return pks if len(pks) <= FEW else None

    def build(self) -> None:
        """Makes the index of what is there; leaves one alone that is whole. Does nothing where it cannot be had."""
        if self.table in connection.introspection.table_names():
            with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                for statement in (self._on_sqlite if connection.vendor == "sqlite" else self._on_postgres)(cursor):
                    cursor.execute(statement)

    def is_built(self) -> bool:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                return self._has_triggers(cursor)
            cursor.execute("SELECT to_regclass(%s)", [self.name])
            return cursor.fetchone()[0] is not None

    def _on_postgres(self, _cursor: Any) -> list[str]:
        # As Django writes `icontains`. The extension may be made by whoever may make tables, where it is installed.
        columns = ", ".join(f'UPPER("{column}"::text) gin_trgm_ops' for column in self.columns)
        return [
            f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}",
            f'CREATE INDEX IF NOT EXISTS "{self.name}" ON "{self.table}" USING gin ({columns})',
        ]

    def _on_sqlite(self, cursor: Any) -> list[str]:
        """A table that a migration made anew has lost its triggers, and the index may have missed changes since."""
        if self._has_triggers(cursor):
            return []
        index, columns = f'"{self.name}"', ", ".join(f'"{column}"' for column in self.columns)
        old, new = (", ".join(f'{row}."{column}"' for column in self.columns) for row in ("old", "new"))
        # The names are the program's own.
        forget = f"INSERT INTO {index} ({index}, rowid, {columns}) VALUES ('delete', old.id, {old});"  # noqa: S608
        learn = f"INSERT INTO {index} (rowid, {columns}) VALUES (new.id, {new});"  # noqa: S608
        differs = " OR ".join(f'old."{column}" IS NOT new."{column}"' for column in ("id", *self.columns))
        after = {"INSERT": ("", learn), "DELETE": ("", forget), "UPDATE": (f"WHEN {differs}", forget + learn)}
        kept = f"content='{self.table}', content_rowid='id', tokenize='{TOKENS}'"
        return [
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {index} USING fts5({columns}, {kept})",
            f"INSERT INTO {index} ({index}) VALUES ('rebuild')",  # noqa: S608
            *(f'DROP TRIGGER IF EXISTS "{self.name}_{event.lower()}"' for event in after),
            *(
                f'CREATE TRIGGER "{self.name}_{event.lower()}" AFTER {event} ON "{self.table}" {when} BEGIN {does} END'
                for event, (when, does) in after.items()
            ),
        ]

    def _has_triggers(self, cursor: Any) -> bool:
        kept = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s AND name LIKE %s"
        cursor.execute(kept, [self.table, f"{self.name}%"])
        return bool(cursor.fetchone()[0] == 3)
