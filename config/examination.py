"""What `nextmove doctor` looks at. Every finding that is bad carries what to do about it."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Min

from automation import sweeps
from crm.models import Contact
from jobs import broker
from jobs.models import Job
from people.models import Team
from work.models import Task

LATE = timedelta(minutes=5)
CLOCK_SILENT = timedelta(minutes=16)
"""The most frequent entry of the schedule comes every 15 minutes."""
LEAST_FREE_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class Finding:
    name: str
    ok: bool
    says: str
    mend: str = ""


def examine(*, now: datetime) -> list[Finding]:
    """All findings; those that need the database are left out when it does not answer."""
    findings = [look() for look in (_sqlite, _disk, _solver, _database, _broker, _result_backend)]
    if all(finding.ok for finding in findings if finding.name == "database"):
        findings += [look(now) for look in _NEED_DATABASE]
    return findings


def _sqlite() -> Finding:
    if connection.vendor != "sqlite":
        return Finding("SQLite", True, "not used")
    if sqlite3.sqlite_version_info < (3, 35):
        mend = "Use a Python with SQLite 3.35 or newer, or set NEXTMOVE_DATABASE_URL to PostgreSQL."
        return Finding("SQLite", False, f"version {sqlite3.sqlite_version} is too old", mend)
    return Finding("SQLite", True, f"version {sqlite3.sqlite_version}")


def _disk() -> Finding:
    free = shutil.disk_usage(settings.DATA_DIR).free
    says = f"{free // 1024**2:,} MB free in {settings.DATA_DIR}"
    if free < LEAST_FREE_BYTES:
        return Finding("disk", False, says, "Make room, or set NEXTMOVE_DATA_DIR to a larger disk.")
    return Finding("disk", True, says)


def _solver() -> Finding:
    """Plans need none, so its absence is no fault."""
    from domain.matching import exact  # loads numpy, which no web process needs

    if exact.available():
        return Finding("solver", True, f"{exact.version()} proves plans of small teams")
    says = "HiGHS is not installed: plans are made without it, those of small teams perhaps a little below the best"
    return Finding("solver", True, says, "To have it: .venv/bin/python -m pip install -r requirements/solver.txt")


def _database() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        mend = "Start the database, or mend NEXTMOVE_DATABASE_URL."
        return Finding("database", False, f"does not answer: {' '.join(str(error).split())}", mend)
    if missing:
        mend = "Run `nextmove serve`, or `python manage.py migrate`."
        return Finding("database", False, f"{connection.vendor}, {missing} migrations are not applied", mend)
    return Finding("database", True, f"{connection.vendor}, schema up to date")


def _broker() -> Finding:
    if not settings.BROKER_URL:
        return Finding("broker", True, "none configured; the runner does the work")
    if broker.answers():
        return Finding("broker", True, "answers")
    mend = "Start it, or mend CELERY_BROKER_URL. Meanwhile `nextmove serve` lets the runner do the work."
    return Finding("broker", False, "does not answer", mend)


def _result_backend() -> Finding:
    if settings.ENV.celery_result_backend:
        return Finding(
            "results", True, "CELERY_RESULT_BACKEND is set and not used: results are read from the jobs table"
        )
    return Finding("results", True, "read from the jobs table")


def _search(_now: datetime) -> Finding:
    """Without its index all is found as well, so its absence is no fault."""
    if Contact.TRIGRAMS.is_built() and Task.TRIGRAMS.is_built():
        return Finding("search", True, "finds contacts and tasks by an index")
    if connection.vendor == "sqlite":
        mend = "To have one: a Python whose SQLite has FTS5, or PostgreSQL; then start `nextmove serve` again."
    else:
        mend = "To have one: install pg_trgm (it is in postgresql-contrib), then start `nextmove serve` again."
    return Finding("search", True, "reads contacts and tasks one by one, which is slow from some ten thousand on", mend)


def _worker(now: datetime) -> Finding:
    oldest = Job.objects.filter(state=Job.PENDING, run_at__lte=now).order_by("run_at").first()
    if oldest is None:
        return Finding("work", True, "nothing is due")
    late = now - oldest.run_at
    says = f"the oldest due job, {oldest.name}, waits for {int(late.total_seconds())} s"
    if late > LATE:
        who = "the Celery worker" if settings.BROKER_URL else "the runner"
        return Finding("work", False, says, f"See whether {who} runs (`nextmove serve` starts it) and what it logs.")
    return Finding("work", True, says)


def _clock(now: datetime) -> Finding:
    newest = Job.objects.periodic().order_by("-created_at").first()
    who = "the beat" if settings.BROKER_URL else "the runner"
    since = newest.created_at if newest else Team.objects.aggregate(first=Min("created_at"))["first"]
    silent = now - since if since else timedelta(0)
    if silent < -CLOCK_SILENT:
        says = f"the last periodic job was made at {since:%Y-%m-%d %H:%M} UTC, and here it is {now:%Y-%m-%d %H:%M} UTC"
        return Finding("clock", False, says, "Set the machine's clock right: nothing periodic is made until then.")
    minutes = int(silent.total_seconds() // 60)
    says = f"{who} last made a periodic job {minutes} min ago" if newest else f"{who} has made no periodic job yet"
    if silent > CLOCK_SILENT:
        return Finding("clock", False, says, f"Start {who}: `nextmove serve`.")
    return Finding("clock", True, says)


def _due(now: datetime) -> Finding:
    name, lag = max(sweeps.lags(now).items(), key=lambda pair: pair[1])
    if lag <= LATE:
        return Finding("due work", True, "is done when it falls due")
    minutes = int(lag.total_seconds() // 60)
    says = f"{name}: the oldest that is due waits for {minutes} min"
    who = "a Celery worker and beat run" if settings.BROKER_URL else "the runner runs"
    mend = f"See whether {who} (`nextmove serve` starts what is needed) and what the log says. After a downtime: wait."
    return Finding("due work", False, says, mend)


def _dead(_now: datetime) -> Finding:
    dead = Job.objects.filter(state=Job.DEAD).count()
    if dead:
        mend = "Read why: `nextmove job list --state dead`; then `nextmove job retry ID`."
        return Finding("given up", False, f"{dead} jobs failed for good", mend)
    return Finding("given up", True, "no job")


_NEED_DATABASE: list[Callable[[datetime], Finding]] = [_search, _worker, _due, _clock, _dead]
