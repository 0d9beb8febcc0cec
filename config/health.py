"""Two questions of whoever runs Nextmove: does the process live, and can it do its work?"""

import threading
import time

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from jobs import broker

KEPT_SECONDS = 2.0
"""Strangers may ask; the broker hears of it at most this often."""


class _Kept:
    """The broker's last answer."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = 0.0
        self.word = ""

    def read(self) -> str:
        with self.lock:
            if time.monotonic() >= self.until:
                self.word = "ok" if broker.answers() else "does not answer"
                self.until = time.monotonic() + KEPT_SECONDS
            return self.word


_broker = _Kept()


def broker_answers() -> bool:
    """As of a moment ago."""
    return _broker.read() == "ok"


def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 (Django's)
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 (Django's)
    """503 without the database. Without the broker the web still takes everything in, so that is said, and 200."""
    database = _database()
    queue = _broker.read() if settings.BROKER_URL else "not configured"
    words = {"database": database, "broker": queue}
    if database != "ok":
        return JsonResponse({"status": "unavailable", **words}, status=503)
    return JsonResponse({"status": "degraded" if queue == "does not answer" else "ok", **words})


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
            cursor.fetchone()
    except DatabaseError:
        return "does not answer"
    return "ok"
