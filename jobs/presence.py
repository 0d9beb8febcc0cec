"""Who works on jobs: each shows itself every few seconds in a row of its own, for people to see; nothing needs it."""

import logging
import os
import platform
import time
from datetime import timedelta
from typing import Any

from celery import signals
from django.db import DatabaseError, connections
from django.utils import timezone

from jobs.models import Worker

log = logging.getLogger("nextmove.jobs")

EVERY_SECONDS = 10.0
SILENT = timedelta(seconds=45)
"""Whoever was not heard of for longer is busy with one long job, or gone."""
KEEP = timedelta(minutes=15)
"""So long one is listed, and its row kept, after it was last heard of."""


class Presence:
    """One worker's row. It belongs to the thread that it is made in."""

    def __init__(self, part: str, lane: str = "") -> None:
        self.worker = Worker(part=part, lane=lane, place=f"{platform.node()[:80]}:{os.getpid()}")
        self.next = 0.0

    def show(self) -> None:
        """To be called at each round: writes every ten seconds. A database that is away is no reason to stop."""
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + EVERY_SECONDS
        now = timezone.now()
        try:
            if not Worker.objects.filter(pk=self.worker.pk).update(seen_at=now):
                self.worker.started_at = self.worker.started_at or now
                self.worker.seen_at = now
                self.worker.save(force_insert=True)
                Worker.objects.filter(seen_at__lt=now - KEEP).delete()
        except DatabaseError as error:
            log.debug("could not show myself: %r", error)

    def leave(self) -> None:
        """The end of an orderly life: it is not listed as silent."""
        try:
            Worker.objects.filter(pk=self.worker.pk).delete()
        except DatabaseError as error:
            log.debug("could not sign off: %r", error)


class OfCelery:
    """A Celery worker shows itself by its heart, in its first process: no thread of ours is wanted for it."""

    def __init__(self) -> None:
        self.presence: Presence | None = None

    def show(self, **_facts: Any) -> None:
        self.presence = self.presence or Presence(Worker.CELERY)
        self.presence.show()
        connections.close_all()  # the pool forks anew after this, and must inherit no connection

    def leave(self, **_facts: Any) -> None:
        if self.presence is not None:
            self.presence.leave()
            connections.close_all()


def follow_celery() -> None:
    """Once in a process, before its worker has a heart."""
    own = OfCelery()
    signals.heartbeat_sent.connect(own.show, weak=False, dispatch_uid="presence")
    signals.worker_shutdown.connect(own.leave, weak=False, dispatch_uid="presence")
