"""From anymail's normalised tracking events to the ledger's, the same for every provider."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anymail.signals import AnymailTrackingEvent

from crm.intake import Incoming
from crm.models import Activity

TYPES = {
    "opened": Activity.EMAIL_OPENED,
    "clicked": Activity.EMAIL_CLICKED,
    "bounced": Activity.EMAIL_BOUNCED,
    "rejected": Activity.EMAIL_BOUNCED,
    "complained": Activity.EMAIL_COMPLAINED,
    "unsubscribed": Activity.EMAIL_UNSUBSCRIBED,
    "autoresponded": Activity.EMAIL_AUTO_REPLIED,
}
"""Every other type is kept under its own name, as email_delivered."""
REFUSED = ("bounced", "rejected")
SOFT = {"soft_bounce", "soft_bounced", "softbounce", "transient", "undetermined"}
LONGEST_KEY = 200
LONGEST_TEXT = 2_000


@dataclass(frozen=True)
class Amendment:
    """What a provider says beyond what the library reads.

    `event_type` in the library's words, where it knows none; `permanent` of a bounce; `machine` when the provider
    holds an open or a click for a machine's; `user_agent` where it says one; `about` tells apart several events that
    share one event id.
    """

    event_type: str = ""
    permanent: bool | None = None
    machine: bool = False
    user_agent: str = ""
    about: str = ""


NOTHING = Amendment()


def read(provider: str, event: AnymailTrackingEvent, amendment: Amendment) -> Incoming:
    """The ledger's event. Raises ValueError for one that is about nobody."""
    if not isinstance(event.recipient, str) or not event.recipient:
        raise ValueError("no recipient")
    kind = amendment.event_type or event.event_type
    said = {
        "recipient": event.recipient,
        "message_id": event.message_id,
        "url": event.click_url,
        "user_agent": event.user_agent or amendment.user_agent,
        "tags": [tag for tag in event.tags or [] if tag] if isinstance(event.tags, list) else event.tags,
        "metadata": event.metadata,
        "description": _short(event.description),
        "reject_reason": event.reject_reason,
        "mta_response": _short(event.mta_response),
    }
    data = {name: value for name, value in said.items() if value}
    if kind in REFUSED:
        data["permanent"] = _permanent(event, kind, amendment)
    return Incoming(
        activity_type=TYPES.get(kind, f"email_{kind}"),
        contact_email=event.recipient,
        occurred_at=event.timestamp,
        source=provider,
        source_key=_key(provider, event, amendment),
        data=data,
        signal=Activity.MACHINE if amendment.machine else Activity.UNKNOWN,
    )


def _short(text: Any) -> Any:
    return text[:LONGEST_TEXT] if isinstance(text, str) else text


def _permanent(event: AnymailTrackingEvent, kind: str, amendment: Amendment) -> bool:
    """Whether writing to the address again is in vain. A provider's refusal to send says so only of bad addresses."""
    if amendment.permanent is not None:
        return amendment.permanent
    return event.reject_reason in ("bounced", "invalid") or (kind == "bounced" and not event.reject_reason)


def _key(provider: str, event: AnymailTrackingEvent, amendment: Amendment) -> str:
    """The provider's id of the event, else what stands in for it."""
    if not event.event_id:
        return fingerprint(provider, event, agent=amendment.user_agent)
    return bounded(f"{event.event_id}:{amendment.about}" if amendment.about else str(event.event_id))


def bounded(key: str) -> str:
    """A key that fits its column; one that is too long becomes its hash, so that none is cut to another's."""
    if len(key) <= LONGEST_KEY:
        return key
    return "long:" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def fingerprint(provider: str, event: AnymailTrackingEvent, *, agent: str = "") -> str:
    """Stands in for the id that some providers do not send: the same event, told twice, hashes alike.

    `agent` is the program that opened or clicked, where the library does not read it.
    """
    second = int(event.timestamp.timestamp()) if event.timestamp else None
    said = [
        provider,
        event.message_id,
        event.recipient.lower(),
        event.event_type,
        event.click_url,
        second,
        agent or event.user_agent,
    ]
    return "hash:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()


Amend = Callable[[Any, AnymailTrackingEvent], Amendment]
