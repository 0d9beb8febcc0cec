"""/api/me/busy-times and /api/me/calendar-push: your own calendar, read for when you are busy, and given your tasks."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api import uploads
from api.auth import caller, scope
from api.errors import Problem, invalid, not_found
from api.fields import In, Out
from domain.busy.reading import MOST_BYTES
from people import busy_times
from people.models import BusySource, User
from work import pushing
from work.models import CalendarPush

router = Router(tags=["people"])

BUSY, PUSH = "/api/me/busy-times", "/api/me/calendar-push"
READ, WRITE = scope("team:read"), scope("team:write")
TYPES = ("text/calendar", "application/octet-stream")
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES},
    }
}


class BusyIn(In):
    url: Annotated[str, StringConstraints(min_length=1, max_length=busy_times.LONGEST_URL)] = Field(
        description="The secret address of a calendar, https:// or webcal://", examples=["https://example.org/mine.ics"]
    )


class LeftOut(Out):
    line: int = Field(description="Of the file, where it begins; 0 for the file as a whole")
    uid: str
    what: str


class BusyOut(Out):
    kind: str = Field(description="url or file")
    address: str = Field(description="Its host and how it ends, or the file's name")
    read_at: datetime | None = Field(description="When it was last read well")
    next_read_at: datetime | None
    known_until: datetime | None = Field(description="What lies behind this has not been looked at")
    busy_times: int = Field(description="How many stretches were found")
    events: int = Field(description="How many events and series were read for them")
    broken: int = Field(description="How many events were not")
    faults: list[LeftOut] = Field(description="The first twenty of these")
    error: str = Field(description="Why it could not be read the last time; empty when it could")
    failing_since: datetime | None


class PushIn(In):
    url: Annotated[str, StringConstraints(min_length=1, max_length=pushing.LONGEST_URL)] = Field(
        description="The CalDAV address of one calendar", examples=["https://example.org/dav/ada/tasks/"]
    )
    username: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: Annotated[str, StringConstraints(max_length=500)] = Field("", description="Left out, it stays as it was")
    shows: Literal["todo", "event"] = Field("todo", description="To-dos, or appointments that end when they are due")


class PushOut(Out):
    address: str = Field(description="The user name and the host")
    shows: str
    state: str = Field(description="on, or stopped until you change something")
    entries: int = Field(description="How many are kept there")
    synced_at: datetime | None = Field(description="When all was last in step")
    next_at: datetime | None
    error: str = Field(description="Why it did not work the last time; empty when it did")
    failing_since: datetime | None


@router.get(BUSY, auth=READ, response=BusyOut)
def get_busy_times(request: HttpRequest) -> dict[str, Any]:
    """Where it is read when you are busy, and what was read."""
    return _busy(caller(request))


@router.put(BUSY, auth=WRITE, response=BusyOut)
def put_busy_times(request: HttpRequest, payload: BusyIn) -> dict[str, Any]:
    """Reads your busy times from the address of a calendar, now and every hour, in place of what was read before."""
    user = caller(request)
    try:
        busy_times.connect(user, url=payload.url, by=user, now=timezone.now())
    except busy_times.BadSource as bad:
        raise invalid("/url", "invalid", str(bad)) from None
    return _busy(user)


@router.put(BUSY + "/file", auth=WRITE, response=BusyOut, openapi_extra=FILE)
def put_busy_times_file(request: HttpRequest, name: Annotated[str, Query("", max_length=200)]) -> dict[str, Any]:
    """Reads your busy times from an .ics file, which is the body, in place of what was read before.

    Events that are broken are left out and listed. A file that is no calendar is refused, and nothing changes.
    """
    user = caller(request)
    if request.content_type not in TYPES:
        given = request.content_type or "none"
        raise Problem(415, f"The body is {given}: send the file by itself as one of {', '.join(TYPES)}.")
    data = uploads.whole(request)
    if len(data) > MOST_BYTES:
        raise Problem(413, f"The file is over {MOST_BYTES // 2**20} MiB: export fewer years of the calendar.")
    try:
        busy_times.upload(user, data, name=name, by=user, now=timezone.now())
    except busy_times.BadSource as bad:
        raise invalid("/file", "invalid", str(bad)) from None
    return _busy(user)


@router.post(BUSY + "/read", auth=WRITE, response={202: BusyOut})
def read_busy_times(request: HttpRequest) -> Status[dict[str, Any]]:
    """Reads the address now instead of at the hour."""
    user = caller(request)
    if not busy_times.read_soon(user, now=timezone.now()):
        raise not_found("address of", "your busy times")
    return Status(202, _busy(user))


@router.delete(BUSY, auth=WRITE, response={204: None})
def delete_busy_times(request: HttpRequest) -> Status[None]:
    """Takes the calendar away with all that was read of it."""
    user = caller(request)
    if not busy_times.end(user, by=user, now=timezone.now()):
        raise not_found("calendar with", "your busy times")
    return Status(204, None)


@router.get(PUSH, auth=READ, response=PushOut)
def get_calendar_push(request: HttpRequest) -> dict[str, Any]:
    """The calendar in which your tasks are kept, and how that goes."""
    return _push(caller(request))


@router.put(PUSH, auth=WRITE, response=PushOut)
def put_calendar_push(request: HttpRequest, payload: PushIn) -> dict[str, Any]:
    """Keeps your tasks in a CalDAV calendar from now on. It is tried at once: `error` says what came of it."""
    user = caller(request)
    try:
        pushing.connect(user, by=user, now=timezone.now(), **payload.model_dump())
    except pushing.BadPush as bad:
        raise invalid(f"/{bad.field}", "invalid", str(bad)) from None
    return _push(user)


@router.post(PUSH + "/now", auth=WRITE, response={202: PushOut})
def push_calendar_now(request: HttpRequest) -> Status[dict[str, Any]]:
    """Tries it now, also when it had stopped."""
    user = caller(request)
    if not pushing.push_soon(user, now=timezone.now()):
        raise not_found("calendar with", "your tasks")
    return Status(202, _push(user))


@router.delete(PUSH, auth=WRITE, response={204: None})
def delete_calendar_push(request: HttpRequest) -> Status[None]:
    """Forgets the calendar and its password. What was put there stays there."""
    user = caller(request)
    if not pushing.end(user, by=user, now=timezone.now()):
        raise not_found("calendar with", "your tasks")
    return Status(204, None)


def _busy(user: User) -> dict[str, Any]:
    row = BusySource.objects.filter(pk=user.pk).first()
    if row is None:
        raise not_found("calendar with", "your busy times")
    columns = (
        "kind", "read_at", "next_read_at", "known_until", "events", "broken", "faults", "error", "failing_since",
    )  # fmt: skip
    shown = {name: getattr(row, name) for name in columns}
    return {**shown, "address": busy_times.shown_address(row), "busy_times": len(row.spans)}


def _push(user: User) -> dict[str, Any]:
    row = CalendarPush.objects.filter(pk=user.pk).first()
    if row is None:
        raise not_found("calendar with", "your tasks")
    columns = ("shows", "state", "synced_at", "next_at", "error", "failing_since")
    shown = {name: getattr(row, name) for name in columns}
    return {**shown, "address": pushing.shown_address(row), "entries": row.items.count()}
