"""A database with today's schema: made once by the real migrations, which take longer than most tests, then copied.

`tests.run` names a fresh folder for each run, so that each migrates anew on every database that it uses. Elsewhere one
is kept from run to run, under a name made of all that goes into it; and Django looks each time that nothing is missing.

`python -m tests.migrated ADDRESS...` makes what is missing on these servers, and one on SQLite for `sqlite`.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from modulefinder import ModuleFinder
from pathlib import Path

import psycopg
from psycopg import sql

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("NEXTMOVE_TEST_MIGRATED") or ROOT / ".pytest_cache" / "kept")
PREFIX = f"{servers.OURS}_{FOLDER.name}_migrated_"


def sqlite(to: Path) -> None:
    """Puts a copy there."""
    with _locked():
        shutil.copyfile(_made_here(), to)


def postgres(server_url: str, name: str) -> str:
    """Makes a database of ours as a copy; returns its address."""
    with _made_there(server_url) as source:
        return servers.create_database(server_url, name, template=source)


def _made_here() -> Path:
    key = _key()
    source = FOLDER / f"{key}.sqlite3"
    if not source.exists():
        for old in FOLDER.glob("*.sqlite3*"):
            old.unlink()
        new = FOLDER / "new.sqlite3"
        _migrate(f"sqlite:///{new}")
        source = new.rename(source) if _key() == key else new  # changed meanwhile, it is nobody else's
    return source


@contextmanager
def _made_there(server_url: str) -> Iterator[str]:
    """Its name, while nobody else makes or copies one."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [PREFIX])  # until this connection ends
        key = _key()
        source, new = f"{PREFIX}{key}", f"{PREFIX}new"
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [source]).fetchone():
            servers.drop_databases(server_url, PREFIX)
            _migrate(servers.create_database(server_url, new))
            if _key() == key:
                connection.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (new, source)))
                )
            else:
                source = new
        yield source


def for_django() -> None:
    """Puts a copy where Django looks for its test database; with `keepdb` it then finds nothing left to migrate."""
    from django.db import connection

    name = connection.settings_dict["TEST"]["NAME"]
    if connection.vendor == "sqlite":
        sqlite(Path(name))
    else:
        postgres(os.environ["NEXTMOVE_TEST_USE_DATABASE"], name)


@contextmanager
def _locked() -> Iterator[None]:
    """One process makes it, the others wait for it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(database_url: str) -> None:
    """In a process of its own, and as it is typed: with the name of one room everything is built."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEXTMOVE_", "CELERY_"))}
    own = {"NEXTMOVE_ENV_FILE": os.devnull, "NEXTMOVE_SECRET_KEY": "only for tests", "NEXTMOVE_DATA_DIR": str(FOLDER)}
    own |= {"NEXTMOVE_DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "automation", "-v0"], cwd=ROOT, env=kept | own, check=True)


def _key() -> str:
    """Of each installed package, the settings, every migration, and all of the product's that these import."""
    roots = [ROOT / "config" / "settings.py", *ROOT.glob("*/migrations/*.py"), *ROOT.glob("*/management/commands/*.py")]
    finder = ModuleFinder(path=[str(ROOT)])
    for path in roots:
        finder.load_file(str(path))
    imported = {Path(module.__file__) for module in finder.modules.values() if module.__file__}  # type: ignore[attr-defined]
    digest = hashlib.sha256(platform.python_version().encode())
    for name in sorted(f"{one.name} {one.version}" for one in metadata.distributions()):
        digest.update(name.encode())
    for path in sorted(imported.union(roots)):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> None:
    for address in sys.argv[1:]:
        if address == "sqlite":
            with _locked():
                _made_here()
        else:
            with _made_there(address):
                pass


if __name__ == "__main__":
    main()
