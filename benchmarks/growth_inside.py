"""Inside a process on a database of its own: one team that grows tenfold, looked at before and after.

`python -m benchmarks.growth_inside EVENTS` prints one JSON line of figures for each size, and one for the cleaning up.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

import celery_app  # noqa: F401
from automation import engine, sweeps
from automation.models import Firing
from crm.models import Activity, Contact
from jobs import queue
from jobs.models import Job
from jobs.rows import insert_new
from people.models import Team, User
from tests import volume
from work import housekeeping, lifecycle
from work.models import Assignment, Task

TABLES = (Activity, Task, Assignment, Firing, Job, Contact)
CONTACTS, PEOPLE = 20_000, 50
EVENTS, COMPLETIONS, TIMES = 2_000, 60, 7
OLD, DAYS = 90, 180
"""Rows are of the last 180 days, evenly; half of them are old enough to go."""
Figures = dict[str, float]


def grow(team: Team, by: int, number: int, now: datetime) -> None:
    """So many events more, half as many tasks with their firings, holders and jobs: all done, but for some a person."""
    ago = volume.spread([now - timedelta(days=day) for day in range(1, DAYS)])
    people = volume.spread(list(User.objects.filter(team=team).order_by("pk").values_list("pk", flat=True)))
    first, contacts = Contact.objects.filter(team=team).earliest("pk"), Contact.objects.filter(team=team).count()
    of_contact = f"{first.pk} + i * 7 %% {contacts}"
    rule = team.rules.earliest("pk")
    with transaction.atomic():
        event = Activity(team=team, contact=first, activity_type="email_opened", processed_at=now)
        keys = {"source_key": f"'grown:{number}:' || i"}
        volume.multiply(event, by, contact_id=of_contact, occurred_at=ago, received_at=ago, **keys)
        newest = Task.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        task = Task(team=team, title="Call", contact=first, status=Task.DONE, kind=f"rule:{rule.pk}")
        whose = {"owner_id": people, "assignee_id": people}
        volume.multiply(task, by // 2, contact_id=of_contact, created_at=ago, completed_at=ago, **whose)
        held = Assignment(task_id=newest + 1, user=rule.owner, method="owner", outcome=Assignment.COMPLETED)
        of_task = f"{newest} + 1 + i"
        volume.multiply(held, by // 2, task_id=of_task, user_id=people, assigned_at=ago, ended_at=ago)
        fired = Firing(rule=rule, kind="activity", contact=first, outcome=Firing.FIRED)
        keys = {"trigger_key": f"'grown:{number}:' || i"}
        volume.multiply(fired, by // 2, contact_id=of_contact, task_id=of_task, at=ago, **keys)
        job = Job(name="automation.tasks.update_user_performance", state=Job.DONE)
        place = f"lpad(({number} * 100000000::bigint + i)::text, 12, '0')"
        keys = {"key": f"'grown:{number}:' || i", "id": f"('00000000-0000-4000-8000-' || {place})::uuid"}
        volume.multiply(job, by // 2, run_at=ago, send_at=ago, created_at=ago, done_at=ago, **keys)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def looked_at(team: Team) -> Figures:
    """Milliseconds of what people and programs wait for; of an event, microseconds."""
    manager = User.objects.filter(team=team, role=User.MANAGER).earliest("pk")
    member = User.objects.filter(team=team, role=User.MEMBER).latest("pk")
    contact = Contact.objects.filter(team=team).earliest("pk")
    found = {"an event, us": _events(team), "a completion, ms": _completions(team, manager)}
    for name, user, path in (
        ("my work, ms", member, "/"),
        ("a contact, ms", manager, f"/contacts/{contact.pk}"),
        ("contacts, ms", manager, "/contacts"),
        ("activity, ms", manager, "/activity"),
        ("rules, ms", manager, "/automations/task-scheduling"),
        ("performance, ms", manager, "/team/performance"),
    ):
        client = Client(SERVER_NAME="localhost")
        client.force_login(user)
        found[name] = _taken(lambda client=client, path=path: _page(client, path))  # type: ignore[misc]
    found["asking who has something due, ms"] = _taken(lambda: sweeps.due_teams(timezone.now()))
    return found


def _page(client: Client, path: str) -> None:
    answer = client.get(path)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")


def _taken(step: Callable[[], object]) -> float:
    taken = []
    for _ in range(TIMES + 2):
        started = time.perf_counter()
        step()
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken[2:])


def _events(team: Team) -> float:
    """Clicks of as many contacts, each of which a rule is for, offered and worked on in five parts."""
    taken = []
    for part in range(6):
        now = timezone.now()
        those = Contact.objects.filter(team=team).order_by("pk")[part * EVENTS // 5 : (part + 1) * EVENTS // 5]
        insert_new(
            [
                Activity(team=team, contact_id=one.pk, activity_type="email_clicked", occurred_at=now, received_at=now)
                for one in those
            ]
        )
        started = time.perf_counter()
        while Activity.objects.unprocessed().filter(team=team).exists():
            engine.drain(team.pk, now=timezone.now())
        taken.append(1e6 * (time.perf_counter() - started) / len(those))
    return statistics.median(taken[1:])


def _completions(team: Team, manager: User) -> float:
    taken = []
    for task in Task.objects.open().filter(team=team).select_related("team")[:COMPLETIONS]:
        started = time.perf_counter()
        lifecycle.complete(task, by=manager, now=timezone.now())
        taken.append(1000 * (time.perf_counter() - started))
    if len(taken) < COMPLETIONS:
        raise RuntimeError(f"only {len(taken)} tasks were open")
    return statistics.median(taken)


def cleaned_up(team: Team, now: datetime) -> Figures:
    """How fast what is old goes, how long whoever waits for it waits at most, and whether its room is used again."""
    before, found = sizes(), Figures()
    waits: list[float] = []
    jobs, holders = Job.objects.count(), Assignment.objects.count()
    with _timed_deletions(waits):
        started = time.perf_counter()
        gone = queue.prune(now=now) + housekeeping.delete_old_assignments(team, now=now)
        taken = time.perf_counter() - started
    if gone < (jobs + holders) // 3:
        raise RuntimeError(f"only {gone} of {jobs + holders} rows were old")
    found["cleaning up: rows deleted"] = gone
    found["cleaning up: rows a second"] = gone / taken
    found["cleaning up: the longest statement, ms"] = 1000 * max(waits)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    grow(team, gone, 9, now)
    after = sizes()
    for model in (Job, Assignment):
        name = model._meta.db_table
        found[f"{name}: bytes after as many rows came as went / before"] = after[name] / before[name]
    return found


@contextmanager
def _timed_deletions(waits: list[float]) -> Iterator[None]:
    def timed(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, *rest)
        finally:
            if sql.startswith("DELETE"):
                waits.append(time.perf_counter() - started)

    with connection.execute_wrapper(timed):
        yield


def sizes() -> dict[str, int]:
    """Bytes of each table with its indexes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relname = ANY(%s)",
            [[model._meta.db_table for model in TABLES]],
        )
        return dict(cursor.fetchall())


def bytes_a_row() -> Figures:
    """Of each table, and of each of its indexes."""
    found = Figures()
    with connection.cursor() as cursor:
        for model in TABLES:
            table = model._meta.db_table
            cursor.execute("SELECT pg_table_size(%s::regclass), count(*) FROM " + table, [table])
            size, rows = cursor.fetchone()
            found[f"{table}: rows"] = rows
            found[f"{table}: bytes a row"] = size / rows
            cursor.execute(
                "SELECT c.relname, pg_relation_size(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                "WHERE i.indrelid = %s::regclass ORDER BY 2 DESC",
                [table],
            )
            found |= {f"{table}, {name}: bytes a row": size / rows for name, size in cursor.fetchall()}
    return found


def main(events: int) -> None:
    now, few = timezone.now(), events // 10
    with transaction.atomic():
        team = volume.fill(CONTACTS, rules=100, people=PEOPLE, now=now)
    grow(team, few, 1, now)
    print(json.dumps(looked_at(team)), flush=True)
    grow(team, events - few, 2, now)
    print(json.dumps(looked_at(team)), flush=True)
    print(json.dumps(bytes_a_row()), flush=True)
    print(json.dumps(cleaned_up(team, now)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
