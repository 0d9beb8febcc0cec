"""From anymail's normalised tracking events to the ledger's, the same for every provider it knows."""

import hashlib
import json
from collections.abc import Callable
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


def read(view: Any, request: HttpRequest, signal_of: Callable[[dict[str, Any]], str]) -> list[Incoming]:
    """Validates and parses through the library's own view, without its Django signals."""
    try:
        view.run_validators(request)
        events = view.parse_events(request)
    except AnymailWebhookValidationFailure as failure:
        raise BadWebhook(str(failure)) from failure
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as failure:
        raise BadWebhook(f"The body is no {view.esp_name} event list: {failure!r}") from failure
    return [_incoming(view.esp_name.lower(), event, signal_of) for event in events if event.recipient]


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
