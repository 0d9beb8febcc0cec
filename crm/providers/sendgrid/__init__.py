"""SendGrid: lists of events, signed with ECDSA; Apple's prefetched opens are named as such."""

from typing import Any

from anymail.webhooks.base import AnymailBaseWebhookView
from anymail.webhooks.sendgrid import SendGridInboundWebhookView, SendGridTrackingWebhookView, serialization
from django.http import HttpRequest

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment

KEY = "tracking_webhook_verification_key"


class Tracking(SendGridTrackingWebhookView):
    """The library's view, without its word at every request that it is no longer tested against SendGrid."""

    def __init__(self, **kwargs: Any) -> None:
        key = kwargs.pop(KEY, "")
        if key:
            pem = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----"
            self.webhook_verification_key = serialization.load_pem_public_key(pem.encode())
        AnymailBaseWebhookView.__init__(self, **kwargs)


class Inbound(SendGridInboundWebhookView):
    """As above."""

    def __init__(self, **kwargs: Any) -> None:
        AnymailBaseWebhookView.__init__(self, **kwargs)


def amend(raw: Any, event: Any) -> Amendment:
    """A bounce of the type "blocked" is of that day, not of the address."""
    permanent = raw.get("type") != "blocked" if event.event_type == "bounced" else None
    return Amendment(permanent=permanent, machine=raw.get("sg_machine_open") is True)


def _signed_at(request: HttpRequest) -> float:
    return float(request.headers["X-Twilio-Email-Event-Webhook-Timestamp"])


PROVIDER = Provider(
    name="sendgrid",
    title="SendGrid",
    tracking=Channel(Tracking, channels.several, channels.alone, keys=(KEY,), proof=KEY, signed_at=_signed_at),
    inbound=Channel(Inbound, channels.whole, channels.alone),
    amend=amend,
)
