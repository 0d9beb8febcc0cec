"""The one door into the ledger: store every accepted event before any rule runs, each exactly once, and ring once."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

import jobs.bell
import jobs.rows
from crm import keys, signals
from crm.finding import Finder
from crm.models import Activity, ActivityConflict, ActivityRepeat, Contact, server_made_key
from jobs import deadlocks
from people.models import Team

MOST_AHEAD = timedelta(minutes=10)
"""How far an event's own clock may run ahead of ours."""
OLDEST = timedelta(days=3650)

OWN_RECORDS = frozenset(
    {
        *(Activity.STATUS_CHANGED, Activity.OPTED_IN),
        *(Activity.CONTACT_MERGED, Activity.CONTACT_PARTED, Activity.CONTACT_ERASED),
        *(Activity.TASK_CREATED, Activity.TASK_ASSIGNED, Activity.TASK_COMPLETED, Activity.TASK_STATUS_CHANGED),
        *(Activity.TASK_COMMENTED, Activity.TASK_OUTCOME),
    }
)
"""Types that are written down where the thing is done, so that it is never told without having happened."""


@dataclass(frozen=True)
class Incoming:
    """One event as it arrived. Its contact is named by id, another system's id, e-mail or phone.

    `may_create` is whether an unknown address may become a contact at all, `contact_name` what to call it then.
    `sameness` stands for everything said where a provider tells one event in varying words.
    """

    activity_type: str
    contact_id: int | None = None
    contact_email: str = ""
    contact_external_id: str = ""
    contact_phone: str = ""
    contact_name: str = ""
    may_create: bool = True
    occurred_at: datetime | None = None
    source: str = "api"
    source_key: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    signal: str = Activity.UNKNOWN
    origin: str = Activity.LIVE
    sameness: str = ""


@dataclass(frozen=True)
class Fault:
    pointer: str
    code: str
    message: str


@dataclass(frozen=True)
class Rejected:
    index: int
    errors: tuple[Fault, ...]


@dataclass
class Recorded:
    """What became of a delivery. Duplicates changed nothing; conflicts are kept to be looked at."""

    accepted: list[int] = field(default_factory=list)
    duplicates: int = 0
    conflicts: int = 0
    own: int = 0
    """What was about the product's own letters, and is nothing that a contact did."""
    rejected: list[Rejected] = field(default_factory=list)


@deadlocks.begun_again
def record(
    team: Team,
    items: Sequence[Incoming],
    *,
    now: datetime,
    visible: Any = None,
    unmatched: bool = False,
    creates_contacts: bool = False,
) -> Recorded:
    """Stores what is sound and says of the rest what to mend.

    `visible` limits the contacts that may be named; `unmatched` keeps events of unknown addresses without a contact,
    as providers' are; `creates_contacts` makes one instead. Sending the same twice stores it once.
    """
    outcome = Recorded()
    with transaction.atomic():
        sound: dict[int, Incoming] = {}
        for index, item in enumerate(items):
            if faults := _faults(item, now):
                outcome.rejected.append(Rejected(index, tuple(faults)))
            else:
                sound[index] = item
        _leave_out_erased(team, sound, outcome)
        finder = Finder(team, list(sound.values()), visible=visible, creates_contacts=creates_contacts)
        rows: dict[int, Activity] = {}
        for index, item in sound.items():
            contact = finder.find(item)
            if contact is None and not unmatched:
                outcome.rejected.append(Rejected(index, (_unknown(finder, item),)))
            else:
                rows[index] = _row(team, item, contact, now)
        outcome.rejected.sort(key=lambda refused: refused.index)
        signals.mark(list(rows.values()))
        _store(list(rows.values()), outcome, now)
        if outcome.accepted:
            transaction.on_commit(lambda: jobs.bell.ring(team.pk), robust=True)
    return outcome


def content_hash(item: Incoming) -> str:
    """What makes two events under one key the same: everything the sender said."""
    if item.sameness:
        return hashlib.sha256(item.sameness.encode("utf-8", "replace")).hexdigest()
    said = [
        item.activity_type,
        item.contact_id,
        item.contact_email.lower(),
        item.contact_external_id,
        item.occurred_at.isoformat() if item.occurred_at else None,
        item.data,
        *([item.contact_phone] if item.contact_phone else []),
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _faults(item: Incoming, now: datetime) -> list[Fault]:
    if item.source_key.startswith(keys.ERASED):
        words = f"Keys that begin with {keys.ERASED} are those of erased events: choose another one."
        return [Fault("/source_key", "reserved", words)]
    named = [item.contact_email, item.contact_external_id, item.contact_phone, item.contact_name]
    if not can_be_kept([item.data, item.source_key, item.activity_type, *named]):
        words = "It holds NaN, infinity, a NUL or half a character, which cannot be kept: leave that out."
        return [Fault("/data", "unstorable", words)]
    if item.occurred_at is None:
        return []
    if item.occurred_at > now + MOST_AHEAD:
        return [Fault("/occurred_at", "future", "occurred_at lies in the future; check the sender's clock and zone.")]
    if item.occurred_at < now - OLDEST:
        return [Fault("/occurred_at", "too_old", "occurred_at is over ten years ago; check its unit and zone.")]
    return []


def _leave_out_erased(team: Team, sound: dict[int, Incoming], outcome: Recorded) -> None:
    """An event of somebody who was erased is a repeat: before it could find a contact, or make one."""
    known = keys.erased(team.pk, {(item.source, item.source_key) for item in sound.values()})
    for index in [index for index, item in sound.items() if (item.source, item.source_key) in known]:
        del sound[index]
        outcome.duplicates += 1


def can_be_kept(value: Any) -> bool:
    """Whether both databases can hold the value as JSON and its texts as text."""
    try:
        if _is_plain(value):
            return True
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):  # a lone surrogate is a ValueError too
        return False
    return "\\u0000" not in text


def _is_plain(value: Any) -> bool:
    """Whether it holds nothing but what can be kept for sure, as nearly all do: told much sooner than by writing it."""
    kind = type(value)
    if kind is str:
        return value.isascii() and "\0" not in value
    if kind is dict:
        return all(type(key) is str and _is_plain(key) and _is_plain(one) for key, one in value.items())
    if kind is list:
        return all(map(_is_plain, value))
    return value is None or kind is bool or kind is int


def _row(team: Team, item: Incoming, contact: Contact | None, now: datetime) -> Activity:
    return jobs.rows.new(
        Activity,
        team_id=team.pk,
        contact_id=contact.pk if contact is not None else None,
        activity_type=item.activity_type,
        occurred_at=item.occurred_at or now,
        received_at=now,
        source=item.source,
        source_key=item.source_key or server_made_key(),
        origin=item.origin,
        signal=item.signal,
        data=item.data,
        content_hash=content_hash(item),
        # What is nobody's yet waits for a person, not for the rules: see crm.unmatched.
        processed_at=now if contact is None else None,
    )


def _store(rows: list[Activity], outcome: Recorded, now: datetime) -> None:
    """Inserts in one statement; what the unique key refused is a duplicate, or a conflict if it says something else."""
    if not rows:
        return
    wanted: dict[tuple[str, str], Activity] = {}
    repeats: list[Activity] = []
    for row in rows:
        kept = wanted.setdefault((row.source, row.source_key), row)
        if kept is not row:
            repeats.append(row)
    team_id = rows[0].team_id
    new = jobs.rows.insert_new(list(wanted.values()), returning=("id", "source", "source_key"))
    inserted = {(source, source_key) for _, source, source_key in new}
    outcome.accepted.extend(pk for pk, _, _ in new)
    repeats += [row for key, row in wanted.items() if key not in inserted]
    if not repeats:
        return
    taken = Q()
    for source in {row.source for row in repeats}:
        taken |= Q(source=source, source_key__among=[row.source_key for row in repeats if row.source == source])
    stored = {
        (row.source, row.source_key): row
        for row in Activity.objects.filter(taken, team_id=team_id).only("source", "source_key", "content_hash")
    }
    _settle_repeats(repeats, stored, outcome, now)


def _settle_repeats(
    repeats: Iterable[Activity], stored: dict[tuple[str, str], Activity], outcome: Recorded, now: datetime
) -> None:
    again: Counter[int] = Counter()
    for row in repeats:
        first = stored.get((row.source, row.source_key))  # none: it was erased since the insertion was refused
        outcome.duplicates += 1
        if first is not None and first.content_hash == row.content_hash:
            again[first.pk] += 1
        if first is not None and first.content_hash != row.content_hash:
            outcome.conflicts += 1
            said = {"data": row.data, "contact_id": row.contact_id, "received_at": now}
            kept, _ = ActivityConflict.objects.get_or_create(
                activity=first, content_hash=row.content_hash, defaults=said
            )
            # The row is a hold on the contact: an erasure that was not seen by now comes after, and finds it.
            ActivityConflict.objects.filter(pk=kept.pk, contact__erased_at__isnull=False).delete()
    _count_repeats(again, now)


def _count_repeats(again: Counter[int], now: datetime) -> None:
    """Beside the ledger, in a statement or two more for any number of them; always in the order of ids."""
    if not again:
        return
    jobs.rows.insert_new([ActivityRepeat(activity_id=pk, times=0, last_at=now) for pk in sorted(again)])
    for times in sorted(set(again.values())):
        rows = ActivityRepeat.objects.filter(activity__in=sorted(pk for pk, count in again.items() if count == times))
        rows.update(times=F("times") + times, last_at=now)


def _unknown(finder: Finder, item: Incoming) -> Fault:
    """Why no contact was found, under the name that was given for it."""
    if item.contact_id is not None:
        return Fault("/contact_id", "unknown", f"There is no contact {item.contact_id}: create it first.")
    if item.contact_email:
        return Fault("/contact_email", "unknown", f"No contact has the address {item.contact_email}: create it first.")
    if item.contact_phone and finder.shared(item):
        return Fault("/contact_phone", "shared", "Several contacts have this phone: name the one you mean by its id.")
    if item.contact_phone:
        words = (
            "No contact has this phone. Write it with its country's code, as +49 170 1234567, or create the contact."
        )
        return Fault("/contact_phone", "unknown", words)
    if item.contact_external_id:
        return Fault(
            "/contact_external_id", "unknown", f"No contact is known as {item.contact_external_id} to this source."
        )
    words = "Name the contact by contact_id, contact_email, contact_phone or contact_external_id."
    return Fault("", "missing", words)
