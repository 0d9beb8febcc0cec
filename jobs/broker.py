"""Publishing to the broker: best effort, beside the request, bounded in time, and silent for a while after a failure.

Whatever is lost here, the relay repeats: the row is the truth.
"""

import atexit
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection, Producer

log = logging.getLogger("nextmove.jobs")

BREAK_SECONDS = 5.0
FLUSH_SECONDS = 2.0
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


@dataclass(frozen=True)
class Message:
    """What `publish` sends; `lost` is called, in the publishing thread, when the broker did not take it."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any] = field(default_factory=dict)
    task_id: str | None = None
    lost: Callable[[], None] | None = None


class _Postbox:
    """A thread that publishes, so that no request waits for the broker; one a process, as none survives fork."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.waiting: queue.SimpleQueue[Message | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._post, name="broker", daemon=True).start()
        atexit.register(self.flush)

    def _post(self) -> None:
        while True:
            message = self.waiting.get()
            if isinstance(message, threading.Event):
                message.set()
            elif not publish(message.name, message.args, message.kwargs, task_id=message.task_id) and message.lost:
                try:
                    message.lost()
                except Exception as error:  # the database is away too: the relay looks at the row after its grace
                    log.warning("could not mark a lost message: %r", error)

    def flush(self) -> None:
        """Waits, not for long, until what was posted has gone out."""
        if self.pid == os.getpid():
            posted = threading.Event()
            self.waiting.put(posted)
            posted.wait(FLUSH_SECONDS)


_postbox: _Postbox | None = None


def post(*messages: Message) -> None:
    """Publishes soon, in order. Does nothing without a broker."""
    global _postbox
    if not configured():
        return
    if _postbox is None or _postbox.pid != os.getpid():
        _postbox = _Postbox()
    for message in messages:
        _postbox.waiting.put(message)


def flush() -> None:
    """Waits until what this process posted has gone out, or was found lost."""
    if _postbox is not None:
        _postbox.flush()


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
