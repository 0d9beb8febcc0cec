"""What runs inside the product's processes: jobs whose effects have no unique key, so that a doubled one shows, and
faults that no signal can make: exceptions, messages that come twice or late, a job that kills whoever runs it.

CHAOS holds what to do as JSON; see `Wishes`. Loaded by `seam/sitecustomize.py`.
"""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

CHAINED = 2
"""Jobs that follow each marking job."""
TICK_SECONDS = 1.0
LETTER = "letter"
"""How the subject of a letter begins that a marking job has asked for."""


def has_letter(kind: str, title: str) -> bool:
    """Every fourth event has one, of its first task being made."""
    return kind == "task.created" and title.startswith("first ") and int(title.split()[1]) % 4 == 0


@dataclass(frozen=True)
class Wishes:
    """Shares are of all jobs, batches or messages. Waits stay the product's own unless said."""

    exceptions: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    most_delay_seconds: float = 0.0
    grace_seconds: float = 0.0
    retry_seconds: float = 0.0
    lease_seconds: float = 0.0
    slow_file: str = ""
    """While it is there, the job `chaos.slow` takes its time."""

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class ByChance(Exception):
    """Thrown for no reason."""


_armed = False


def arm() -> None:
    """Once a process, after Django has been set up."""
    global _armed
    if _armed:
        return
    _armed = True
    wishes = Wishes(**json.loads(os.environ["CHAOS"]))
    _add_jobs(wishes)
    _shorten(wishes)
    if wishes.exceptions:
        _throw(wishes.exceptions)
    if wishes.doubled or wishes.delayed:
        _disturb_messages(wishes)


def _add_jobs(wishes: Wishes) -> None:
    from celery import current_app, shared_task
    from django.db import connection
    from django.utils import timezone

    from config.celery import app
    from jobs import announcing, queue

    def note(what: str) -> None:
        """Neither statement minds being done twice."""
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO chaos_effect (what) VALUES (%s)", [what])
            cursor.execute("UPDATE chaos_counter SET n = n + 1")

    @shared_task(name="chaos.mark")
    def mark(kind: str, task_id: int) -> None:
        from notifications import outbox
        from notifications.models import Notification
        from work.models import Task

        task = Task.objects.select_related("owner__team").get(pk=task_id)
        title = task.title
        note(f"mark {kind} {title}")
        if has_letter(kind, title):
            said = {"kind": Notification.PERFORMANCE, "key": f"chaos:{task_id}", "title": f"{LETTER} {title}"}
            outbox.tell(task.owner, **said, now=timezone.now())
        requests = [
            queue.Request("chaos.chained", [f"{kind} {title} {number}"], key=f"chaos:{kind}:{task_id}:{number}")
            for number in range(CHAINED)
        ]
        queue.enqueue(*requests, now=timezone.now())

    @shared_task(name="chaos.chained")
    def chained(what: str) -> None:
        note(f"chained {what}")

    @shared_task(name="chaos.tick")
    def tick() -> None:
        note("tick")

    @shared_task(name="chaos.poison")
    def poison() -> None:
        note("poison")
        os.kill(os.getpid(), signal.SIGKILL)

    @shared_task(name="chaos.slow")
    def slow() -> None:
        note("slow")
        while os.path.exists(wishes.slow_file):  # noqa: PTH110 (a loop that waits to be killed)
            time.sleep(0.01)

    def listen(facts: Sequence[announcing.Fact]) -> None:
        """In the transaction of the fact, as webhooks do."""
        requests = [
            queue.Request("chaos.mark", [fact.kind, fact.subject_id], key=f"chaos:{fact.key}")
            for fact in facts
            if fact.kind in (announcing.TASK_CREATED, announcing.TASK_COMPLETED)
        ]
        queue.enqueue(*requests, now=timezone.now())

    announcing.register(listen)
    app.conf.beat_schedule["chaos-tick"] = {"task": "chaos.tick", "schedule": TICK_SECONDS}
    del current_app, mark, chained, tick, poison, slow


def _shorten(wishes: Wishes) -> None:
    """The product's waits, where a run of a minute could not await them."""
    from automation import setting_aside
    from jobs import queue, running
    from jobs.tasks import JobTask

    if wishes.grace_seconds:
        queue.GRACE = timedelta(seconds=wishes.grace_seconds)
        named = JobTask.run_row.__kwdefaults__
        assert named is not None
        named["grace"] = queue.GRACE
    if wishes.retry_seconds:
        running.FIRST_WAIT = setting_aside.FIRST_WAIT = timedelta(seconds=wishes.retry_seconds)
    if wishes.lease_seconds:
        running.LEASE = timedelta(seconds=wishes.lease_seconds)


def _throw(share: float) -> None:
    """After a job's effects, before its commit; and in the middle of a batch of the engine."""
    from automation import engine
    from jobs import running

    run_inside, process = running._run_inside, engine._process

    def job(row: Any, handler: Callable[..., Any]) -> Any:
        def by_chance(*args: Any, **kwargs: Any) -> Any:
            result = handler(*args, **kwargs)
            if random.random() < share:
                raise ByChance(row.name)
            return result

        return run_inside(row, by_chance)

    def one(activity: Any, ready: Any, now: datetime) -> Any:
        fired = process(activity, ready, now)
        if random.random() < share:
            raise ByChance("engine")
        return fired

    running._run_inside = job
    engine._process = one


def _disturb_messages(wishes: Wishes) -> None:
    """Each message may come twice, and may come late and so after its successors, or never if its process dies."""
    from jobs import broker

    publish = broker.publish

    def disturbed(*args: Any, **kwargs: Any) -> bool:
        if random.random() < wishes.delayed:
            timer = threading.Timer(random.uniform(0, wishes.most_delay_seconds), publish, args, kwargs)
            timer.daemon = True
            timer.start()
            return True
        if random.random() < wishes.doubled:
            publish(*args, **kwargs)
        return publish(*args, **kwargs)

    broker.publish = disturbed
