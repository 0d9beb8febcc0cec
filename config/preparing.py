"""Everything a start needs before the first request: schema, static files, a first account, a demo to look at.

Runs in a process of its own, so that the supervisor stays small. What it learned goes to the supervisor as one line of
JSON on the descriptor that `NEXTMOVE_REPORT` names.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from config import children

PORTS = range(5000, 5011)


class CannotStart(Exception):
    """A setting that does not work on this machine; the message says how to mend it."""


@dataclass(frozen=True)
class Report:
    """What the supervisor needs to know, and what it tells the person who started it."""

    host: str
    port: int
    broker: str
    broker_options: dict[str, object]
    notes: list[str]
    admin_password: str
    empty: bool
    """Whether there is nothing yet, and the first run leads on."""


def main() -> None:
    children.setup_django()  # ends with 2 and the list of faults when settings cannot be used
    from django.conf import settings

    try:
        port, notes = choose_port(settings.ENV.host, settings.ENV.port)
        notes += migrate()
        collect_static()
        demo_note, password = fill_empty()
    except CannotStart as fault:
        sys.stderr.write(f"{fault}\n")
        raise SystemExit(2) from None
    from config.celery import app
    from web import first_run

    options = dict(app.conf.broker_transport_options or {})
    notes += demo_note
    report = Report(settings.ENV.host, port, settings.BROKER_URL, options, notes, password, first_run.is_empty())
    _send(report)


def _send(report: Report) -> None:
    descriptor = os.environ.get("NEXTMOVE_REPORT")
    if descriptor:
        with os.fdopen(int(descriptor), "w") as pipe:
            json.dump(asdict(report), pipe)


def choose_port(host: str, wanted: int | None) -> tuple[int, list[str]]:
    """The port to serve on, and what to say about it. A port that was asked for is never silently another one."""
    if wanted is not None:
        if not free(host, wanted):
            raise CannotStart(
                f"NEXTMOVE_PORT: port {wanted} on {host} is taken. Stop what listens there, set another port, or leave "
                f"NEXTMOVE_PORT unset to take the next free one from {PORTS[0]} to {PORTS[-1]}."
            )
        return wanted, []
    for port in PORTS:
        if free(host, port):
            return port, [] if port == PORTS[0] else [f"Port {PORTS[0]} is taken; using {port}."]
    raise CannotStart(
        f"Ports {PORTS[0]} to {PORTS[-1]} on {host} are all taken. Stop one, or set NEXTMOVE_PORT to a free port."
    )


def free(host: str, port: int) -> bool:
    """Whether one can listen there. Raises CannotStart when the address is not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise CannotStart(
                f"NEXTMOVE_HOST: cannot listen on {host} port {port} ({error.strerror}). "
                "Use 127.0.0.1 for this machine alone, or 0.0.0.0 for all its addresses."
            ) from None
    return True


def migrate() -> list[str]:
    """Brings the schema up to date; quiet when it already is."""
    from django.core.management import call_command
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    from automation import rule_changes
    from crm.models import Contact
    from work.models import Task

    try:
        _keep_to_owner()
        executor = MigrationExecutor(connection)
    except DatabaseError as error:
        raise CannotStart(
            f"NEXTMOVE_DATABASE_URL: the database does not answer: {' '.join(str(error).split())}\n"
            "Start it, or mend the address; leave it unset for SQLite in the data folder."
        ) from None
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:  # what search reads is made as soon as the database has what it takes
        Contact.TRIGRAMS.build()
        Task.TRIGRAMS.build()
        rule_changes.build()
        return []
    call_command("migrate", verbosity=0, interactive=False)
    return [f"Database: {len(plan)} migrations applied."]


def _keep_to_owner() -> None:
    """The file of SQLite is nobody else's to read: the sessions in it open accounts. What lies beside it follows it."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite" and not name.startswith("file:"):  # which may lie in memory
        path = Path(name)
        with contextlib.suppress(OSError):  # where it cannot be made, the database says why
            path.touch(mode=0o600)
            path.chmod(0o600)


def collect_static() -> None:
    """Gathers, compresses and names static files by content; skipped while nothing changed."""
    from django.conf import settings
    from django.core.management import call_command

    stamp = Path(settings.STATIC_ROOT).parent / "static.stamp"
    wanted = _static_fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    stamp.write_text(wanted)


def _static_fingerprint() -> str:
    return hashlib.sha256("\n".join(sorted(_static_files())).encode()).hexdigest()


def _static_files() -> Iterator[str]:
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders

    yield str(settings.STORAGES["staticfiles"])
    for finder in get_finders():
        for path, storage in finder.list(None):
            status = Path(storage.path(path)).stat()
            yield f"{path} {status.st_size} {status.st_mtime_ns}"


def fill_empty() -> tuple[list[str], str]:
    """A demo workspace in an empty database, and the first superuser; returns what to say and a password made here."""
    from django.conf import settings
    from django.db import transaction
    from django.utils import timezone

    from people.models import User

    notes, password = [], ""
    with transaction.atomic():
        empty = not User.objects.exists()
        if not User.objects.filter(is_superuser=True).exists():
            password = make_admin(settings.ENV.admin_password)
        if settings.ENV.demo and empty:
            from config import demo

            demo.fill(now=timezone.now())  # the first superuser joins it as its manager
            notes = ["The database was empty: filled with a demo workspace (NEXTMOVE_DEMO=0 starts without one)."]
    return notes, password


def make_admin(chosen_password: str) -> str:
    """Makes `admin`, a superuser and manager of the default team, which is the demo's too.

    Returns the password when it was made here; it is kept nowhere.
    """
    from people.models import Team, User

    team = Team.objects.default()
    admin, _ = User.objects.get_or_create(username="admin", defaults={"team": team, "role": User.MANAGER})
    made = "" if chosen_password else secrets.token_urlsafe(9)
    admin.is_staff = admin.is_superuser = admin.is_active = True
    admin.set_password(chosen_password or made)
    admin.role = User.MANAGER
    admin.save()
    return made
