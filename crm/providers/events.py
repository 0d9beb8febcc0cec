"""From anymail's normalised tracking events to the ledger's, the same for every provider it knows."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent
from django.http import HttpRequest

from crm.intake import Incoming
from crm.models import Activity

TYPES = {
    "opened": Activity.EMAIL_OPENED,
    "clicked": Activity.EMAIL_CLICKED,
    "bounced": Activity.EMAIL_BOUNCED,
    "rejected": Activity.EMAIL_BOUNCED,
}


class BadWebhook(ValueError):
    """The request cannot be read, or does not prove where it comes from."""


@dataclass
class Delivery:
    """What a provider sent: the events, and the places of those that say nothing we can read."""

    items: list[Incoming] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def listed(view: Any, request: HttpRequest) -> list[Any]:
    """The raw events of a request whose body is a JSON list, validated by the library's own view. Raises BadWebhook."""
    try:
        view.run_validators(request)
        document = json.loads(request.body, parse_constant=_refuse)
    except AnymailWebhookValidationFailure as failure:
        raise BadWebhook(str(failure)) from failure
    except (ValueError, RecursionError) as failure:
        raise BadWebhook(f"The body is no JSON that {view.esp_name} would send") from failure
    if not isinstance(document, list):
        raise BadWebhook(f"The body is no list of {view.esp_name} events")
    return document


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def read(
    provider: str,
    raw_events: Iterable[Any],
    convert: Callable[[Any], AnymailTrackingEvent],
    signal_of: Callable[[dict[str, Any]], str],
) -> Delivery:
    """Converts each event by itself, so one that cannot be read stops no other."""
    delivery = Delivery()
    for index, raw in enumerate(raw_events):
        try:
            event = convert(raw)
            if not isinstance(event.recipient, str) or not event.recipient:
                raise ValueError("no recipient")
            delivery.items.append(_incoming(provider, event, signal_of))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, OSError):
            delivery.unreadable.append(index)
    return delivery


def _incoming(provider: str, event: AnymailTrackingEvent, signal_of: Callable[[dict[str, Any]], str]) -> Incoming:
    raw = event.esp_event if isinstance(event.esp_event, dict) else {}
    said = {
        "message_id": event.message_id,
        "url": event.click_url,
        "user_agent": event.user_agent,
        "tags": event.tags,
        "metadata": event.metadata,
        "description": event.description,
    }
    return Incoming(
        activity_type=TYPES.get(event.event_type, f"email_{event.event_type}"),
        contact_email=event.recipient,
        occurred_at=event.timestamp,
        source=provider,
        source_key=str(event.event_id)[:200] if event.event_id else _fingerprint(provider, event),
        data={key: value for key, value in said.items() if value},
        signal=signal_of(raw),
    )


def _fingerprint(provider: str, event: AnymailTrackingEvent) -> str:
    """Stands in for the id that some providers do not send: the same event, told twice, hashes alike."""
    second = int(event.timestamp.timestamp()) if event.timestamp else None
    said = [provider, event.message_id, event.recipient, event.event_type, event.click_url, second, event.user_agent]
    return "hash:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()
