"""Reads the product's database past the product, and writes what an operator's mistake would."""

import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

AWAY = (sqlite3.Error, psycopg.Error)
"""What is raised while it cannot be asked."""


class Database:
    """SQLite's file or a PostgreSQL server; a connection for each statement, since servers die here."""

    def __init__(self, data_folder: Path, url: str = "") -> None:
        self.url = url
        self.file = data_folder / "nextmove.sqlite3"

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Placeholders are written %s; beside them a percent sign stands for nothing else."""
        if self.url:
            with psycopg.connect(self.url, connect_timeout=3, autocommit=True) as connection:
                cursor = connection.execute(statement.encode(), parameters or None)
                return list(cursor.fetchall()) if cursor.description else []
        with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as file:
            return list(file.execute(statement.replace("%s", "?"), parameters).fetchall())

    def one(self, statement: str, *parameters: Any) -> Any:
        return self.rows(statement, *parameters)[0][0]

    def enqueue(self, name: str) -> str:
        """A job's row, due now; its key, which is its id as well."""
        key = uuid.uuid4()
        now = datetime.now(UTC)
        at: Any = now if self.url else now.strftime("%Y-%m-%d %H:%M:%S.%f")
        self.rows(
            "INSERT INTO jobs_job (id, key, name, args, kwargs, state, run_at, send_at, created_at, sends, attempt, "
            "retries, crashes, error) VALUES (%s, %s, %s, '[]', '{}', 'pending', %s, %s, %s, 0, 0, 0, 0, '')",
            *(str(key) if self.url else key.hex, str(key), name, at, at, at),
        )
        return str(key)
