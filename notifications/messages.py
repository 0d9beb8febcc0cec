"""A notice in the few words that go outside by text message and chat: no more than the inbox shows."""

from dataclasses import dataclass

from django.conf import settings

from notifications import bundles
from notifications.models import Address, Delivery
from people import sealing, speech

SETTINGS = "/settings/notifications"
INBOX = "/inbox"
LONGEST = 500
_LISTED = 10
_LINE = 900
"""WhatsApp refuses a template that has over 1,024 characters once it is filled."""
_SMS = {True: (160, 304), False: (70, 132)}
"""Characters of one text message and of two, by whether all of them are in its own alphabet (GSM 03.38)."""
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("^{}\\[~]|€")
_PLAIN = str.maketrans(
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2022\u00a0\u202f", "'''\"\"\"---  ", "\u200b"
) | {0x2026: "..."}
"""What editors put into texts, as its alphabet has it: quotation marks, dashes, bullets, dots."""
_FEWEST = 20
"""Characters that must be left for words beside the link, or the message takes a second part."""


@dataclass(frozen=True)
class Message:
    """`id` is the delivery's: the same in every try."""

    id: str
    kind: str
    title: str
    body: str
    link: str

    @property
    def text(self) -> str:
        return "\n".join(part for part in (self.title, self.body, self.link) if part)

    @property
    def line(self) -> str:
        """All of it in one line, as templates of WhatsApp take it: short enough for one, the link whole."""
        words = " ".join(f"{self.title} {self.body}".split())
        room = _LINE - len(self.link)
        return " ".join(part for part in (words if len(words) <= room else f"{words[:room]}…", self.link) if part)


def of(delivery: Delivery, address: Address) -> Message:
    """The message of a delivery, in its reader's language; to a number that is not confirmed goes its code alone."""
    with speech.to(delivery.user):
        return _said(delivery, address)


def _said(delivery: Delivery, address: Address) -> Message:
    notice = delivery.notification
    if address.confirmed_at is None:
        title = speech.said(f"{sealing.unseal(address.code)} is your code for Nextmove.")
        return Message(str(delivery.pk), notice.kind, title, "", settings.BASE_URL + SETTINGS)
    rows = bundles.together(delivery)
    if len(rows) > 1:
        notices = [row.notification for row in rows]
        listed = "\n".join(f"- {speech.said(line)}" for line in bundles.lines(notices, _LISTED))
        title = speech.said(*bundles.titles([notices]))
        return Message(str(delivery.pk), notice.kind, title, listed, settings.BASE_URL + INBOX)
    body = speech.said(notice.body)
    return Message(
        str(delivery.pk),
        notice.kind,
        speech.said(" ".join(notice.title.split())),
        body if len(body) <= LONGEST else f"{body[: LONGEST - 1]}…",
        settings.BASE_URL + notice.path if notice.path else "",
    )


def sms(message: Message) -> str:
    """The title and the link, in one text message where that leaves room for words, else in two."""
    title, tail = message.title.translate(_PLAIN), f"\n{message.link}" if message.link else ""
    own = all(letter in _GSM or letter in _GSM_DOUBLE for letter in title + tail)
    one, two = _SMS[own]
    room = one - _size(tail, own)
    return _cut(title, room if room >= _FEWEST else two - _size(tail, own), own) + tail


def _size(text: str, own: bool) -> int:
    if own:
        return sum(2 if letter in _GSM_DOUBLE else 1 for letter in text)
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, room: int, own: bool) -> str:
    if _size(text, own) <= room:
        return text
    while text and _size(f"{text}...", own) > room:
        text = text[:-1]
    return f"{text.rstrip()}..."
