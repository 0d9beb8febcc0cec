"""Which attempt a contact's answer belongs to: the last one before it. Machines never answer."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter

from crm.models import Activity
from jobs.rows import write_all
from learning.models import ContactAttempt

KINDS = (Activity.EMAIL_REPLIED, Activity.MEETING_BOOKED)
CHUNK = 500


def first_answers(sent: Sequence[datetime], answers: Iterable[datetime]) -> list[datetime | None]:
    """For each attempt, by when it was made (ascending), the first answer that came after it and before the next."""
    found: list[datetime | None] = [None] * len(sent)
    for at in sorted(answers):
        place = bisect_right(sent, at) - 1
        if place >= 0 and found[place] is None:
            found[place] = at
    return found


def settle(contacts: Iterable[int]) -> int:
    """Gives all attempts of these contacts their answers as the ledger has them now; how many changed."""
    ids = sorted(set(contacts))
    return sum(_settle(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK))


def _settle(contacts: Sequence[int]) -> int:
    attempts = ContactAttempt.objects.filter(contact__in=contacts).order_by("contact", "sent_at", "pk")
    replies = Activity.objects.filter(contact__in=contacts, activity_type__in=KINDS).exclude(signal=Activity.MACHINE)
    answers = {
        contact: [at for _, at in rows]
        for contact, rows in groupby(
            replies.order_by("contact", "occurred_at").values_list("contact", "occurred_at"), key=itemgetter(0)
        )
    }
    changed = []
    for contact, rows in groupby(attempts, key=attrgetter("contact_id")):
        own = list(rows)
        for row, answer in zip(own, first_answers([row.sent_at for row in own], answers.get(contact, ())), strict=True):
            at = row.sent_at if row.reached else answer
            if row.answered_at != at:
                row.answered_at = at
                changed.append(row)
    write_all(changed, ["answered_at"])
    return len(changed)
