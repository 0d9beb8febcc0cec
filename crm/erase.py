"""Erasing a person: all that was written of them goes, what counts stays, and nothing is done for them any more.

Rooms above register what they wipe of their own. All of it is one transaction, in statements that take bounded parts;
it cannot be undone, and doing it twice is doing it once. Ids, types, instants and outcomes stay, so figures stay true.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from crm import addresses, announced, keys, phones
from crm.models import ERASED, Activity, ActivityConflict, Contact, ContactIdentity, ContactMerge, server_made_key
from domain.redaction import Redaction, facts_of
from jobs import deadlocks
from jobs.models import Job
from people.models import Change, User

CHUNK = 500
FEW = 25
"""Words that one query looks for: SQLite nests every OR, and has a limit to that."""
SHORTEST_ADDRESS = 5
"""A shorter number stands in texts that are about something else."""
REASON = "The contact was erased."
FACTS = ("user_id", "absorbed_id", "merge_id")
SOURCE = "nextmove"


class CannotErase(ValueError):
    """The contact cannot be erased by itself; the message says what to erase instead."""


@dataclass
class Subject:
    """Who is being erased: the contact with all that were merged into it, and the words that name them."""

    contact: Contact
    ids: list[int]
    by: User | None
    now: datetime
    addresses: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    titles: set[str] = field(default_factory=set)

    @property
    def stand_in(self) -> str:
        return f"{ERASED} {self.contact.pk}"

    @property
    def team_id(self) -> int:
        return self.contact.team_id

    def redaction(self, *, titles: bool = False) -> Redaction:
        """Takes out names, addresses and numbers; with `titles` also those of their tasks, as sentences quote them."""
        return Redaction(self.names | self.titles if titles else self.names, self.stand_in)


Step = Callable[[Subject], None]
_enter: list[Callable[[int], None]] = []
_steps: list[Step] = []


def register(step: Step) -> None:
    """Adds what a higher room wipes: step(subject), inside the one transaction, in the order of registration."""
    if step not in _steps:
        _steps.append(step)


def lock_first(enter: Callable[[int], None]) -> None:
    """Adds what has to be locked for a team before its contacts are."""
    if enter not in _enter:
        _enter.append(enter)


@deadlocks.begun_again
def erase(contact: Contact, *, by: User | None, now: datetime) -> bool:
    """Wipes the person; False when that was done before. Raises CannotErase for one who is part of another."""
    with transaction.atomic():
        for enter in _enter:
            enter(contact.team_id)
        kept = Contact.objects.select_for_update().get(pk=contact.pk)
        if kept.erased_at is not None:
            return False
        if kept.merged_into_id is not None:
            survivor = addresses.survivor_of(kept)
            raise CannotErase(f"Contact {kept.pk} was merged into contact {survivor.pk}: erase that one, or part them.")
        subject = _subject(kept, by, now)
        for step in _steps:
            step(subject)
        _wipe_ledger(subject)
        _wipe_jobs(subject)
        _wipe_audit(subject)
        _wipe_contacts(subject)
        _record(subject)
        announced.tell(subject.contact, announced.ERASED, now=now, by=by)
    contact.refresh_from_db()
    return True


def wipe_admin_log(model: type[Model], ids: Iterable[int], stand_in: str) -> None:
    """What the admin wrote of rows that were changed there: their names and the names of what they were."""
    kind = ContentType.objects.get_for_model(model)
    for part in parts(ids):
        rows = LogEntry.objects.filter(content_type=kind, object_id__in=[str(pk) for pk in part])
        rows.update(object_repr=stand_in, change_message="")


def parts(ids: Iterable[int]) -> Iterator[list[int]]:
    """The ids, a bounded number at a time."""
    listed = list(ids)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


def redact_in(rows: "QuerySet[Any]", columns: Iterable[str], subject: Subject) -> None:
    """Takes names and titles out of these columns, text or JSON, wherever one of the rows quotes them.

    Few words are looked for by the database; of many, each row is looked at once.
    """
    columns, words = list(columns), subject.names | subject.titles
    redact(holding(rows, columns, words) if len(words) <= FEW else rows, columns, subject.redaction(titles=True))


def holding(rows: "QuerySet[Any]", columns: Iterable[str], words: Iterable[str]) -> "QuerySet[Any]":
    """The rows in whose columns, text or JSON, one of a few words may stand; who redacts them looks closely."""
    columns, wanted = list(columns), Q(pk__in=[])
    rows = rows.annotate(**{f"{column}_text": Cast(column, TextField()) for column in columns})
    for word in words:
        for spelling in _spellings(word):
            for column in columns:
                wanted |= Q(**{f"{column}_text__icontains": spelling})
    return rows.filter(wanted)


def _spellings(word: str) -> set[str]:
    """As either database keeps it: SQLite escapes letters in JSON, and knows no case of those beyond ASCII."""
    cases = {word, word.lower(), word.upper(), word.title()} if not word.isascii() else {word}
    return cases | {json.dumps(one)[1:-1] for one in cases}


def redact(rows: "QuerySet[Any]", columns: Iterable[str], redaction: Redaction) -> None:
    """Takes the words out of these columns, text or JSON, of all the rows given."""
    columns = list(columns)
    for row in rows.iterator(chunk_size=CHUNK):
        values = {column: redaction.of(getattr(row, column)) for column in columns}
        changed = {column: value for column, value in values.items() if value != getattr(row, column)}
        if changed:
            type(row)._default_manager.filter(pk=row.pk).update(**changed)


def _subject(contact: Contact, by: User | None, now: datetime) -> Subject:
    """The whole person, and each word that stands for them anywhere."""
    ids, fresh = [contact.pk], [contact.pk]
    while fresh:
        fresh = list(Contact.objects.filter(merged_into__in=fresh).values_list("pk", flat=True))
        ids += fresh
    subject = Subject(contact, ids, by, now)
    rows = list(Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    known = ContactIdentity.objects.filter(contact__in=ids, source__in=(addresses.EMAIL, phones.PHONE))
    reached = {row.email for row in rows} | {row.phone for row in rows} | {row.phone_e164 for row in rows}
    reached |= set(known.values_list("external_id", flat=True))
    subject.addresses = {one.strip() for one in reached if len(one.strip()) >= SHORTEST_ADDRESS}
    subject.names = subject.addresses | {row.name.strip() for row in rows}
    return subject


def _wipe_ledger(subject: Subject) -> None:
    """Of each activity its type and instants stay. The digest stays too, so that the same event again is a repeat."""
    own = Activity.objects.filter(contact__in=subject.ids)
    forget(own.only("team_id", "data", "source", "source_key").iterator(chunk_size=CHUNK))
    own.filter(processed_at=None).update(processed_at=subject.now)
    unmatched = Activity.objects.filter(team_id=subject.team_id, contact__isnull=True, task_id__isnull=True)
    for part in _chunks(_naming(unmatched, ("data", "source_key"), subject)):
        forget(part)
        Activity.objects.filter(pk__in=[row.pk for row in part], dismissed_at=None).update(dismissed_at=subject.now)
    conflicts = ActivityConflict.objects.filter(activity__team_id=subject.team_id)
    conflicts.filter(contact__in=subject.ids).delete()
    for conflict in _naming(conflicts, ("data",), subject):
        conflict.delete()
    wipe_admin_log(Activity, own.values_list("pk", flat=True), subject.stand_in)


def _naming(rows: "QuerySet[Any]", columns: tuple[str, ...], subject: Subject) -> Iterator[Any]:
    """Those of the rows in which one of the person's addresses stands; a namesake's are left alone."""
    redaction, listed = Redaction(subject.addresses, subject.stand_in), sorted(subject.addresses)
    for start in range(0, len(listed), FEW):
        for row in holding(rows, columns, listed[start : start + FEW]):
            if redaction.found_in([getattr(row, column) for column in columns]):
                yield row


def forget(activities: "Iterable[Activity]") -> None:
    """Keeps of each activity's data the ids and status words, and a digest of its key; conflicts under it go.

    All are one team's, whose queue the caller holds.
    """
    statuses = [status for status, _ in Contact.STATUSES] + ["todo", "in_progress", "blocked", "done", "cancelled"]
    for part in _chunks(activities):
        digests = {row.pk: keys.digest(row.source, row.source_key) for row in part}
        known = Activity.objects.filter(team_id=part[0].team_id, source_key__in=digests.values())
        taken = set(known.values_list("source_key", flat=True))
        for row in part:
            key = row.source_key if row.source_key.startswith(keys.ERASED) else digests[row.pk]
            if key in taken:  # the same event came in a second time while its first was being erased
                key = keys.digest(row.source, server_made_key())
            data = facts_of(row.data, words=[*statuses, "obsolete"], ids=FACTS)
            Activity.objects.filter(pk=row.pk).update(data=data, source_key=key)
        ActivityConflict.objects.filter(activity__in=part).delete()


def _chunks(rows: "Iterable[Activity]") -> "Iterator[list[Activity]]":
    iterator = iter(rows)
    while part := list(islice(iterator, CHUNK)):
        yield part


def _wipe_jobs(subject: Subject) -> None:
    """Jobs are given ids alone, but what they answered or failed with may quote."""
    redact_in(Job.objects.filter(team_id=subject.team_id), ("error", "result"), subject)


def _wipe_audit(subject: Subject) -> None:
    """Who changed what stays; names, addresses and titles of tasks go from wherever a line quotes them."""
    lines = Change.objects.filter(team_id=subject.team_id)
    redact_in(lines, ("subject", "before", "after"), subject)


def _wipe_contacts(subject: Subject) -> None:
    identities = ContactIdentity.objects.filter(contact__in=subject.ids)
    wipe_admin_log(ContactIdentity, identities.values_list("pk", flat=True), subject.stand_in)
    identities.delete()
    ContactMerge.objects.filter(Q(survivor__in=subject.ids) | Q(absorbed__in=subject.ids)).update(before={})
    wipe_admin_log(Contact, subject.ids, subject.stand_in)
    rows = Contact.objects.filter(pk__in=subject.ids)
    rows.update(
        name=subject.stand_in,
        erased_at=subject.now,
        do_not_contact=True,
        seen_do_not_contact=True,
        contact_cadence="",
        seen_cadence="",
        tags=[],
        lead_score=0,
        **dict.fromkeys(("email", "phone", "phone_e164", "company", "timezone", "seen_timezone"), ""),
        **dict.fromkeys(("next_follow_up_at", "seen_follow_up_at", "next_touch_at", "quiet_at"), None),
        cadence_anchor_day=None,
    )
    for row in rows:  # a status changed by hand and not yet noticed is noticed for nobody
        rows.filter(pk=row.pk).update(seen_status=row.status)


def _record(subject: Subject) -> None:
    """The line that says who did it; it holds nothing of the person."""
    Activity.objects.create(
        team_id=subject.team_id,
        contact=subject.contact,
        actor=subject.by,
        activity_type=Activity.CONTACT_ERASED,
        occurred_at=subject.now,
        received_at=subject.now,
        source=SOURCE,
        origin=Activity.SYSTEM,
        processed_at=subject.now,
    )
