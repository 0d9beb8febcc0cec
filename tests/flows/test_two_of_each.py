"""Two workers and two beats, or two runners on one SQLite file, on the same due rows: no duplicate, no gap."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from automation import engine, sweeps
from automation.models import Firing, ScheduledTaskBatch, TaskAutomationRule
from automation.programmes import enrolling
from automation.task_scheduler import TaskScheduler
from crm.models import Activity, Contact
from jobs.models import Job
from notifications.models import Notification
from people.models import User
from tests import builders, migrated, processes, servers, volume
from tests.processes import until
from work.models import Task

pytestmark = pytest.mark.flow

EACH = 50
"""Rows of a kind in each of two teams."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FOLLOWED = ("click", "status", "touch", "missed", "step", "series", "waited", "silence", "time")
"""What a contact gets one task for."""

Own = dict[str, str]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    """The settings of an installation of its own, with a copy of the schema: SQLite, or the servers of this run."""
    name = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    database, redis = (os.environ.get(f"NEXTMOVE_TEST_USE_{word}", "") for word in ("DATABASE", "REDIS"))
    found: Own = {}
    if database:
        found["NEXTMOVE_DATABASE_URL"] = migrated.postgres(database, name)
    else:
        (tmp_path / "data").mkdir()
        migrated.sqlite(tmp_path / "data" / "nextmove.sqlite3")
    if redis:
        found |= {"CELERY_BROKER_URL": redis, "NEXTMOVE_REDIS_KEY_PREFIX": f"{name}:", "NEXTMOVE_QUEUE": name}
    try:
        yield found
    finally:
        if database:
            servers.drop_databases(database, name)
        if redis:
            servers.forget_keys(redis, name)


def begin(call: str, folder: Path, own: Own) -> "subprocess.Popen[str]":
    """A function of this module in a process of its own, with the product set up; it prints its answer as JSON."""
    program = f"import celery_app, json; from tests.flows import test_two_of_each as own; print(json.dumps(own.{call}))"
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=processes.ROOT,
        env=processes.environment(folder / "data", **own),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: "subprocess.Popen[str]") -> Any:
    output, errors = process.communicate(timeout=450)
    assert process.returncode == 0, errors
    return json.loads(output)


@contextlib.contextmanager
def two_of_each(folder: Path, own: Own) -> Iterator[list[processes.Site]]:
    """Whatever does the work in this installation, twice."""
    celery = [sys.executable, "-m", "celery", "-A", "celery_app"]
    with contextlib.ExitStack() as stack:
        commands = [[sys.executable, "-m", "config.cli", "jobs"]] * 2
        if "CELERY_BROKER_URL" in own:
            worker = [*celery, "worker", "-c", "1", "--loglevel=warning"]
            commands = [[*worker, "-n", "one@%h"], [*worker, "-n", "two@%h"], *[[*celery, "beat"]] * 2]
        yield [stack.enter_context(processes.started(command, folder, **own)) for command in commands]


def prepare() -> None:
    """For every kind of due work a batch and more, in two teams."""
    for _ in range(2):
        manager = builders.make_manager()
        now = timezone.now()
        _rules(manager, now)
        for kind in (*FOLLOWED, "reminder", "late"):
            _due(kind, manager, _contacts(kind, manager, now), now)


def _rules(manager: User, now: datetime) -> None:
    configs: dict[str, tuple[str, dict[str, Any]]] = {
        "click": ("activity", {"activity_types": ["email_clicked"]}),
        "status": ("status_change", {"from_status": "lead", "to_status": "active"}),
        "silence": ("inactivity", {"days": 90}),
        "time": ("time", {"every": {"hours": 5}, "audience": "contacts", "statuses": ["lost"]}),
        "waited": ("activity", {"activity_types": ["something_else"]}),
    }
    for kind, (trigger, config) in configs.items():
        builders.make_rule(
            manager,
            name=kind,
            trigger_type=trigger,
            trigger_config=config,
            task_title_template=f"{kind}: {{{{contact_name}}}}",
            burst=0,
            created_at=now - 99 * DAY,
        )
    planned = {"planned_for": "planned", "planned_at": now - 99 * DAY, "seen_active": True}
    rules = TaskAutomationRule.objects.filter(owner=manager)
    rules.update(**planned, active_since=now - 99 * DAY)
    rules.filter(name="time").update(next_run_at=now - HOUR)


def _contacts(kind: str, manager: User, now: datetime) -> list[Contact]:
    row = Contact(owner=manager, team=manager.team, name="x", created_at=now - 91 * DAY)
    volume.multiply(row, EACH, name=f"'{kind} ' || i")
    made = Contact.objects.filter(team=manager.team, name__startswith=f"{kind} ").order_by("pk")
    made.update(quiet_at=now - HOUR if kind == "silence" else None)
    return list(made)


def _due(kind: str, manager: User, people: list[Contact], now: datetime) -> None:
    ago, first = now - HOUR, people[0]
    mine = {"contact_id": f"{first.pk} + i"}
    rows = Contact.objects.filter(pk__in=[contact.pk for contact in people])
    if kind == "click":  # two of each contact
        for number in range(2):
            click = Activity(team=manager.team, contact=first, activity_type="email_clicked", occurred_at=ago)
            volume.multiply(click, EACH, **mine, source_key=f"'click:{number}:{manager.pk}:' || i")
    elif kind == "status":
        rows.update(status="active")
    elif kind == "touch":
        rows.update(contact_cadence="weekly", seen_cadence="weekly", next_touch_at=ago)
    elif kind == "missed":
        late = now - 3 * DAY
        rows.update(next_follow_up_at=late, seen_follow_up_at=late, next_touch_at=late)
    elif kind == "step":
        steps = [builders.step(24, title="step: {{contact_name}}", key="s1")]
        sequence = builders.make_sequence(manager, steps=steps)
        for contact in people:
            enrolling.enrol(sequence, contact, owner=manager, now=now - 25 * HOUR)
    elif kind == "series":
        series = ScheduledTaskBatch(
            owner=manager,
            team=manager.team,
            contact=first,
            name="series",
            kind=ScheduledTaskBatch.RECURRING,
            cadence="weekly",
            recurs_from=ScheduledTaskBatch.SCHEDULE,
            task_template={"title": "series: {{contact_name}}"},
            next_run_at=ago,
            created_at=now - 7 * DAY,
        )
        volume.multiply(series, EACH, **mine)
    elif kind == "waited":
        rule = TaskAutomationRule.objects.get(owner=manager, name="waited")
        firing = Firing(rule=rule, kind="activity", contact=first, outcome=Firing.WAITING)
        firing.due_at = firing.occurred_at = firing.at = ago
        volume.multiply(firing, EACH, **mine, trigger_key="'waited:' || i")
    elif kind == "time":
        rows.update(status="lost", seen_status="lost")
    elif kind in ("reminder", "late"):
        task = Task(team=manager.team, owner=manager, assignee=manager, contact=first, title=kind)
        task.due_date, task.reminder_offset_hours = (now + HOUR, 2) if kind == "reminder" else (ago, None)
        volume.multiply(task, EACH, **mine)


def left() -> dict[str, Any]:
    """What is still to be done."""
    now = timezone.now()
    due = {sweep.name: len(sweep.due(now, None)) for sweep in sweeps.SWEEPS}
    return {name: count for name, count in due.items() if count} | {
        name: count
        for name, count in {
            "teams": len(engine.pending_teams(now)),
            "jobs": Job.objects.filter(state=Job.PENDING, run_at__lte=now).count(),
        }.items()
        if count
    }


def wait() -> dict[str, Any]:
    """Until nothing is left; what is left in the end."""
    with contextlib.suppress(processes.TooLate):
        until(lambda: not left(), seconds=400)
    return left()


def count() -> dict[str, Any]:
    """Tasks by kind, with how many contacts have them; who was told how often; and what must not be."""
    titles = {"Get in touch with": "touch", "Overdue: follow up with": "missed"}
    made: list[tuple[str, int]] = []
    for title, contact in Task.objects.exclude(title__in=["reminder", "late"]).values_list("title", "contact"):
        word = next((kind for start, kind in titles.items() if title.startswith(start)), title.partition(":")[0])
        made.append((word, contact))
    told = Notification.objects.filter(task__title__in=["reminder", "late"]).values_list("kind", "task")
    return {
        "tasks": Counter(word for word, _ in made),
        "contacts": Counter(word for word, _ in set(made)),
        "told": Counter(kind for kind, _ in told),
        "tasks told of": Counter(kind for kind, _ in set(told)),
        "changes": Activity.objects.filter(activity_type="status_changed").count(),
        "clicks": Counter(Firing.objects.filter(rule__name="click").values_list("outcome", flat=True)),
        "failed": Job.objects.exclude(error="").count(),
    }


def test_every_due_row_is_done_once(own: Own, tmp_path: Path) -> None:
    answer(begin("prepare()", tmp_path, own))
    with two_of_each(tmp_path, own) as sites:
        assert answer(begin("wait()", tmp_path, own)) == {}, [site.logged()[-3000:] for site in sites]
        assert all(site.process.poll() is None for site in sites), [site.logged()[-3000:] for site in sites]
    found = answer(begin("count()", tmp_path, own))
    once = dict.fromkeys(FOLLOWED, 2 * EACH)
    told = {Notification.REMINDER: 2 * EACH, Notification.OVERDUE: 2 * EACH}
    assert (found["tasks"], found["contacts"]) == (once, once)
    assert (found["told"], found["tasks told of"]) == (told, told)
    assert found["changes"] == 2 * EACH
    assert found["clicks"] == {"fired": 2 * EACH, "suppressed": 2 * EACH}
    assert found["failed"] == 0


def open_all(team_id: int, number: int, folder: str) -> list[int]:
    """One of two processes: each contact of the team opens a mail; answers the task that each call answered."""
    Path(folder, f"ready{number}").touch()
    until(lambda: all(Path(folder, f"ready{one}").exists() for one in range(2)), seconds=60)
    manager = User.objects.get(team_id=team_id)
    scheduler = TaskScheduler(owner=manager)
    tasks = [
        scheduler.schedule_based_on_activity(contact=contact, activity_type=Activity.EMAIL_OPENED)
        for contact in Contact.objects.filter(team_id=team_id).order_by("pk")
    ]
    return [task.pk for task in tasks if task is not None]


def prepare_openers() -> int:
    manager = builders.make_manager()
    builders.make_rule(manager, trigger_config={"activity_types": ["email_opened"]}, repeat_policy="once_while_open")
    for _ in range(30):
        builders.make_contact(manager)
    return int(manager.team_id)


def opened() -> dict[str, Any]:
    return {"tasks": Task.objects.count(), "outcomes": Counter(Firing.objects.values_list("outcome", flat=True))}


def test_two_opens_of_a_contact_in_two_processes_make_one_task(own: Own, tmp_path: Path) -> None:
    team = answer(begin("prepare_openers()", tmp_path, own))
    both = [begin(f"open_all({team}, {number}, {str(tmp_path)!r})", tmp_path, own) for number in range(2)]
    first, second = [answer(process) for process in both]
    assert first == second, "each is told of the same task"
    found = answer(begin("opened()", tmp_path, own))
    assert found == {"tasks": 30, "outcomes": {"fired": 30, "suppressed": 30}}
