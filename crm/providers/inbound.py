"""From a mail that somebody sent us to the ledger's reply, or automatic reply, the same for every provider."""

import hashlib
import re
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parseaddr, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any
from zoneinfo import ZoneInfo

from anymail.inbound import AnymailInboundMessage
from anymail.signals import AnymailInboundEvent

from crm import replies
from crm.intake import Incoming
from crm.models import Activity
from crm.providers.tracking import bounded

EXCERPT = 2_000
"""Characters of the text that are kept."""
LONGEST_HTML = 200_000
MOST_REFERENCES = 20
LONGEST_HEADER = 500
LONGEST_ADDRESS = 254


def read(provider: str, event: AnymailInboundEvent, *, now: datetime, zone: ZoneInfo) -> Incoming:
    """The ledger's event of one mail. Days that an automatic reply names are read in `zone`.

    Raises ValueError for a mail without a sender.
    """
    message = event.message
    if message is None:
        raise ValueError("no message")
    headers = [(name, _plain(value)) for name, value in message.raw_items()]
    by_name = replies.by_name(headers)
    name, sender = _sender(by_name)
    subject, text = _decoded(by_name.get("subject", "")), _text(message)
    reply = replies.read(
        headers,
        received_at=now,
        zone=zone,
        sender=sender,
        return_path=_plain(message.envelope_sender) if isinstance(message.envelope_sender, str) else None,
        subject=subject,
        text=text,
    )
    about = _failed_recipient(by_name) if reply.automatic else ""
    data: dict[str, Any] = {
        "from": sender,
        "name": name,
        "subject": subject[:LONGEST_HEADER],
        "message_id": by_name.get("message-id", "")[:LONGEST_HEADER],
        "in_reply_to": by_name.get("in-reply-to", "")[:LONGEST_HEADER],
        "references": by_name.get("references", "").split()[-MOST_REFERENCES:],
        "excerpt": text[:EXCERPT],
        "failed_recipient": about,
    }
    if reply.automatic:
        data |= {
            "automatic": reply.reason,
            "until": reply.until.isoformat() if reply.until else "",
            "headers": {key: by_name[key][:LONGEST_HEADER] for key in replies.KEPT if key in by_name},
        }
    return Incoming(
        activity_type=Activity.EMAIL_AUTO_REPLIED if reply.automatic else Activity.EMAIL_REPLIED,
        contact_email=about or sender,
        contact_name=name,
        may_create=not reply.automatic,
        occurred_at=event.timestamp or _date(by_name, now),
        source=provider,
        source_key=_key(by_name, sender, subject, text),
        data={key: value for key, value in data.items() if value},
        signal=Activity.MACHINE if reply.automatic else Activity.HUMAN,
        sameness="\n".join([sender.lower(), subject, text[:EXCERPT]]),
    )


def _sender(by_name: dict[str, str]) -> tuple[str, str]:
    name, address = parseaddr(by_name.get("from", ""))
    if "@" not in address or len(address) > LONGEST_ADDRESS:
        raise ValueError("no sender")
    return _decoded(name)[:200], address


def _failed_recipient(by_name: dict[str, str]) -> str:
    """Whom a report of failed delivery is about; its own sender is a program."""
    address = parseaddr(by_name.get("x-failed-recipients", "").split(",")[0])[1]
    return address if "@" in address and len(address) <= LONGEST_ADDRESS else ""


def _date(by_name: dict[str, str], now: datetime) -> datetime | None:
    """When it was written, by the sender's clock, where the provider does not say when it came. Never in the future."""
    try:
        written = parsedate_to_datetime(by_name.get("date", ""))
        return written if written.tzinfo is not None and 0 <= (now - written).days <= 30 else None
    except (ValueError, TypeError, OverflowError):
        return None


def _key(by_name: dict[str, str], sender: str, subject: str, text: str) -> str:
    """Inbound mail has its own key, so that one mail that came to two of our addresses is one reply."""
    if message_id := by_name.get("message-id", ""):
        return bounded(f"mail:{message_id}")
    said = "\n".join([sender.lower(), by_name.get("date", ""), subject, text])
    return "mail:hash:" + hashlib.sha256(said.encode()).hexdigest()


def _text(message: AnymailInboundMessage) -> str:
    """What was written, as plain text; without quotes where the provider cut them off."""
    for found in (message.stripped_text, _part(message, "text/plain")):
        if isinstance(found, str) and found.strip():
            return _plain(found).strip()
    html = _part(message, "text/html")
    return _plain(_without_tags(html[:LONGEST_HTML])).strip() if html else ""


def _part(message: AnymailInboundMessage, kind: str) -> str:
    """The first such part. A character set that nobody knows makes its text unreadable, not the mail."""
    for part in message.walk():
        if part.get_content_type() == kind and not part.is_attachment():
            try:
                return part.get_content_text() or ""
            except LookupError:
                return part.get_content_text(charset="utf-8") or ""
    return ""


class _Words(HTMLParser):
    """Collects what a reader of the page would see."""

    BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "blockquote"})
    HIDDEN = frozenset({"script", "style", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 (the library's)
        self.hidden += tag in self.HIDDEN
        if tag in self.BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in self.HIDDEN))

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)


def _without_tags(html: str) -> str:
    reader = _Words()
    reader.feed(html)
    reader.close()
    return re.sub(r"\n\s*\n+", "\n\n", "".join(reader.words))


def _decoded(text: str) -> str:
    """A header as people read it; as it came when its encoding is broken."""
    try:
        return _plain(str(make_header(decode_header(text))))
    except (MessageError, LookupError, ValueError):
        return text


def _plain(text: Any) -> str:
    """Text that both databases can hold: bytes that are no UTF-8 become marks of that, a NUL goes."""
    return str(text).encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "")
