"""When a person is busy elsewhere: a calendar of theirs, as a file or at an address that is read every hour."""

import hashlib
import json
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from domain import calendars
from domain.busy import reading
from domain.busy.blocks import NotACalendar
from jobs import outgoing
from people import sealing
from people.audited import BUSY
from people.models import BusySource, User
from people.turns import Turns

READ_JOB = "automation.tasks.read_busy_times"
BEHIND, AHEAD = timedelta(days=1), timedelta(days=60)
"""The window that is read, in whole days of the person."""
KEPT = timedelta(days=60)
"""How long what is over is remembered: due dates are counted from instants that lie behind."""
EVERY = timedelta(hours=1)
LONGEST_URL = 2000
MOST_FAULTS = 20
SECONDS = 30.0
_LEADS_ELSEWHERE = (
    "It leads to another address, which is not followed: open it in a browser, and give the one at which it ends."
)
_REASONS = {
    **dict.fromkeys((301, 302, 303, 307, 308), _LEADS_ELSEWHERE),
    401: "It asks for a password: copy the secret address of the calendar, which needs none.",
    403: "It may not be read: copy the secret address of the calendar anew.",
    404: "There is no calendar at this address any more: copy it anew.",
    410: "There is no calendar at this address any more: copy it anew.",
}

TURNS = Turns(
    model=BusySource,
    audited=BUSY,
    job=READ_JOB,
    prefix="busy",
    column="next_read_at",
    first_wait=EVERY,
    lost="It could not be read: managers find why among the jobs.",
)
"""What fails leaves what was read before as it is."""
tell_of_failing, end, end_for = TURNS.tell, TURNS.end, TURNS.end_for
give_up, take_up_again = TURNS.give_up, TURNS.take_up_again


class BadSource(ValueError):
    """It cannot be kept like this, and nothing was changed; the message says what to do."""


def stretches_of(row: BusySource) -> tuple[reading.Span, ...]:
    """As a schedule holds them."""
    return tuple((datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC)) for begins, ends in row.spans)


def connect(user: User, *, url: str, by: User, now: datetime) -> BusySource:
    """Reads an address from now on, in place of what was read before. Raises BadSource."""
    url = _checked(url)
    row = BusySource(user=user, kind=BusySource.URL, address=sealing.seal(url), made_at=now)
    with transaction.atomic():
        TURNS.put(row, by=by, now=now)
        TURNS.begin(row, at=now, now=now)
    return row


def upload(user: User, data: bytes, *, name: str = "", by: User, now: datetime) -> BusySource:
    """Keeps the busy times of a file, in place of what was read before. Raises BadSource."""
    row = BusySource(user=user, kind=BusySource.FILE, file_name=name[:255], made_at=now)
    try:
        _fill(row, data, now=now)
    except NotACalendar as refusal:
        raise BadSource(str(refusal)) from None
    with transaction.atomic():
        TURNS.put(row, by=by, now=now)
    return row


def read_soon(user: User, *, now: datetime) -> bool:
    """Reads the address now instead of at the hour; False when there is none."""
    with transaction.atomic():
        row = BusySource.objects.select_for_update(no_key=True).filter(pk=user.pk, kind=BusySource.URL).first()
        return row is not None and TURNS.begin(row, at=now, now=now)


def read(user_id: int, turn: int, *, now: datetime) -> dict[str, Any]:
    """Reads an address if it is this turn's to read, and says when the next one comes."""
    row = BusySource.objects.select_related("user__team").filter(pk=user_id, turn=turn, kind=BusySource.URL).first()
    if row is None or not row.user.is_active:
        return {"user_id": user_id, "skipped": "gone, or left to another job"}
    try:
        answer = _fetched(row, now)
        if answer.status == 200:
            _fill(row, answer.body, now=now)
            row.etag = answer.headers.get("etag", "")[:500]
            row.last_modified = answer.headers.get("last-modified", "")[:100]
        elif answer.status != 304:
            raise BadSource(_REASONS.get(answer.status, f"It answered {answer.status}, which is no calendar."))
    except _FAILURES as failure:
        TURNS.fail(row, str(failure), now=now)
        return {"user_id": user_id, "error": row.error}
    row.read_at, row.error, row.failures, row.failing_since, row.told_at = now, "", 0, None, None
    TURNS.begin(row, at=now + EVERY, now=now, **{name: getattr(row, name) for name in _READ})
    return {"user_id": user_id, "status": answer.status, "events": row.events, "broken": row.broken}


def shown_address(row: BusySource) -> str:
    """By what its person knows it again: the host, and how it ends."""
    if row.kind == BusySource.FILE:
        return row.file_name
    try:
        url = sealing.unseal(row.address)
    except sealing.Unreadable:
        return sealing.masked("")
    return f"{urlsplit(url).hostname} {sealing.masked(url)}"


_FAILURES = (
    BadSource, NotACalendar, outgoing.Forbidden, outgoing.Unreachable, outgoing.Broken, sealing.Unreadable,
)  # fmt: skip
_READ = (
    "etag", "last_modified", "read_at", "known_from", "known_until", "spans", "fingerprint", "events", "broken",
    "faults", "error", "failures", "failing_since", "told_at",
)  # fmt: skip


def _checked(url: str) -> str:
    url = url.strip()
    if url[:9].lower() == "webcal://":
        url = f"https://{url[9:]}"
    if len(url) > LONGEST_URL:
        raise BadSource(f"This address is too long: write one of at most {LONGEST_URL:,} letters.")
    try:
        outgoing.check(url)
    except outgoing.Forbidden as refusal:
        raise BadSource(f"{refusal}.") from None
    return url


def _fetched(row: BusySource, now: datetime) -> outgoing.Answer:
    """Asked only for what is new, unless the days that are looked at have moved on since, or on to another clock."""
    headers = {"Accept": "text/calendar"}
    if (row.known_from, row.known_until) == _window(row.user, now):
        headers |= {"If-None-Match": row.etag} if row.etag else {}
        headers |= {"If-Modified-Since": row.last_modified} if row.last_modified and not row.etag else {}
    url = sealing.unseal(row.address)
    return outgoing.call("GET", url, headers=headers, seconds=SECONDS, most_bytes=reading.MOST_BYTES)


def _window(user: User, now: datetime) -> tuple[datetime, datetime]:
    """From the start of a local day to the start of another, so that it moves once a day."""
    zone = calendars.first_zone(user.timezone, user.team.timezone).zone
    today = datetime.combine(now.astimezone(zone).date(), time())
    return calendars.from_wall(today - BEHIND, zone), calendars.from_wall(today + AHEAD, zone)


def _fill(row: BusySource, data: bytes, *, now: datetime) -> None:
    """What a file says, into the columns. What is over and was known before stays. Raises NotACalendar."""
    start, end = _window(row.user, now)
    zone = calendars.first_zone(row.user.timezone, row.user.team.timezone).zone
    emails = frozenset({row.user.email.lower()} - {""})
    found = reading.read(data, whose=reading.Whose(zone, emails), start=start, end=end)
    over = [(begins, min(ends, start)) for begins, ends in stretches_of(row) if start - KEPT <= ends and begins < start]
    spans = calendars.merged([*over, *found.spans])
    row.spans = [[int(begins.timestamp()), int(ends.timestamp())] for begins, ends in spans]
    row.fingerprint = hashlib.sha256(json.dumps(row.spans).encode()).hexdigest()
    row.known_from, row.known_until, row.read_at = start, end, now
    row.events, row.broken = found.events, len(found.faults)
    row.faults = [
        {"line": one.line, "uid": _kept(one.uid), "what": _kept(one.what)} for one in found.faults[:MOST_FAULTS]
    ]


def _kept(words: str) -> str:
    """Of a file that may hold anything: PostgreSQL keeps no NUL."""
    return words.replace("\0", "\N{REPLACEMENT CHARACTER}")
