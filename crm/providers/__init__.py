"""Mail providers: a folder each, behind one method that turns a request into events of the ledger."""

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest

from crm import intake
from crm.models import InboundSource
from crm.providers import sendgrid
from crm.providers.events import BadWebhook

PROVIDERS: dict[str, Callable[[HttpRequest], list[intake.Incoming]]] = {"sendgrid": sendgrid.parse}

__all__ = ["PROVIDERS", "BadWebhook", "receive"]


def receive(source: InboundSource, request: HttpRequest, *, now: datetime) -> intake.Recorded:
    """Stores what the provider says. Raises BadWebhook when its request cannot be read or does not prove itself."""
    items = PROVIDERS[source.provider](request)
    return intake.record(source.team, items, now=now, unmatched=True, creates_contacts=source.creates_contacts)
