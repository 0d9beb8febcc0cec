"""One message handed over by HTTP, and what the answer says of it.

Certainly not taken, and worth another try: no connection, or 429. Certainly not taken: 4xx, a redirect, an address
that is not called. All else that is no 2xx leaves it open whether it was taken.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from jobs import outgoing
from notifications.channels import Postponed, Refused, Uncertain
from notifications.services import Config
from people import sealing

SECONDS = 10.0
MOST_BYTES = 64 * 1024
_TOO_MANY, _BROKEN = 429, 500
_QUOTED = 150
_SHORTEST = 4
_LONG = 8
"""So long is a part of an address that may be a secret."""


@dataclass(frozen=True)
class Call:
    """A POST that hands one message over."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(url: str, document: Mapping[str, object], **headers: str) -> Call:
    body = json.dumps(document, ensure_ascii=False).encode()
    return Call(url, body, {"Content-Type": "application/json; charset=utf-8", **headers})


def as_form(url: str, fields: Mapping[str, str], **headers: str) -> Call:
    return Call(url, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded", **headers})


def hand_over(call: Call, *, secrets: Config, words: Sequence[str]) -> bytes:
    """What is answered once it was taken. Raises Postponed, Refused, Uncertain, whose words hold none of the secrets.

    An answer that holds some of the message's own `words` is not quoted: others read the reason too.
    """
    host, secret = str(urlsplit(call.url).hostname), _kept_quiet(call, secrets)
    try:
        answer = outgoing.call(
            "POST", call.url, body=call.body, headers=call.headers, seconds=SECONDS, most_bytes=MOST_BYTES
        )
    except outgoing.Forbidden as fault:
        raise Refused(_without(str(fault), secret)) from None
    except outgoing.Unreachable as fault:
        raise Postponed(_without(str(fault), secret)) from None
    except outgoing.Broken as fault:
        raise Uncertain(_without(str(fault), secret)) from None
    status, said = answer.status, _quoted(answer.body, secret, words)
    if 200 <= status < 300:
        return answer.body
    if status == _TOO_MANY:
        raise Postponed(f"{host} asks to try again later (429).")
    if status >= _BROKEN:
        raise Uncertain(f"{host} failed ({status}) and does not say whether it took the message.")
    if status >= 400:
        raise Refused(f"{host} refused it ({status}){said}")
    raise Refused(f"{host} sends on to another address ({status}), which is not followed: enter that one.")


def found(body: bytes, *path: str | int) -> str:
    """A text in a JSON answer, by the names and places that lead to it; empty where it is not there."""
    try:
        value = json.loads(body)
        for step in path:
            value = value[step]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return value if isinstance(value, str) and value.isprintable() else ""


def _quoted(body: bytes, secret: set[str], words: Sequence[str]) -> str:
    text = " ".join(_without(body.decode(errors="replace"), secret).split())
    if any(line in text for word in words for line in word.splitlines() if len(line) >= _SHORTEST):
        return "."
    text = "".join(letter for letter in text if letter.isprintable())
    return f": {text[:_QUOTED]}" if text else "."


def _kept_quiet(call: Call, secrets: Config) -> set[str]:
    """The secrets as they may come back: as they are, as a form or a header has them."""
    values = {value for value in secrets.values() if len(value) >= _SHORTEST}
    login = call.headers.get("Authorization", "").rpartition(" ")[2]
    bare = {value.lstrip("+") for value in values}
    url = urlsplit(call.url)
    parts = {part for part in (url.query, *url.path.split("/")) if len(part) >= _LONG}
    known = values | bare | parts | ({url.path} if len(url.path) >= _LONG else set()) | ({login} if login else set())
    return known | {quote(value, safe="") for value in known} | {value.replace("/", "\\/") for value in known}


def _without(text: str, secret: set[str]) -> str:
    """The text without what must not be shown, should the other side say it back."""
    for value in sorted(secret, key=len, reverse=True):
        text = text.replace(value, sealing.masked(""))
    return text
