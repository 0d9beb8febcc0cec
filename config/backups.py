"""One file that holds an installation: its database as it stood at one instant, and the key that signs sessions.

Made while Nextmove runs. Restoring replaces the whole database in one transaction and then brings it up to date.
"""

import json
import os
import sqlite3
import subprocess
import tempfile
import zipfile
import zlib
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader

from automation import rule_changes
from config import preparing

ABOUT, DATABASE, SECRET_KEY = "about.json", "database", "secret_key"
WAIT_SECONDS = 10
"""How long a restore waits for whoever still uses the database."""
COMPLETE = b"PostgreSQL database dump complete"
"""How pg_dump ends what it wrote."""
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, LookupError, TypeError, ValueError)
"""What zipfile and json raise over a file of which any byte may be wrong (a method unknown to it is a RuntimeError)."""
SERVER = ("dbname", "user", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "service")


class CannotBackUp(Exception):
    """No backup was made; the message says what to do."""


class CannotRestore(Exception):
    """Nothing was changed; the message says what to do."""


def back_up(target: Path, *, now: datetime) -> None:
    """Writes the file whole or not at all, readable by its owner alone. Raises CannotBackUp."""
    if target.exists():
        raise CannotBackUp(f"{target} exists already: choose another name, or move it away.")
    about = {"made_at": now.isoformat(), "engine": connection.vendor, "migrations": sorted(_applied())}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            database, whole = Path(folder, DATABASE), Path(folder, "whole")
            _dump(database)
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(ABOUT, json.dumps(about))
                archive.write(database, DATABASE)
                archive.writestr(SECRET_KEY, settings.SECRET_KEY)
            whole.chmod(0o600)
            whole.rename(target)
    except OSError as fault:
        raise CannotBackUp(f"{target} cannot be written: {fault.strerror}. Choose another place.") from fault


def restore(source: Path, *, replace: bool) -> dict[str, Any]:
    """Puts the backup in the place of the database; with `replace` also of one that is in use. Answers what it is.

    Raises CannotRestore; the database is then as it was.
    """
    with tempfile.TemporaryDirectory() as folder:
        about, key = _read(source, Path(folder), replace)
        connections.close_all()
        _load(Path(folder, DATABASE))
    _keep_key(key)
    about["migrated"] = preparing.migrate()
    return about


def _read(source: Path, folder: Path, replace: bool) -> tuple[dict[str, Any], str]:
    """What it is, and the key; its database lies in the folder then. All is read before anything is replaced."""
    try:
        with zipfile.ZipFile(source) as archive:
            about: dict[str, Any] = json.loads(archive.read(ABOUT))
            _check(about, replace)
            archive.extract(DATABASE, folder)
            return about, archive.read(SECRET_KEY).decode()
    except OSError as fault:
        raise CannotRestore(f"{source} cannot be read: {fault.strerror}. Give a file of `nextmove backup`.") from fault
    except DAMAGED as fault:
        raise CannotRestore(f"{source} is no backup, or a damaged one. Give a file of `nextmove backup`.") from fault


def _applied() -> set[str]:
    return {f"{app}.{name}" for app, name in MigrationLoader(connection).applied_migrations}


def _check(about: dict[str, Any], replace: bool) -> None:
    if about["engine"] != connection.vendor:
        raise CannotRestore(
            f"The backup is of {about['engine']}, and NEXTMOVE_DATABASE_URL names {connection.vendor}: set that to one "
            "of the same kind."
        )
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(about["migrations"]) - known):
        raise CannotRestore(f"The backup is of another version, which knows {unknown[0]}: install that one first.")
    if not replace and connection.introspection.table_names():
        raise CannotRestore("The database is in use. With --replace all that is in it now is given up.")


def _dump(target: Path) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(target)])
        return
    # Comments are of extensions alone, and only who made those may write them.
    fault = _run("pg_dump", "--no-owner", "--no-privileges", "--no-comments", f"--file={target}")
    if fault:
        raise CannotBackUp(fault)


def _load(database: Path) -> None:
    if connection.vendor == "sqlite":
        _load_sqlite(database)
        return
    if not _is_whole(database):  # psql would take the end of the file for the end of the rows
        raise CannotRestore("The database was not replaced: the backup is not whole. Take another one.")
    gone = database.with_name("gone.sql")
    quoted = map(connection.ops.quote_name, _own_tables())
    connections.close_all()
    drops = "".join(f"DROP TABLE {name} CASCADE;\n" for name in quoted)
    drops += f"DROP FUNCTION IF EXISTS {rule_changes.PREFIX}() CASCADE;\n"
    # Without a word of what goes with each table, which would hide what went wrong.
    gone.write_text(f"SET lock_timeout = '{WAIT_SECONDS}s';\nSET client_min_messages = warning;\n{drops}")
    # One transaction over both files: a backup that does not load leaves what was there.
    options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
    fault = _run("psql", *options, f"--file={gone}", f"--file={database}")
    if fault:
        raise CannotRestore(f"{fault} Stop Nextmove, if it still runs, and try again.")


def _is_whole(dump: Path) -> bool:
    with dump.open("rb") as file:
        file.seek(-min(200, dump.stat().st_size), os.SEEK_END)
        return COMPLETE in file.read()


def _own_tables() -> list[str]:
    """The program's tables that are there, and none of somebody else's in the same database."""
    own = {*connection.introspection.django_table_names(include_views=False), "django_migrations"}
    return sorted(own & set(connection.introspection.table_names()))


def _load_sqlite(database: Path) -> None:
    """Copies page by page into the file that is there, under its locks: a process that still has it open sees the new
    rows."""
    target = str(connection.settings_dict["NAME"])
    try:
        with closing(sqlite3.connect(target, timeout=WAIT_SECONDS)) as held:
            held.execute("BEGIN EXCLUSIVE")  # copying would wait without end for whoever holds it
            held.rollback()
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as into:
            if source.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("the copy is damaged")
            source.backup(into)
            into.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as fault:
        raise CannotRestore(f"The database was not replaced: {fault}. Stop Nextmove and try again.") from fault


def _run(program: str, *arguments: str) -> str:
    """What went wrong, or ""; the password goes by the environment, where no list of processes shows it."""
    given = connection.get_connection_params()
    address = " ".join(f"{name}='{_escaped(given[name])}'" for name in SERVER if given.get(name))
    environment = os.environ | ({"PGPASSWORD": str(given["password"])} if given.get("password") else {})
    try:
        done = subprocess.run(  # noqa: S603 (the programs are named above, and no shell reads them)
            [program, *arguments, f"--dbname={address}"], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return f"{program} is not there: install PostgreSQL's client programs."
    return f"{program}: {' '.join(done.stderr.split())[:1000]}." if done.returncode else ""


def _escaped(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


def _keep_key(key: str) -> None:
    """Where the key is not set outside, sessions signed with the old one stay valid."""
    if settings.ENV.secret_key:
        return
    path = settings.DATA_DIR / SECRET_KEY
    path.touch(0o600)
    path.write_text(key)
