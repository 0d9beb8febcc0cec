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
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

CHAINED = 1
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
    plans_seconds: float = 0.0
    """How often the waiting work of each team is given out by a plan, where it is hourly else."""
    slow_file: str = ""
    """While it is there, the job `chaos.slow` takes its time; beside it, in `.pid`, who runs it."""
    seed: int = 0
    notes: str = ""
    """A file that gets a line for each exception thrown and each message disturbed."""
    clocks: str = ""
    """A folder: a file named by a process's number holds the seconds by which its clock is wrong, and one named `all`
    those of everybody's."""
    lines: str = ""
    """A folder of deaths to come; see `lines`."""

    def as_json(self) -> str:
        return json.dumps(asdict(self))


class ByChance(Exception):
    """Thrown for no reason."""


CLOCK_LOOKED_AT_SECONDS = 0.2
_armed, _has_clock = False, False


class Chance:
    """Seeded draws: whether a thing is hit follows from the seed, the thing and how often this process has seen it."""

    def __init__(self, wishes: Wishes) -> None:
        self.seed = wishes.seed
        self.notes = wishes.notes
        self.seen: Counter[str] = Counter()

    def hits(self, share: float, what: str, thing: str) -> bool:
        """True in this share of all cases, which are then written down."""
        self.seen[thing] += 1
        drawn = self.number(what, thing)
        if drawn >= share:
            return False
        if self.notes:
            with suppress(OSError), open(self.notes, "a") as notes:  # noqa: PTH123 (the disk may be full)
                notes.write(f"{what}\n")
        return True

    def number(self, what: str, thing: str) -> float:
        """From 0 to 1."""
        return random.Random(f"{self.seed} {what} {thing} {self.seen[thing]}").random()


def arm_clock() -> None:
    """Before Django is set up, since models keep the function. It is the clock by which the product decides."""
    global _has_clock
    folder = Wishes(**json.loads(os.environ["CHAOS"])).clocks
    if _has_clock or not folder:
        return
    _has_clock = True
    from django.utils import timezone

    right = timezone.now
    looked_at, wrong_by = -CLOCK_LOOKED_AT_SECONDS, 0.0

    def now() -> datetime:
        nonlocal looked_at, wrong_by
        if time.monotonic() - looked_at >= CLOCK_LOOKED_AT_SECONDS:
            wrong_by = sum(_seconds(Path(folder) / name) for name in (str(os.getpid()), "all"))
            looked_at = time.monotonic()
        return right() + timedelta(seconds=wrong_by)

    timezone.now = now


def _seconds(file: Path) -> float:
    try:
        return float(file.read_text() or 0)
    except OSError:
        return 0.0


def arm() -> None:
    """Once a process, after Django has been set up."""
    global _armed
    if _armed:
        return
    _armed = True
    wishes = Wishes(**json.loads(os.environ["CHAOS"]))
    _add_jobs(wishes)
    _shorten(wishes)
    chance = Chance(wishes)
    if wishes.exceptions:
        _throw(wishes.exceptions, chance)
    if wishes.doubled or wishes.delayed:
        _disturb_messages(wishes, chance)
    if wishes.lines:
        from tests.chaos import lines

        lines.arm(Path(wishes.lines), chance.hits)


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
        Path(f"{wishes.slow_file}.pid").write_text(str(os.getpid()))
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
    if wishes.plans_seconds:
        entry = app.conf.beat_schedule["find-and-assign-tasks"]
        app.conf.beat_schedule["find-and-assign-tasks"] = entry | {"schedule": wishes.plans_seconds}
    del current_app, mark, chained, tick, poison, slow


def _shorten(wishes: Wishes) -> None:
    """The product's waits, where a run of a minute could not await them."""
    from assignment import runs
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
        # As with the product's own, a plan is held for less long than a job is tried again.
        runs.HOLD = 5 * running.FIRST_WAIT
    if wishes.lease_seconds:
        running.LEASE = timedelta(seconds=wishes.lease_seconds)


def _throw(share: float, chance: Chance) -> None:
    """After a job's effects, before its commit; and in the middle of a batch of the engine."""
    from automation import bulk, engine
    from jobs import running

    run_inside, process, follow = running._run_inside, engine._process, bulk.Batch.follow

    def job(row: Any, handler: Callable[..., Any]) -> Any:
        def by_chance(*args: Any, **kwargs: Any) -> Any:
            result = handler(*args, **kwargs)
            if chance.hits(share, "exception in a job", f"{row.key} {row.retries}"):
                raise ByChance(row.name)
            return result

        return run_inside(row, by_chance)

    def one(activity: Any, ready: Any, now: datetime) -> Any:
        fired = process(activity, ready, now)
        if chance.hits(share, "exception in the engine", f"activity {activity.pk}"):
            raise ByChance("engine")
        return fired

    def of_a_batch(batch: bulk.Batch, activity: Any) -> None:
        follow(batch, activity)
        if chance.hits(share, "exception in a batch", f"activity {activity.pk}"):
            raise ByChance("engine")

    running._run_inside = job
    engine._process = one
    bulk.Batch.follow = of_a_batch


def _disturb_messages(wishes: Wishes, chance: Chance) -> None:
    """Each message may come twice, and may come late and so after its successors, or never if its process dies."""
    from jobs import broker

    publish = broker.publish

    def disturbed(*args: Any, **kwargs: Any) -> bool:
        thing = f"{args} {kwargs}"
        if chance.hits(wishes.delayed, "message delayed", thing):
            late = wishes.most_delay_seconds * chance.number("how late", thing)
            timer = threading.Timer(late, publish, args, kwargs)
            timer.daemon = True
            timer.start()
            return True
        if chance.hits(wishes.doubled, "message doubled", thing):
            publish(*args, **kwargs)
        return publish(*args, **kwargs)

    broker.publish = disturbed
