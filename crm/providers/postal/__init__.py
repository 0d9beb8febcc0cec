"""Postal, which people host themselves: signed with the installation's RSA key."""

from typing import Any

from anymail.webhooks.postal import PostalInboundWebhookView, PostalTrackingWebhookView
from django.http import HttpRequest

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    """The library knows neither Postal's opens nor that a hard failure is a bounce."""
    payload = raw.get("payload", {})
    if raw.get("event") == "MessageLoaded":
        return Amendment(event_type="opened", user_agent=str(payload.get("user_agent") or ""))
    if payload.get("status") == "HardFail":
        return Amendment(event_type="bounced", permanent=True)
    return Amendment()


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:
    """The view reads the body itself; its own events about mail that came in are none of ours."""
    del raw
    return list(view.parse_events(request))


KEY: dict[str, Any] = {"keys": ("webhook_key",), "proof": "webhook_key", "stand_ins": ("webhook_key",)}
PROVIDER = Provider(
    name="postal",
    title="Postal",
    tracking=Channel(PostalTrackingWebhookView, channels.single, _convert, **KEY),
    inbound=Channel(PostalInboundWebhookView, channels.single, _convert, **KEY),
    amend=amend,
)
