"""The few verbs of CalDAV (RFC 4791) with which entries are kept in one calendar of a server.

Nothing of somebody else's is overwritten or deleted: what is there is named by its tag, and read first where that is
not known.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

import icalendar

from jobs import outgoing

SECONDS = 10.0
"""For one call."""
_ASKED_AT_ONCE = 500
_CALENDAR = re.compile(rb"<(?:\w+:)?calendar\s*/?>")
# None of these looks at a letter more than a few times, whatever a server answers.
_TAKES = re.compile(rb"<(?:\w{1,99}:)?comp\s[^<>]*?\bname=[\"'](\w+)")
_BEGINS = re.compile(rb"<(?:\w{1,99}:)?response[\s>]")
_ENDS = re.compile(rb"</(?:\w{1,99}:)?response>")
_HREF = re.compile(rb"<(?:\w{1,99}:)?href[^<>]*>([^<]+)<")
_NOT_THERE = re.compile(rb"HTTP/[\d.]+\s+(?:404|410)\b")
_ASKS = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><prop><resourcetype/>'
    b"<c:supported-calendar-component-set/></prop></propfind>"
)
_LOOKS = (
    '<?xml version="1.0"?><c:calendar-multiget xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
    "<prop><getetag/></prop>{hrefs}</c:calendar-multiget>"
)
NO_CALENDAR = "There is no calendar at this address: copy the address of one calendar, not of the account."
_REFUSALS = {
    401: "It does not accept the user name and password: enter them anew.",
    403: "This user may not write to this calendar: choose another, or let it be shared with writing.",
    404: NO_CALENDAR,
    405: NO_CALENDAR,
    409: NO_CALENDAR,
    410: NO_CALENDAR,
}
_LEADS_ELSEWHERE = (301, 302, 303, 307, 308)
_FULL = "There is no room left in this calendar: make room there, then it goes on by itself."


class Refused(Exception):
    """The server will not have it until somebody changes something."""


class Trouble(Exception):
    """It did not work this time; later it may."""


class Calendar:
    """One calendar. Every method may raise Refused, Trouble, outgoing.Forbidden."""

    def __init__(self, *, url: str, username: str, password: str) -> None:
        self.url = url
        secret = f"{username}:{password}".encode()
        self._login = {"Authorization": f"Basic {b64encode(secret).decode()}"}

    def check(self, kind: str) -> None:
        """Whether a calendar is there that takes entries of this kind, VTODO or VEVENT."""
        answer = self._call("PROPFIND", "", body=_ASKS, headers={"Depth": "0", "Content-Type": "application/xml"})
        if answer.status >= 500 or answer.status in (401, 403, 408, 429, *_LEADS_ELSEWHERE):
            judge(answer)
        if answer.status != 207 or _CALENDAR.search(answer.body) is None:
            raise Refused(NO_CALENDAR)
        takes = {name.decode() for name in _TAKES.findall(answer.body)}
        if takes and kind not in takes:
            other = "to-dos" if kind == "VTODO" else "appointments"
            raise Refused(f"This calendar takes no {other}: choose another calendar, or the other kind.")

    def missing(self, names: Sequence[str]) -> set[str]:
        """Which of these are not there any more; one call for five hundred. None, where the server can't say."""
        gone: set[str] = set()
        for start in range(0, len(names), _ASKED_AT_ONCE):
            asked = {unquote(name): name for name in names[start : start + _ASKED_AT_ONCE]}
            hrefs = "".join(f"<href>{escape(urlsplit(self.url).path + name)}</href>" for name in asked.values())
            body = _LOOKS.format(hrefs=hrefs).encode()
            answer = self._call("REPORT", "", body=body, headers={"Depth": "1", "Content-Type": "application/xml"})
            if answer.status == 401 or answer.status == 429 or (answer.status >= 500 and answer.status != 501):
                judge(answer)
            if answer.status in (404, 410):
                raise Refused(NO_CALENDAR)
            for begun in _BEGINS.split(answer.body)[1:] if answer.status == 207 else ():
                one = _ENDS.split(begun, maxsplit=1)[0]
                href = _HREF.search(one)
                if href is not None and b"propstat" not in one and _NOT_THERE.search(one):
                    gone.add(asked.get(unquote(href[1].strip().decode(errors="replace")).rpartition("/")[2], ""))
        return gone - {""}

    def put(self, name: str, body: bytes, tag: str) -> outgoing.Answer:
        """With the tag of what is to be replaced; without one only where nothing is. Not judged."""
        condition = {"If-Match": tag} if tag else {"If-None-Match": "*"}
        return self._call("PUT", name, body=body, headers={"Content-Type": "text/calendar; charset=utf-8", **condition})

    def delete(self, name: str, tag: str) -> outgoing.Answer:
        """What has this tag; nothing has an empty one. Not judged."""
        return self._call("DELETE", name, headers={"If-Match": tag or '""'})

    def found(self, name: str, uid: str) -> str | None:
        """The tag of what is there if it has this UID, empty when nothing is; None when it is somebody else's."""
        answer = self._call("GET", name)
        if answer.status in (404, 410):
            return ""
        judge(answer)
        try:
            parts = icalendar.Calendar.from_ical(answer.body).subcomponents
        except ValueError:
            return None
        ours = any(str(part.get("UID", "")) == uid for part in parts)
        return answer.headers.get("etag", "") or "*" if ours else None

    def tag(self, name: str) -> str:
        """For a server that does not say it when something is put there."""
        answer = self._call("GET", name)
        return answer.headers.get("etag", "") if answer.status == 200 else ""

    def _call(
        self, method: str, name: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> outgoing.Answer:
        try:
            return outgoing.call(
                method, self.url + name, body=body, headers=self._login | dict(headers or {}), seconds=SECONDS
            )
        except (outgoing.Unreachable, outgoing.Broken) as failure:
            raise Trouble(str(failure)) from None


def judge(answer: outgoing.Answer) -> None:
    """Raises Refused or Trouble for what is no success."""
    if answer.status in (200, 201, 204, 207):
        return
    if answer.status == 507:
        raise Trouble(_FULL)
    if answer.status in _REFUSALS:
        raise Refused(_REFUSALS[answer.status])
    if answer.status in _LEADS_ELSEWHERE:
        raise Refused("It leads to another address, which is not followed: enter the one that it leads to.")
    raise Trouble(f"It answered {answer.status}; it is tried again.")
