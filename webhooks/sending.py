"""Sending what waits: one dispatch a job, tried again on a schedule of days, each time under the same id.

The state is written before and after the call. A process that dies in between leaves SENDING, and the next run of its
job sends again: receivers know an event by its id.
"""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from domain import backoff
from jobs import queue
from jobs.models import Job
from webhooks import calling, endpoints, recording
from webhooks.models import PING, Dispatch, Endpoint

REST = timedelta(seconds=60)
"""An endpoint that did not answer, or refused slowly, is not asked again before: waiting for it holds up others."""
SLOW = timedelta(seconds=2)
SHARE = 4
"""One that takes longer to answer is asked again only after so many times as long, so that there is time for others."""
LONGEST_PUT_OFF = timedelta(minutes=15)
"""It may be faster by then."""
GIVEN_UP_AFTER = timedelta(days=5)
SWITCHED_OFF = "The webhook was switched off before this was sent."
RESTS = "A moment ago it did not answer, or only slowly, so it was not asked again."
GONE = "It answered 410: what listened there is gone for good."
NEVER = "Nothing could be sent to it for five days. The last answer: {said}"


class CannotResend(Exception):
    """It is being sent, or to one that is switched off; the message says what to do."""


def send(dispatch_id: uuid.UUID, turn: int, *, now: datetime) -> dict[str, Any]:
    """Tries it, if it is this turn's to try; the answer has its state."""
    row = Dispatch.objects.select_related("event", "endpoint").filter(pk=dispatch_id).first()
    if row is None or row.turn != turn or row.state not in (Dispatch.QUEUED, Dispatch.SENDING):
        return {"dispatch_id": str(dispatch_id), "skipped": "gone, sent, or left to another job"}
    if not row.endpoint.is_active and row.event.kind != PING:
        _conclude(row, calling.Outcome(taken=False, said=SWITCHED_OFF), None, now)
    elif (rest := _rest(row, now)) and row.endpoint.failing_since is None:
        _put_off(row, rest, now)
    elif _mine(row).update(state=Dispatch.SENDING, tries=F("tries") + 1):
        row.state, row.tries = Dispatch.SENDING, row.tries + 1
        outcome = _call(row, now)
        _conclude(row, outcome, _wait(row, outcome), now)
    return {"dispatch_id": str(row.pk), "state": row.state, "status": row.status}


def resend(row: Dispatch, *, now: datetime) -> Dispatch:
    """Sends it again now, with a whole schedule of tries before it. Raises CannotResend."""
    if not row.endpoint.is_active and row.event.kind != PING:
        raise CannotResend("This webhook is switched off: switch it on first.")
    with transaction.atomic():
        at_rest = Dispatch.objects.filter(pk=row.pk, turn=row.turn).exclude(state=Dispatch.SENDING)
        again = {"state": Dispatch.QUEUED, "turn": row.turn + 1, "tries": 0, "next_try_at": now, "sent_at": None}
        if not at_rest.update(**again):
            raise CannotResend("It is being sent at this moment: look at its state in a while.")
        for name, value in again.items():
            setattr(row, name, value)
        Endpoint.objects.filter(pk=row.endpoint_id).update(rests_until=None)
        queue.enqueue(recording.job(row, row.endpoint.team_id), now=now)
    return row


def give_up(job: Job, now: datetime) -> None:
    """A job that failed for a reason of our own, whose process died each time or that somebody cancelled: what it was
    to send has failed. Of a cancelled one nobody was asked, so it says nothing about the endpoint.
    """
    if job.name == recording.SEND_JOB:
        row = Dispatch.objects.select_related("event", "endpoint").filter(pk=job.args[0], turn=job.args[1]).first()
        if row is not None and row.state in (Dispatch.QUEUED, Dispatch.SENDING):
            outcome = calling.Outcome(taken=False, said=calling.excerpt(job.error))
            _conclude(row, outcome, None, now, asked=job.state != Job.REVOKED)


def take_up_again(job: Job, now: datetime) -> None:
    """A job that was given up or cancelled and is to run after all: what failed with it is to be sent, unless somebody
    has sent it again since.
    """
    if job.name == recording.SEND_JOB:
        Dispatch.objects.filter(
            pk=job.args[0], turn=job.args[1], state=Dispatch.FAILED, answer=calling.excerpt(job.error)
        ).update(state=Dispatch.QUEUED, answer="", next_try_at=max(job.run_at, now))


def _rest(row: Dispatch, now: datetime) -> timedelta:
    """For how much longer its endpoint is left alone. A test does not wait: somebody looks at it."""
    until = row.endpoint.rests_until if row.event.kind != PING else None
    return max(until - now, timedelta(0)) if until is not None else timedelta(0)


def _put_off(row: Dispatch, rest: timedelta, now: datetime) -> None:
    """It is slow but well: the try does not count, and comes when those that wait with it may have had theirs."""
    waiting = Dispatch.objects.filter(endpoint=row.endpoint, state=Dispatch.QUEUED).count()
    spread = min(rest * waiting, LONGEST_PUT_OFF) * random.random()  # noqa: S311 (it hides nothing)
    again = now + rest + spread
    with transaction.atomic():
        if _mine(row).update(state=Dispatch.QUEUED, turn=row.turn + 1, next_try_at=again):
            row.state, row.turn, row.next_try_at = Dispatch.QUEUED, row.turn + 1, again
            queue.enqueue(recording.job(row, row.endpoint.team_id), now=now)


def _call(row: Dispatch, now: datetime) -> calling.Outcome:
    if _rest(row, now):
        return calling.Outcome(taken=False, said=RESTS)
    return calling.call(row.endpoint, row.event, now=now)


def _wait(row: Dispatch, outcome: calling.Outcome) -> timedelta | None:
    if outcome.taken or outcome.gone or row.event.kind == PING:
        return None
    return backoff.wait_after(row.tries, seed=str(row.pk), asked=outcome.asked)


def _conclude(
    row: Dispatch, outcome: calling.Outcome, wait: timedelta | None, now: datetime, *, asked: bool = True
) -> None:
    """Writes down what came of it and what comes next, unless somebody else has moved it on meanwhile."""
    after: dict[str, Any] = {"status": outcome.status, "answer": outcome.said, "next_try_at": None}
    if outcome.taken:
        after |= {"state": Dispatch.SENT, "sent_at": now}
    elif wait is None:
        after |= {"state": Dispatch.FAILED}
    else:
        after |= {"state": Dispatch.QUEUED, "turn": row.turn + 1, "next_try_at": now + wait}
    with transaction.atomic():
        if not _mine(row).update(**after):
            return
        for name, value in after.items():
            setattr(row, name, value)
        if row.state == Dispatch.QUEUED:
            queue.enqueue(recording.job(row, row.endpoint.team_id), now=now)
        if asked:
            _note(row, outcome, now)


def _note(row: Dispatch, outcome: calling.Outcome, now: datetime) -> None:
    """What it says about the endpoint: well again, silent, failing for too long, or gone."""
    endpoint = row.endpoint
    rows = Endpoint.objects.filter(pk=endpoint.pk)
    if outcome.taken:
        rests_until = now + outcome.took * SHARE if outcome.took > SLOW else None
        rows.exclude(failing_since=None, rests_until=rests_until).update(failing_since=None, rests_until=rests_until)
        return
    if outcome.silent or outcome.took > SLOW:
        rows.update(rests_until=now + REST)
    if outcome.gone:
        endpoints.switch_off(endpoint, why=GONE, now=now)
    elif endpoint.is_active and row.event.kind != PING:
        rows.filter(failing_since=None).update(failing_since=now)
        if endpoint.failing_since is not None and endpoint.failing_since <= now - GIVEN_UP_AFTER:
            endpoints.switch_off(endpoint, why=NEVER.format(said=outcome.said or outcome.status), now=now)


def _mine(row: Dispatch) -> Any:
    return Dispatch.objects.filter(pk=row.pk, turn=row.turn, state=row.state)
