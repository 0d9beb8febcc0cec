"""Mailgun: JSON events and the older form posts, each signed with its token and its time."""

import json
from typing import Any

from anymail.webhooks.mailgun import MailgunInboundWebhookView, MailgunTrackingWebhookView
from django.http import HttpRequest

from crm.models import Activity
from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment

SCANNERS = ("generic",)
"""Mailgun's word for firewalls and virus scanners; "apple" and "gmail" are about privacy, and only opens."""


def amend(raw: Any, event: Any) -> Amendment:
    if not isinstance(raw, dict):
        return Amendment()
    said = raw.get("event-data", {})
    bot = said.get("client-info", {}).get("bot") if isinstance(said.get("client-info"), dict) else ""
    opened = event.event_type == Activity.EMAIL_OPENED.removeprefix("email_")
    machine = bot in SCANNERS or (opened and bot == "apple")
    permanent = {"permanent": True, "temporary": False}.get(said.get("severity", ""))
    return Amendment(permanent=permanent, machine=machine)


def _raws(view: Any, request: HttpRequest) -> list[Any]:
    return channels.single(view, request) if request.content_type == "application/json" else [request.POST]


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:
    if request.content_type == "application/json":
        return [view.esp_to_anymail_event(raw)]
    return [view.mailgun_legacy_to_anymail_event(raw.copy())]


def _signed_at(request: HttpRequest) -> float:
    if request.content_type == "application/json":
        return float(json.loads(request.body)["signature"]["timestamp"])
    return float(request.POST["timestamp"])


KEY: dict[str, Any] = {
    "keys": ("webhook_signing_key",),
    "proof": "webhook_signing_key",
    "stand_ins": ("webhook_signing_key",),
    "signed_at": _signed_at,
}
PROVIDER = Provider(
    name="mailgun",
    title="Mailgun",
    tracking=Channel(MailgunTrackingWebhookView, _raws, _convert, **KEY),
    inbound=Channel(MailgunInboundWebhookView, channels.whole, channels.alone, **KEY),
    amend=amend,
)
