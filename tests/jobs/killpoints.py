"""Kills the product at one line, starts it again, and counts the effects; run as a process of its own.

Each point: a forked child does the work and ends itself with `os._exit` at that line, as `kill -9` would. A second
child then runs the runner until nothing is pending. Prints a line of JSON for each point.

    python -m tests.jobs.killpoints [POINT ...]
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any
from unittest import mock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
KILLED = 9


def main(points: list[str]) -> None:
    import celery_app  # noqa: F401 (sets Django up)

    create_database()
    try:
        for point in points or POINTS:
            sys.stdout.write(json.dumps(examine(point)) + "\n")
    finally:
        drop_database()


def create_database() -> None:
    from django.db import connection

    from tests import migrated

    migrated.for_django()
    connection.creation.create_test_db(verbosity=0, keepdb=True, serialize=False)


def drop_database() -> None:
    from django.db import connection

    connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


def empty_everything() -> None:
    from django.core.management import call_command

    call_command("flush", verbosity=0, interactive=False)
    with open(os.environ["GATEWAY"], "w"):  # noqa: PTH123
        pass


def examine(point: str) -> dict[str, Any]:
    from django.db import connections

    empty_everything()
    prepare, work, patched, expected = POINTS[point]
    context = prepare()
    connections.close_all()
    killed = forked(lambda: work_until_killed(patched, work, context))
    recover(context)
    return {"point": point, "killed": killed == KILLED, "expected": expected, "found": count()}


def work_until_killed(patched: Callable[[], Any], work: Callable[[Any], None], context: Any) -> None:
    with patched():
        work(context)


def forked(step: Callable[[], None]) -> int:
    """Runs a step in a child process; its exit code."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            step()
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 1
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def recover(context: Any) -> None:
    """The client repeats what was not answered, and a new runner works until nothing is left."""

    def again() -> None:
        import threading

        from django.utils import timezone

        from automation import engine
        from jobs.models import Job
        from jobs.runner import Runner

        repeat = context.get("repeat")
        if repeat:
            repeat()
        runner = Runner(threading.Event())
        for _ in range(50):
            # The waits (grace, backoff, lease) are the only thing shortened.
            past = timezone.now() - timedelta(seconds=1)
            Job.objects.filter(state=Job.PENDING).update(send_at=past, run_at=past)
            if not runner.once() and not engine.pending_teams(timezone.now()):
                break

    assert forked(again) == 0


def count() -> dict[str, int]:
    from django.db import connections

    from automation.models import Firing
    from crm.files.models import Import, ImportPart
    from crm.models import Activity
    from jobs.models import Job
    from notifications.models import Notification
    from work.models import Assignment, Task

    connections.close_all()
    gateway = os.environ["GATEWAY"]
    with open(gateway) as sent:  # noqa: PTH123
        lines = sent.read().split()
    return {
        "clicks": Activity.objects.filter(activity_type="email_clicked").count(),
        "firings": Firing.objects.count(),
        "tasks": Task.objects.count(),
        "told": Notification.objects.filter(kind="assigned").count(),
        "completions": Activity.objects.filter(activity_type="task_completed").count(),
        "finished assignments": Assignment.objects.filter(outcome="completed").count(),
        "marks": Notification.objects.filter(kind="mark").count(),
        "dead": Job.objects.filter(state=Job.DEAD).count(),
        "told of dead": Notification.objects.filter(kind="job_dead").count(),
        "pending": Job.objects.filter(state=Job.PENDING).count(),
        "periods": Job.objects.filter(key__regex="^cron:(one|two):").count(),
        "sent": len(lines),
        "sent keys": len(set(lines)),
        "rows read": sum(Import.objects.filter(state=Import.READ).values_list("rows", flat=True)),
        "rows kept": sum(len(rows) for rows in ImportPart.objects.values_list("rows", flat=True)),
    }


def die(*args: Any, **kwargs: Any) -> Any:
    os._exit(KILLED)


def after(target: str, name: str) -> Callable[[], Any]:
    """Ends the process right after a function has returned."""

    def patched() -> Any:
        import importlib

        owner: Any = importlib.import_module(target)
        real = getattr(owner, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            real(*args, **kwargs)
            die()

        return mock.patch.object(owner, name, wrapper)

    return patched


def before(target: str, name: str) -> Callable[[], Any]:
    """Ends the process where a function would be entered."""

    def patched() -> Any:
        import importlib

        return mock.patch.object(importlib.import_module(target), name, die)

    return patched


def with_broker(patched: Callable[[], Any]) -> Callable[[], Any]:
    """The same, in a process that has a broker; which one does not matter, as it dies before it speaks to it."""

    def both() -> Any:
        from django.test.utils import override_settings

        from jobs import broker

        stack = ExitStack()
        stack.enter_context(override_settings(BROKER_URL="redis://127.0.0.1:1/0"))
        stack.enter_context(mock.patch.object(broker, "backlog", return_value=0))
        stack.enter_context(patched())
        return stack

    return both


# --- the scenarios -----------------------------------------------------------------------------------------------


def workspace() -> dict[str, Any]:
    from automation.models import TaskAutomationRule
    from crm.models import Contact
    from people.models import Team, User

    register_tasks()
    team = Team.objects.default()
    user = User.objects.create_superuser("admin", role="manager")
    contact = Contact.objects.create(owner=user, name="Ann", email="ann@example.com")
    TaskAutomationRule.objects.create(
        owner=user,
        name="click",
        trigger_type="activity",
        trigger_config={"activity_types": ["email_clicked"]},
        task_title_template="Call {{contact_name}}",
        assign="best_match",
    )
    return {"team": team, "user": user, "contact": contact}


def with_click_intake() -> dict[str, Any]:
    context = workspace()
    context["repeat"] = lambda: take_in(context)
    return context


def with_click_stored() -> dict[str, Any]:
    context = workspace()
    take_in(context)
    return context


def with_open_task() -> dict[str, Any]:
    context = with_click_stored()
    drain(context)
    context["repeat"] = lambda: complete(context)
    return context


def take_in(context: dict[str, Any]) -> None:
    from django.utils import timezone

    from crm import intake

    click = intake.Incoming("email_clicked", contact_email="ann@example.com", source="mail", source_key="e1")
    intake.record(context["team"], [click], now=timezone.now())


def drain(context: dict[str, Any]) -> None:
    from django.utils import timezone

    from automation import engine

    engine.drain(context["team"].pk, now=timezone.now())


def complete(context: dict[str, Any]) -> None:
    from django.utils import timezone

    from work import lifecycle
    from work.models import Task

    task = Task.objects.select_related("assignee", "team").get()
    with suppress(lifecycle.NotOpen):  # the client's first try was kept, though its answer was lost
        lifecycle.complete(task, by=context["user"], now=timezone.now())


def register_tasks() -> None:
    """Two jobs whose effects have no unique key, so a doubled one shows."""
    import uuid

    from celery import shared_task
    from django.utils import timezone

    from notifications.models import Notification
    from people.models import User

    def mark(number: int) -> None:
        user = User.objects.get(username="admin")
        Notification.objects.create(
            team=user.team, user=user, key=uuid.uuid4().hex, kind="mark", title=str(number), created_at=timezone.now()
        )

    @shared_task(name="tests.mark_twice")
    def mark_twice() -> None:
        mark(1)
        halfway()
        mark(2)

    @shared_task(name="tests.fail")
    def fail() -> None:
        mark(1)
        raise RuntimeError("as told")

    @shared_task(name="tests.send", external=True)
    def send(key: str) -> None:
        note(key)
        sent_outside()

    del mark_twice, fail, send


def halfway() -> None:
    """A line in the middle of a job."""


def with_job(name: str) -> Callable[[], dict[str, Any]]:
    def prepare() -> dict[str, Any]:
        from django.utils import timezone

        from jobs import queue

        context = workspace()
        queue.enqueue(queue.Request(name, key="the-job"), now=timezone.now())
        return context

    return prepare


def with_failing_job() -> dict[str, Any]:
    """One that has failed three times: the next failure is its last."""
    from jobs.models import Job

    context = with_job("tests.fail")()
    Job.objects.update(retries=3)
    return context


def with_file() -> dict[str, Any]:
    """One that is so large that a job reads it, in two parts."""
    from django.utils import timezone

    from crm.files import imports

    context = workspace()
    file = "Name\n" + "Ann\n" * FILE_ROWS
    with mock.patch.object(imports, "SMALL", 0):
        imports.upload(file.encode(), by=context["user"], kind="contacts", now=timezone.now())
    return context


def tick(context: dict[str, Any]) -> None:
    """Two entries are due; the process dies between them."""
    from celery.schedules import crontab

    from jobs import schedule

    every = {"task": "automation.tasks.send_task_reminders", "schedule": crontab()}
    schedule.Clock().tick({"one": every, "two": every}, now=context["now"])


def with_clock() -> dict[str, Any]:
    """After the restart the clock ticks again, in the same minute."""
    from django.utils import timezone

    context = workspace() | {"now": timezone.now() + timedelta(minutes=1)}
    context["repeat"] = lambda: tick(context)
    return context


def note(key: str) -> None:
    with open(os.environ["GATEWAY"], "a") as gateway:  # noqa: PTH123
        gateway.write(f"{key}\n")


def relay(context: dict[str, Any]) -> None:
    from django.utils import timezone

    from jobs import relay

    relay.relay(now=timezone.now())


def run_jobs(context: dict[str, Any]) -> None:
    from jobs import runner

    runner.run_due()


NOTHING = {
    "clicks": 0,
    "firings": 0,
    "tasks": 0,
    "told": 0,
    "completions": 0,
    "finished assignments": 0,
    "marks": 0,
    "dead": 0,
    "told of dead": 0,
    "pending": 0,
    "periods": 0,
    "sent": 0,
    "sent keys": 0,
    "rows read": 0,
    "rows kept": 0,
}
ONE_CLICK = NOTHING | {"clicks": 1, "firings": 1, "tasks": 1, "told": 1}
ONE_COMPLETION = ONE_CLICK | {"completions": 1, "finished assignments": 1}
TWO_MARKS = NOTHING | {"marks": 2}
FILE_ROWS = 700
ONE_FILE = NOTHING | {"rows read": FILE_ROWS, "rows kept": FILE_ROWS}

POINTS: dict[str, tuple[Callable[[], Any], Callable[[Any], None], Callable[[], Any], dict[str, int]]] = {
    "intake: stored, not committed": (with_click_intake, take_in, after("jobs.rows", "insert_new"), ONE_CLICK),
    "intake: committed, bell not rung": (with_click_intake, take_in, before("jobs.bell", "ring"), ONE_CLICK),
    "engine: before the task": (with_click_stored, drain, before("automation.firing", "_make_task"), ONE_CLICK),
    "engine: task made, nobody has it": (with_click_stored, drain, after("automation.firing", "_make_task"), ONE_CLICK),
    "engine: told, not committed": (with_click_stored, drain, after("automation.firing", "_hand_out"), ONE_CLICK),
    "engine: batch committed": (with_click_stored, drain, after("automation.engine", "_drain_batch"), ONE_CLICK),
    "complete: jobs written, not committed": (
        with_open_task,
        complete,
        after("work.lifecycle", "_completion"),
        ONE_COMPLETION,
    ),
    "complete: committed, not answered": (
        with_open_task,
        complete,
        after("work.lifecycle", "complete"),
        ONE_COMPLETION,
    ),
    "complete: committed, jobs not published": (
        with_open_task,
        complete,
        with_broker(before("jobs.queue", "_publish")),
        ONE_COMPLETION,
    ),
    "relay: marked as sent, not published": (
        with_job("tests.mark_twice"),
        relay,
        with_broker(before("jobs.queue", "publish")),
        TWO_MARKS,
    ),
    "schedule: one period written, the next not": (
        with_clock,
        tick,
        after("jobs.queue", "enqueue"),
        NOTHING | {"periods": 2},
    ),
    "job: before the claim": (with_job("tests.mark_twice"), run_jobs, before("jobs.running", "_claim"), TWO_MARKS),
    "job: claimed, not begun": (with_job("tests.mark_twice"), run_jobs, after("jobs.running", "_claim"), TWO_MARKS),
    "job: in the middle of its effects": (
        with_job("tests.mark_twice"),
        run_jobs,
        before("tests.jobs.killpoints", "halfway"),
        TWO_MARKS,
    ),
    "job: effects and done committed": (
        with_job("tests.mark_twice"),
        run_jobs,
        after("jobs.running", "_run_inside"),
        TWO_MARKS,
    ),
    "job: failed, not written down": (
        with_job("tests.fail"),
        run_jobs,
        before("jobs.running", "_fail"),
        NOTHING | {"dead": 1, "told of dead": 1},
    ),
    "job: given up and told, not committed": (
        with_failing_job,
        run_jobs,
        after("notifications.outbox", "tell"),
        NOTHING | {"dead": 1, "told of dead": 1},
    ),
    "outside: leased, not sent": (
        with_job("tests.send"),
        run_jobs,
        before("jobs.running", "_run_outside"),
        NOTHING | {"sent": 1, "sent keys": 1},
    ),
    "steps: the first one committed": (with_file, run_jobs, after("crm.files.imports", "_read_part"), ONE_FILE),
    "steps: all done, not marked": (with_file, run_jobs, after("crm.files.imports", "read"), ONE_FILE),
    # Only a gateway that knows the key can make these one: the same key reaches it twice. What each service that
    # carries notices does then is looked at by tests.notifications.kills.
    "outside: sent, not marked": (
        with_job("tests.send"),
        run_jobs,
        after("tests.jobs.killpoints", "sent_outside"),
        NOTHING | {"sent": 2, "sent keys": 1},
    ),
}


def sent_outside() -> None:
    """A line right after a call to the outside."""


if __name__ == "__main__":
    # Under its own name, so that patches reach the functions that run.
    from tests.jobs import killpoints

    killpoints.main(sys.argv[1:])
