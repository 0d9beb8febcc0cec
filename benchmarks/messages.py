"""What one Celery message an event costs before any work is done: sent to a queue of its own, taken by a worker of its
own, its task empty.

The worker is one process that does one message after the other. The first process says which queue, in the
environment: `celery -A benchmarks.messages worker` and whoever sends read it there.
"""

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis
from celery import Celery
from celery.signals import worker_ready

from tests import processes, servers

BROKER, QUEUE, WORKER = "BENCH_BROKER", "BENCH_QUEUE", "BENCH_WORKER"
MESSAGES = 500
WAIT_SECONDS = 60

QUEUE_NAME = os.environ.get(QUEUE, f"{servers.OURS}_messages")
app = Celery("messages", broker=os.environ.get(BROKER, "memory://"), set_as_current=False)
app.conf.update(
    task_default_queue=QUEUE_NAME,
    task_ignore_result=True,
    broker_transport_options={"global_keyprefix": f"{QUEUE_NAME}:"} if BROKER in os.environ else {},
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task
def nothing(last: bool) -> None:
    """The task of an event, without what it would do. The last one of a round says that it was reached."""
    if last:
        _say("done")


@worker_ready.connect
def _ready(**_: object) -> None:
    _say("ready")


def _say(word: str) -> None:
    with contextlib.closing(redis.Redis.from_url(os.environ[BROKER])) as client:
        client.lpush(f"{QUEUE_NAME}:said", word)


def _hear(word: str) -> None:
    with contextlib.closing(redis.Redis.from_url(os.environ[BROKER])) as client:
        said = client.brpop([f"{QUEUE_NAME}:said"], timeout=WAIT_SECONDS)
    if not isinstance(said, tuple) or said[1] != word.encode():
        raise RuntimeError(f"the worker of the messages said {said}, not {word}")


@contextlib.contextmanager
def taken(redis_url: str, folder: Path) -> Iterator[dict[str, str]]:
    """A worker that takes them; what a process needs in its environment to send some."""
    queue = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    own = {BROKER: redis_url, QUEUE: queue}
    command = [
        *(sys.executable, "-m", "celery", "-A", "benchmarks.messages", "worker", "--pool=solo", "--loglevel=warning"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", f"--queues={queue}"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with processes.started(command, folder, **own) as site:
            yield own | {WORKER: str(site.process.pid)}
    finally:
        servers.forget_keys(redis_url, queue)


_heard_ready = False


def one_round() -> dict[str, float]:
    """Seconds a message, from the first sent to the last done, and CPU seconds of both processes."""
    global _heard_ready
    if not _heard_ready:
        _hear("ready")
        _heard_ready = True
    everything = [psutil.Process(), psutil.Process(int(os.environ[WORKER]))]
    before, started = sum(sum(one.cpu_times()[:2]) for one in everything), time.perf_counter()
    for number in range(MESSAGES):
        nothing.delay(number == MESSAGES - 1)
    _hear("done")
    return {
        "message, s": (time.perf_counter() - started) / MESSAGES,
        "message, CPU s": (sum(sum(one.cpu_times()[:2]) for one in everything) - before) / MESSAGES,
    }
