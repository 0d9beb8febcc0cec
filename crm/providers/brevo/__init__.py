"""Brevo: no event ids, no signature; opens through a privacy proxy are named as such."""

from typing import Any

from anymail.webhooks.brevo import BrevoInboundWebhookView, BrevoTrackingWebhookView
from django.http import HttpRequest

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment

PERMANENT = {"hard_bounce": True, "invalid_email": True, "soft_bounce": False, "blocked": False}


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    kind = raw.get("event")
    return Amendment(
        permanent=PERMANENT.get(kind),
        machine=kind in ("proxy_open", "unique_proxy_open"),
        user_agent=str(raw.get("user_agent") or ""),
    )


def _without_attachments(view: Any, raw: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001
    """Attachments are not kept, so they are not fetched either, which the library would do for each."""
    return [view.esp_to_anymail_event({**raw, "Attachments": []})]


PROVIDER = Provider(
    name="brevo",
    title="Brevo",
    tracking=Channel(BrevoTrackingWebhookView, channels.one_or_several, channels.alone),
    inbound=Channel(
        BrevoInboundWebhookView,
        channels.under("items"),
        _without_attachments,
        stand_ins=("api_key",),
    ),
    amend=amend,
)
