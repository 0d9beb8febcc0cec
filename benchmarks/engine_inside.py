"""Inside a process on a database of its own: the engine, a bare write of the rows that came of it, and the usual way.

`python -m benchmarks.engine_inside TEAMS RULES EVENTS ROUNDS` prints one JSON line a round. Each round of each path
begins with the same events and no tasks of them; how many rows came of it is asserted, also when the events are offered
again. The engine's batches are bounded by their number alone.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psutil
from django.db import connection, transaction
from django.db.models import F, Model
from django.utils import timezone

import celery_app  # noqa: F401
from assignment import dispatch
from automation import engine
from automation.models import EngineQueue, Firing, RuleVersion, TaskAutomationRule
from benchmarks import messages
from crm.models import Activity, Contact
from jobs.rows import insert_new
from notifications.models import Notification
from people.models import Team, User
from work.models import Assignment, Task

USUAL, BATCH = 100, 500
TRIGGERS = 10
MADE = (Firing, Task, Assignment, Activity, Notification)
"""The tables that an event leaves a row in, or two."""
Figures = dict[str, float]


def fill(teams: int, rules: int, events: int) -> None:
    """Teams with a rep each, their rules over ten kinds of events, each for one campaign, and contacts."""
    now = timezone.now()
    for number in range(teams):
        team = Team.objects.create(name=f"Team {number}")
        rep = User.objects.create_user(f"rep{number}", team=team, role=User.MANAGER)
        TaskAutomationRule.objects.bulk_create(
            TaskAutomationRule(
                owner=rep,
                name=f"Rule {place}",
                trigger_type=TaskAutomationRule.ACTIVITY,
                trigger_config={"activity_types": [f"kind_{place % TRIGGERS}"]},
                condition=f'activity.campaign == "c{place // TRIGGERS}"',
                task_title_template="Call {{contact_name}} about {{activity_type}}",
                task_description_template="Write to {{contact_email}}.",
                delay_hours=4,
                created_at=now,
                active_since=now,
            )
            for place in range(rules // teams)
        )
        Contact.objects.bulk_create(
            Contact(team=team, owner=rep, name=f"Contact {n}", email=f"c{number}-{n}@example.com")
            for n in range(events // teams)
        )


def offer(count: int, rules: int) -> None:
    """Events that nobody has looked at, one a contact, each of which one rule of its team is for."""
    now = timezone.now()
    contacts = list(Contact.objects.order_by("pk").values_list("pk", "team_id")[:count])
    of_team = rules // Team.objects.filter(rules__isnull=False).distinct().count()
    rows = []
    for place, (pk, team_id) in enumerate(contacts):
        rule = place % of_team
        rows.append(
            Activity(
                team_id=team_id,
                contact_id=pk,
                activity_type=f"kind_{rule % TRIGGERS}",
                occurred_at=now,
                received_at=now,
                data={"campaign": f"c{rule // TRIGGERS}"},
            )
        )
    for start in range(0, len(rows), BATCH):
        insert_new(rows[start : start + BATCH])


def settle_down(rules: int, events: int) -> None:
    """What a team has that has worked for a while: the tasks of as many events as a round has, all done since.

    On empty tables PostgreSQL would keep plans that read them from end to end as they grow.
    """
    offer(events, rules)
    by_engine()
    before = timezone.now() - timedelta(days=2)
    Firing.objects.update(at=before)
    Task.objects.update(status=Task.DONE, completed_at=before, chase_at=None, once_key=None)
    Assignment.objects.update(ended_at=before, outcome=Assignment.COMPLETED)
    FLOOR.update({model: model.objects.latest("pk").pk for model in MADE})


FLOOR: dict[type[Model], int] = {}
"""The newest row of each table that was there before the rounds."""


def clear(*, events: bool = True) -> None:
    """Takes away all that came of the events, and the events too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM notifications_delivery")
        for model in (Firing, Notification, Assignment, Task):
            cursor.execute(f'DELETE FROM "{model._meta.db_table}" WHERE id > %s', [FLOOR[model]])
        which = "" if events else " AND task_id IS NOT NULL"
        cursor.execute(f"DELETE FROM crm_activity WHERE id > %s{which}", [FLOOR[Activity]])
    Contact.objects.update(last_activity_at=None, quiet_at=None)
    TaskAutomationRule.objects.update(times_triggered=0, tasks_created=0)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def counted() -> dict[str, int]:
    """How many rows there are of what an event leaves, and what the rules' counters say."""
    found = {model.__name__: model.objects.filter(pk__gt=FLOOR[model]).count() for model in MADE}
    found["unprocessed"] = Activity.objects.unprocessed().count()
    found["counted"] = sum(TaskAutomationRule.objects.values_list("tasks_created", flat=True))
    return found


def expect(events: int) -> None:
    wanted = {"Firing": events, "Task": events, "Assignment": events, "Activity": 3 * events, "Notification": events}
    wanted |= {"unprocessed": 0, "counted": events}
    if (found := counted()) != wanted:
        raise RuntimeError(f"{found} came of {events} events, not {wanted}")


@contextmanager
def timed(figures: Figures, name: str, events: int) -> Iterator[None]:
    """Seconds and CPU seconds an event; CPU is this process's and that of the database's process for it."""
    processes = [psutil.Process()]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            processes.append(psutil.Process(cursor.fetchone()[0]))
    before, started = sum(sum(one.cpu_times()[:2]) for one in processes), time.perf_counter()
    yield
    figures[f"{name}, s"] = (time.perf_counter() - started) / events
    figures[f"{name}, CPU s"] = (sum(sum(one.cpu_times()[:2]) for one in processes) - before) / events


def by_engine() -> None:
    for team_id in engine.pending_teams(timezone.now()):
        while Activity.objects.unprocessed().filter(team_id=team_id).exists():
            engine.drain(team_id, now=timezone.now())


def replay() -> None:
    """The same events once more, as if nobody had looked at them: nothing may come of it."""
    events = Activity.objects.filter(pk__gt=FLOOR[Activity], task_id__isnull=True)
    events.update(processed_at=None)
    by_engine()


Rows = list[tuple[str, list[Any]]]


def kept() -> Rows:
    """All rows that came of the events, ready to be written again as they are."""
    tables = [(model, "task_id IS NOT NULL" if model is Activity else "true") for model in MADE]
    found: Rows = []
    with connection.cursor() as cursor:
        for model, which in tables:
            table = model._meta.db_table
            chosen = f'SELECT * FROM "{table}" WHERE {which} AND id > {FLOOR[model]} ORDER BY id'
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY ({chosen}) TO STDOUT") as out:
                    found.append((table, b"".join(bytes(part) for part in out).splitlines(keepends=True)))
            else:
                cursor.execute(chosen)
                found.append((table, cursor.fetchall()))
    return found


def by_bare_write(rows: Rows, events: int) -> None:
    """The rows alone, in transactions of as many events as the engine takes: no rule is asked, nothing is counted."""
    batches = -(-events // BATCH)
    for batch in range(batches):
        with transaction.atomic(), connection.cursor() as cursor:
            for table, lines in rows:
                each = -(-len(lines) // batches)
                _write(cursor, table, lines[batch * each : (batch + 1) * each])


def _write(cursor: Any, table: str, lines: list[Any]) -> None:
    if connection.vendor == "postgresql":
        with cursor.copy(f'COPY "{table}" FROM STDIN') as copy:
            copy.write(b"".join(lines))
    elif lines:
        places = ", ".join("?" * len(lines[0]))
        connection.connection.executemany(f'INSERT INTO "{table}" VALUES ({places})', lines)


def by_usual_way() -> None:
    """What a handler of one message does an event, row by row through the ORM; the message itself is not counted."""
    for pk in list(Activity.objects.unprocessed().order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            activity = Activity.objects.select_related("contact__owner", "team").get(pk=pk)
            live = TaskAutomationRule.objects.live().filter(team=activity.team, trigger_type="activity")
            for rule in live.select_related("owner"):
                if activity.activity_type in rule.trigger_config["activity_types"]:
                    campaign = rule.condition.partition('"')[2].rstrip('"')
                    if activity.data["campaign"] == campaign:
                        _usual_firing(rule, activity)
            Contact.objects.filter(pk=activity.contact_id).update(last_activity_at=activity.occurred_at)
            Activity.objects.filter(pk=pk).update(processed_at=timezone.now())


def _usual_firing(rule: TaskAutomationRule, activity: Activity) -> None:
    now, contact = timezone.now(), activity.contact
    assert contact is not None
    seen, _ = Firing.objects.get_or_create(
        rule=rule,
        trigger_key=f"activity:{activity.pk}",
        defaults={"at": now, "activity": activity, "contact": contact, "outcome": Firing.FIRED, "owner": rule.owner},
    )
    if seen.task_id is not None or Task.objects.open().filter(firings__rule=rule, contact=contact).exists():
        return
    title = rule.task_title_template.replace("{{contact_name}}", contact.name)
    seen.task = Task.objects.create(
        team=rule.team,
        title=title.replace("{{activity_type}}", activity.activity_type),
        description=rule.task_description_template.replace("{{contact_email}}", contact.email),
        due_date=activity.occurred_at,
        contact=contact,
        owner=contact.owner,
        assignee=contact.owner,
    )
    seen.save(update_fields=["task"])
    given = Assignment.objects.create(task=seen.task, user=rule.owner, method=dispatch.OWNER, assigned_at=now)
    for kind in (Activity.TASK_CREATED, Activity.TASK_ASSIGNED):
        Activity.objects.create(
            team=rule.team, contact=contact, task_id=seen.task.pk, activity_type=kind, processed_at=now
        )
    Notification.objects.create(
        team=rule.team,
        user=rule.owner,
        key=f"assigned:{given.pk}",
        kind=Notification.ASSIGNED,
        title=f"New task: {title}",
        task=seen.task,
        created_at=now,
    )
    TaskAutomationRule.objects.filter(pk=rule.pk).update(
        times_triggered=F("times_triggered") + 1, tasks_created=F("tasks_created") + 1
    )


def one_round(rules: int, events: int) -> Figures:
    figures: Figures = {}
    clear()
    offer(events, rules)
    with timed(figures, "engine", events):
        by_engine()
    expect(events)
    rows = kept()
    before = counted()
    replay()
    figures["moved by a replay"] = sum(abs(value - before[name]) for name, value in counted().items())

    clear(events=False)
    with timed(figures, "bare write", events):
        by_bare_write(rows, events)
    clear()
    offer(USUAL, rules)
    with timed(figures, "usual way", USUAL):
        by_usual_way()
    expect(USUAL)
    if messages.WORKER in os.environ:
        figures |= messages.one_round()
    return figures


def main(teams: int, rules: int, events: int, rounds: int) -> None:
    began: datetime = timezone.now()
    engine.LEAST = engine.FIRST = engine.MOST = BATCH
    engine.BATCH_SECONDS = 60.0
    fill(teams, rules, events)
    RuleVersion.objects.filter(frozen_at__lt=began).delete()
    EngineQueue.objects.all().delete()
    settle_down(rules, events)
    gc.freeze()  # as a worker does
    for number in range(rounds + 1):
        figures = one_round(rules, events)
        if number:  # the first one warms up
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
