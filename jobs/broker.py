"""Publishing to the broker: best effort, bounded in time, and silent for a while after a failure.

Whatever is lost here, the relay repeats: the row is the truth.
"""

import logging
import os
import threading
import time
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection, Producer

log = logging.getLogger("nextmove.jobs")

BREAK_SECONDS = 5.0
_local = threading.local()
_closed_until = 0.0


def configured() -> bool:
    return bool(settings.BROKER_URL)


def _connect() -> Connection:
    options: dict[str, Any] = dict(current_app.conf.broker_transport_options or {})
    options |= {"max_retries": 0}
    if settings.BROKER_URL.startswith("redis"):
        options |= {"socket_connect_timeout": 1, "socket_timeout": 1}
    return Connection(settings.BROKER_URL, connect_timeout=1, transport_options=options)


def _producer() -> Producer:
    """One connection a thread and process; a forked child must not share its parent's socket."""
    kept = getattr(_local, "kept", None)
    if kept is None or kept[0] != os.getpid():
        producer = current_app.amqp.Producer(_connect())
        _local.kept = kept = (os.getpid(), producer)
    return kept[1]


def _drop() -> None:
    kept = getattr(_local, "kept", None)
    _local.kept = None
    if kept is not None and kept[0] == os.getpid():
        try:
            kept[1].connection.release()
        except Exception as error:  # the socket is gone already; there is nothing left to release
            log.debug("closing the broker connection: %r", error)


def publish(name: str, args: list[Any], kwargs: dict[str, Any] | None = None, *, task_id: str | None = None) -> bool:
    """Sends one message, or says False: no broker, a broker that does not answer, or one that just did not."""
    global _closed_until
    if not configured() or time.monotonic() < _closed_until:
        return False
    try:
        current_app.send_task(name, args, kwargs, task_id=task_id, producer=_producer(), retry=False)
    except Exception as error:  # any transport's own errors: none of them may reach the business transaction
        _closed_until = time.monotonic() + BREAK_SECONDS
        _drop()
        log.warning("broker does not answer, pausing %s s: %r", BREAK_SECONDS, error)
        return False
    return True


def backlog() -> int:
    """Messages waiting in the queue. While there are many, an old row is queued, not lost.

    Raises whatever the transport raises when the broker does not answer.
    """
    with _connect() as connection:
        channel = connection.default_channel
        # A passive declaration asks Redis for EXISTS, which kombu sends without the key prefix; there an active one
        # makes nothing but the answer.
        passive = not settings.BROKER_URL.startswith("redis")
        try:
            return int(channel.queue_declare(current_app.conf.task_default_queue, passive=passive).message_count)
        except connection.channel_errors:  # no such queue yet: nothing waits in it
            return 0


def answers() -> bool:
    """Whether the broker can be reached now."""
    try:
        backlog()
    except Exception:  # any transport's own errors mean the same here
        return False
    return True
