"""`Idempotency-Key`: the second of two equal POSTs gets the first one's answer, and the effect happens once.

The claim is committed first, so that a twin in flight is told to wait; effect and answer are then one transaction.
A process that dies in between leaves no effect and a claim that may be taken over after a while.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api import uploads
from api.auth import caller
from api.errors import Problem, invalid
from api.models import IdempotentAnswer
from people.sealed import Locked

KEEP = timedelta(hours=24)
STALE = timedelta(minutes=5)
"""Longer than any request runs: an older claim without an answer belongs to a process that died."""
MAX_LENGTH = 255
HEADER = "Idempotency-Key"

Run = Callable[..., HttpResponse]


class Lost(Exception):
    """The claim was taken over meanwhile; rolls this run's effects back."""


def once(run: Run) -> Run:
    """Wraps ninja's `Operation.run` (a bound method) for requests that carry a key."""
    operation: Any = run.__self__  # type: ignore[attr-defined]

    @wraps(run)
    def answer(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or not operation.auth_callbacks:
            return run(request, **kwargs)
        refused = operation._run_checks(request)
        if refused is not None:
            return refused
        try:
            claimed = claim(request, key, now=timezone.now())
            if isinstance(claimed, HttpResponse):
                return claimed
            return _perform(claimed, lambda: run(request, **kwargs))
        except Exception as error:
            return operation.api.on_exception(request, error)

    return answer


def claim(request: HttpRequest, key: str, *, now: datetime) -> IdempotentAnswer | HttpResponse:
    """The row that is ours to answer, or the kept answer. 422 for another request's key, 409 for one in flight."""
    if not 0 < len(key) <= MAX_LENGTH:
        raise invalid("/Idempotency-Key", "length", f"Idempotency-Key must have 1 to {MAX_LENGTH} characters.")
    user, digest = caller(request), _hash(request)
    IdempotentAnswer.objects.filter(created_at__lt=now - KEEP).delete()
    try:
        with transaction.atomic():
            return IdempotentAnswer.objects.create(user=user, key=key, request_hash=digest, created_at=now)
    except IntegrityError:
        row = IdempotentAnswer.objects.get(user=user, key=key)
    if row.request_hash != digest:
        raise invalid("/Idempotency-Key", "reused", "This Idempotency-Key was used for another request. Use a new one.")
    if isinstance(row.body, Locked):
        raise Problem(409, "This was answered, and the answer cannot be read any more: look at what was made.")
    if row.status:
        return HttpResponse(
            row.body, status=row.status, content_type=row.content_type, headers={"Idempotent-Replayed": "true"}
        )
    if row.created_at < now - STALE and _same(row).update(created_at=now):
        row.created_at = now
        return row
    raise Problem(
        409,
        "The first request with this Idempotency-Key is still being answered. Send it again in a moment.",
        headers={"Retry-After": "1"},
    )


def _perform(row: IdempotentAnswer, run: Callable[[], HttpResponse]) -> HttpResponse:
    """Effects and kept answer commit together; of a failure on our side nothing stays, not even the claim."""
    try:
        with transaction.atomic():
            response = run()
            if response.status_code >= 500:
                transaction.set_rollback(True)
            elif not _keep(row, response):
                raise Lost
    except Lost:
        raise Problem(409, "Another request with this Idempotency-Key took over. Send it again.") from None
    except BaseException:
        _same(row).delete()
        raise
    if response.status_code >= 500:
        _same(row).delete()
    return response


def _keep(row: IdempotentAnswer, response: HttpResponse) -> int:
    return _same(row).update(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        body=response.content.decode(),
    )


def _same(row: IdempotentAnswer) -> Any:
    """The row as we know it: in flight, and not taken over since."""
    return IdempotentAnswer.objects.filter(pk=row.pk, status=0, created_at=row.created_at)


def _hash(request: HttpRequest) -> str:
    address = f"{request.method} {request.path_info.rstrip('/')}?{request.META['QUERY_STRING']}\n"
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass"))
    for part in uploads.parts_of(request):
        digest.update(part)
    return digest.hexdigest()
