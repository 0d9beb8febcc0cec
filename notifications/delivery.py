"""Sending one delivery: looked at once more before it goes, and never sent twice for being unsure.

The state is written before and after the call. A process that dies in between leaves SENDING, which the next try reads
as unknown, for mail servers take the same letter twice; or sends again under the same id where the other side knows it
again.
"""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from jobs import queue
from jobs.models import Job
from notifications import bundles, moot, routing
from notifications.channels import Postponed, Refused, Uncertain
from notifications.models import Delivery, Notification, QuietHours
from notifications.routing import CHANNELS, SEND_JOB
from people.models import User


def send(delivery_id: uuid.UUID, *, now: datetime) -> dict[str, Any]:
    """Sends it if it is still to be sent, with all of its bundle that is due; the answer has its state.

    Raises Postponed, or Uncertain where the other side knows it again, so that the job tries again.
    """
    row = _rows().filter(pk=delivery_id).first()
    if row is None:
        return {"delivery_id": str(delivery_id), "skipped": "there is no such delivery"}
    if row.state == Delivery.SENDING and row.sent_with_id is None:
        if CHANNELS[row.channel].knows_again(row) and not moot.reasons([row])[row]:
            _hand_over(row, now)
        else:
            _settle(
                row, Delivery.UNKNOWN, "A process ended while it was being sent: nobody can say whether it arrived."
            )
    elif row.state == Delivery.QUEUED and _claim(row, now):
        _hand_over(row, now)
    return {"delivery_id": str(row.pk), "state": row.state, "reason": row.reason}


def give_up(job: Job, _now: datetime) -> None:
    """A job that was tried too often: what it was to send has failed, or nobody can say."""
    rows = _message_of(job)
    reason = job.error[:255]
    rows.filter(state=Delivery.QUEUED).update(state=Delivery.FAILED, reason=reason)
    rows.filter(state=Delivery.SENDING).update(state=Delivery.UNKNOWN, reason=reason)


def take_up_again(job: Job, _now: datetime) -> None:
    """A job that was given up and that somebody runs again: what failed with it is to be sent; what may have arrived
    only where the other side knows it again.
    """
    rows = _message_of(job).filter(reason=job.error[:255])
    rows.filter(state=Delivery.FAILED).update(state=Delivery.QUEUED)
    leader = rows.filter(state=Delivery.UNKNOWN, sent_with__isnull=True).select_related("user").first()
    if leader is not None and CHANNELS[leader.channel].knows_again(leader):
        rows.filter(state=Delivery.UNKNOWN).update(state=Delivery.SENDING)


def _message_of(job: Job) -> QuerySet[Delivery]:
    """What the job was to send; nothing for a job of another kind, or one called by hand with something else."""
    try:
        ids = [uuid.UUID(str(one)) for one in job.args] if job.name == SEND_JOB else []
    except ValueError:
        ids = []
    return Delivery.objects.filter(Q(pk__in=ids) | Q(sent_with__in=ids))


def _claim(row: Delivery, now: datetime) -> bool:
    """Takes the row and what comes in its message: from then on nobody else sends any of them.

    Of two jobs of one bundle the second waits, and finds its row taken.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=row.user_id)
        queued = _rows().filter(Q(sent_with__isnull=True) | Q(sent_with=row), state=Delivery.QUEUED)
        if not queued.filter(pk=row.pk).exists():
            row.refresh_from_db(fields=["state", "reason"])
            return False
        if _wait_for_quiet(row, now):
            return False
        others = _companions(row, queued.filter(due_at__lte=now))
        why_not = moot.reasons([row, *others])
        for why in {*why_not.values()} - {""}:
            skipped = Delivery.objects.filter(pk__in=[one.pk for one, said in why_not.items() if said == why])
            skipped.update(state=Delivery.SKIPPED, reason=why[:255])
        standing = [one for one in others if not why_not[one]]
        if why_not[row]:
            _pass_on([one for one in standing if one.sent_with_id == row.pk], row, now)
            row.state, row.reason = Delivery.SKIPPED, why_not[row][:255]
            return False
        Delivery.objects.filter(pk__in=[one.pk for one in standing]).update(
            state=Delivery.SENDING, reason="", sent_with=row
        )
        Delivery.objects.filter(pk=row.pk).update(state=Delivery.SENDING, reason="")
        row.state, row.reason = Delivery.SENDING, ""
    return True


def _companions(row: Delivery, queued: QuerySet[Delivery]) -> list[Delivery]:
    """Those of its bundle; first those that an earlier try took along, whose own jobs are done."""
    if not row.bundle:
        return []
    mine = queued.filter(user=row.user_id, channel=row.channel, bundle=row.bundle).exclude(pk=row.pk)
    return list(mine.order_by(F("sent_with").asc(nulls_last=True), "created_at", "pk")[: bundles.MOST - 1])


def _pass_on(left: list[Delivery], leader: Delivery, now: datetime) -> None:
    """What came with a message whose first notice is moot by now: the next one leads, with a job of its own."""
    if left:
        first, *others = left
        Delivery.objects.filter(pk__in=[one.pk for one in others]).update(sent_with=first)
        Delivery.objects.filter(pk=first.pk).update(sent_with=None)
        queue.enqueue(routing.job(first, f"after:{leader.pk}"), now=now)


def _wait_for_quiet(row: Delivery, now: datetime) -> bool:
    """Moves it to the end of the quiet hours that have begun meanwhile; a test was asked for and comes at once."""
    if row.notification.kind == Notification.TEST:
        return False
    quiet = QuietHours.objects.filter(user=row.user_id).first()
    due = routing.after_quiet(row.user, quiet, now)
    if due <= now:
        return False
    Delivery.objects.filter(Q(pk=row.pk) | Q(sent_with=row), state=Delivery.QUEUED).update(due_at=due)
    row.due_at = due
    queue.enqueue(routing.job(row, f"{due:%Y%m%dT%H%M%S}"), now=now)
    return True


def _hand_over(row: Delivery, now: datetime) -> None:
    try:
        reference = CHANNELS[row.channel].send(row, now=now)
    except Postponed as later:
        _settle(row, Delivery.QUEUED, str(later))
        raise
    except Refused as refusal:
        _settle(row, Delivery.FAILED, str(refusal))
    except Uncertain as doubt:
        if CHANNELS[row.channel].knows_again(row):
            _settle(row, Delivery.SENDING, str(doubt))
            raise  # the job sends it again under the same id
        _settle(row, Delivery.UNKNOWN, str(doubt))
    else:
        _settle(row, Delivery.SENT, "", sent_at=now, reference=reference[:255])


def _settle(row: Delivery, state: str, reason: str, **changes: Any) -> None:
    """Says what became of the message, of all that came in it; nothing when somebody else said so before."""
    # A slow worker may find that another took it for lost, or put it back: that it was sent is what counts.
    lost = (Delivery.QUEUED, Delivery.UNKNOWN) if state == Delivery.SENT else ()
    before = (Delivery.SENDING, *lost)
    message = Delivery.objects.filter(Q(pk=row.pk) | Q(sent_with=row.pk), state__in=before)
    message.update(state=state, reason=reason[:255], **changes)
    row.state, row.reason = state, reason[:255]


def _rows() -> QuerySet[Delivery]:
    return Delivery.objects.select_related("notification__task", "user__team")
