"""One call to an endpoint, and what its answer means."""

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from jobs import outgoing
from people import sealing
from webhooks import signing
from webhooks.models import Endpoint, Event

SECONDS = 15.0
GONE = 410
EXCERPT = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Outcome:
    """What came of it. `silent`: nobody answered; `asked`: how long the endpoint wants to be left alone.

    `took` is how long one waited for the answer.
    """

    taken: bool
    said: str
    status: int | None = None
    silent: bool = False
    asked: timedelta | None = None
    took: timedelta = timedelta(0)

    @property
    def gone(self) -> bool:
        return self.status == GONE


def call(endpoint: Endpoint, event: Event, *, now: datetime) -> Outcome:
    """Sends the event, signed as of now. Whatever goes wrong is an outcome."""
    body, begun = body_of(event), time.monotonic()
    try:
        headers = {"Content-Type": "application/json"} | signing.headers(endpoint, str(event.pk), body, now=now)
        answer = outgoing.call("POST", endpoint.url, body=body, headers=headers, seconds=SECONDS)
    except (outgoing.Unreachable, outgoing.Broken) as failure:
        return Outcome(taken=False, said=excerpt(str(failure)), silent=True)
    except (outgoing.Forbidden, sealing.Unreadable) as failure:
        return Outcome(taken=False, said=excerpt(str(failure)))
    return Outcome(
        taken=200 <= answer.status < 300,
        said=excerpt(answer.body[: 4 * EXCERPT].decode(errors="replace")),
        status=answer.status,
        asked=asked_wait(answer.headers.get("retry-after", ""), now=now),
        took=timedelta(seconds=time.monotonic() - begun),
    )


def body_of(event: Event) -> bytes:
    """The same bytes each time, whatever order the database keeps its objects in."""
    data = json.dumps(event.data, sort_keys=True, separators=(",", ":"))
    head = json.dumps({"type": event.kind, "timestamp": told_at(event.at)}, separators=(",", ":"))
    return f'{head[:-1]},"data":{data}}}'.encode()


def told_at(at: datetime) -> str:
    """An instant as the API writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def excerpt(text: str) -> str:
    """The beginning of it in one line, with nothing that a database cannot keep."""
    return " ".join(_CONTROL.sub(" ", text).split())[:EXCERPT]


def asked_wait(header: str, *, now: datetime) -> timedelta | None:
    """What Retry-After says, in seconds or as a date; None where it says nothing that can be read."""
    if header.isascii() and header.isdigit():
        return timedelta(seconds=min(int(header[:9]), 10**8))
    try:
        at = parsedate_to_datetime(header)
        return max((at if at.tzinfo else at.replace(tzinfo=UTC)) - now, timedelta(0))
    except (ValueError, OverflowError):  # a zone so far off that no clock can hold it
        return None
