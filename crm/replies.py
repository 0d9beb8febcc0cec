"""A person's reply or a machine's: told by the headers of RFC 3834, by what common programs send, and by the sender."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm import returning

DAEMONS = ("mailer-daemon", "mailerdaemon", "postmaster", "mail-daemon")
NOBODY = re.compile(r"(no|do-?not|donot)[-_.]?reply", re.IGNORECASE)
PRECEDENCE = {"bulk", "junk", "list", "auto_reply", "auto-reply", "autoreply"}
MARKS = ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-auto-reply", "x-mail-autoreply", "x-vacation")
"""Headers that vacation programs add; Gmail's sends `X-Autoreply` with `Precedence: bulk`."""
EXCHANGE = ("x-ms-exchange-inbox-rules-loop",)
SUBJECT = re.compile(
    r"(automatic reply|auto(matic)?[ -]?(reply|response|responder)|out of (the )?office|ooo\b|on vacation"
    r"|automatische antwort|abwesenheits?(notiz|benachrichtigung|meldung|assistent)?\b|abwesend\b)",
    re.IGNORECASE,
)
MOST_VALUE = 500
"""Characters of a header that are looked at."""
COMMENT = re.compile(r"\([^()]*\)")
KEPT = ("auto-submitted", "precedence", "x-auto-response-suppress", "list-id", "x-failed-recipients", *MARKS)
"""Headers worth keeping with the activity, for whoever asks why it counts as automatic."""


@dataclass(frozen=True)
class Reply:
    """What kind of reply it is. `reason` names what gave it away; `until` is when the writer is back, if it says so."""

    automatic: bool
    reason: str = ""
    until: datetime | None = None


def read(
    headers: Iterable[tuple[str, str]],
    *,
    received_at: datetime,
    zone: ZoneInfo,
    sender: str = "",
    return_path: str | None = None,
    subject: str = "",
    text: str = "",
) -> Reply:
    """Judges one message. `return_path` is the envelope's sender: empty means that nobody is to be answered, None that
    it is not known. Days that the text names are read in `zone`."""
    reason = reason_of(by_name(headers), sender=sender, return_path=return_path, subject=subject)
    if not reason:
        return Reply(automatic=False)
    until = returning.find(f"{subject}\n\n{text}", received_at=received_at, zone=zone)
    return Reply(automatic=True, reason=reason, until=until)


def told(data: Mapping[str, Any], *, received_at: datetime, zone: ZoneInfo) -> Reply:
    """Judges a reply that another program tells of, by what it says of the mail in an event's data.

    Read are `headers`, an object of names and values, `from`, `subject` and `excerpt`, as inbound mail keeps them.
    Without headers it is a person's: a subject alone says too little of what another program made of it.
    """
    said = data.get("headers")
    pairs = said.items() if isinstance(said, Mapping) else ()
    headers = [(name, value) for name, value in pairs if isinstance(value, str)]
    if not headers:
        return Reply(automatic=False)
    sender, subject, text = (str(data.get(name) or "") for name in ("from", "subject", "excerpt"))
    return read(headers, received_at=received_at, zone=zone, sender=sender, subject=subject, text=text)


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers under their names in small letters; of repeated ones the first counts."""
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.strip().lower(), " ".join(str(value).split()))
    return found


def reason_of(headers: dict[str, str], *, sender: str, return_path: str | None, subject: str) -> str:
    """What shows that a machine wrote it, or "" when nothing does. `headers` as `by_name` gives them."""
    return _by_header(headers) or _by_sender(headers, sender, return_path) or _by_subject(subject)


def _by_header(headers: dict[str, str]) -> str:
    if _word(headers.get("auto-submitted", "")) not in ("", "no"):
        return "auto-submitted"
    if headers.get("x-auto-response-suppress", "").lower() not in ("", "none"):
        return "x-auto-response-suppress"
    for name in (*MARKS, *EXCHANGE):
        if name in headers and headers[name].lower() not in ("no", "false"):
            return name
    if _word(headers.get("precedence", "")) in PRECEDENCE:
        return "precedence"
    for name in ("x-failed-recipients", "list-id"):
        if headers.get(name):
            return name
    if headers.get("content-type", "").lower().startswith("multipart/report"):
        return "delivery report"
    return ""


def _word(value: str) -> str:
    """A header's value in small letters, without its parameters and comments, which may hold comments."""
    bare, value = None, value[:MOST_VALUE]
    while bare != value:
        bare, value = value, COMMENT.sub(" ", value)
    return value.split(";")[0].strip().lower()


def _by_sender(headers: dict[str, str], sender: str, return_path: str | None) -> str:
    local = sender.strip().lower().rpartition("@")[0].partition("+")[0]
    if local in DAEMONS:
        return "mailer-daemon"
    if NOBODY.fullmatch(local):
        return "no-reply sender"
    paths = [path for path in (return_path, headers.get("return-path")) if path is not None]
    return "empty return-path" if any(not path.strip(" <>") for path in paths) else ""


def _by_subject(subject: str) -> str:
    """The words with which vacation notices begin; an answer to one ("Re: …") is a person's."""
    return "subject" if SUBJECT.match(subject.strip().lstrip("[(").strip()) else ""
