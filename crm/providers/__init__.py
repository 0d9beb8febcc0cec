"""Mail providers: a folder each, behind one method that turns a request into events of the ledger."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest

from crm import intake
from crm.models import InboundSource
from crm.providers import sendgrid
from crm.providers.events import BadWebhook, Delivery

PROVIDERS: dict[str, Callable[[HttpRequest], Delivery]] = {"sendgrid": sendgrid.parse}

__all__ = ["PROVIDERS", "BadWebhook", "receive"]


def receive(source: InboundSource, request: HttpRequest, *, now: datetime) -> intake.Recorded:
    """Stores what the provider says. Raises BadWebhook when its request cannot be read or does not prove itself."""
    delivery = PROVIDERS[source.provider](request)
    if delivery.unreadable and not delivery.items:
        raise BadWebhook(f"None of the {len(delivery.unreadable)} events can be read")
    recorded = intake.record(
        source.team, delivery.items, now=now, unmatched=True, creates_contacts=source.creates_contacts
    )
    fault = intake.Fault("", "unreadable", "This event lacks what every event of the provider has.")
    recorded.rejected += [intake.Rejected(index, (fault,)) for index in delivery.unreadable]
    return recorded
