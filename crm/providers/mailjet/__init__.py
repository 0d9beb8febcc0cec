"""Mailjet: no event ids, no signature; events come alone or grouped."""

from typing import Any

from anymail.webhooks.mailjet import MailjetInboundWebhookView, MailjetTrackingWebhookView

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    hard = raw.get("hard_bounce")
    return Amendment(permanent=hard if isinstance(hard, bool) else None)


PROVIDER = Provider(
    name="mailjet",
    title="Mailjet",
    tracking=Channel(MailjetTrackingWebhookView, channels.one_or_several, channels.alone),
    inbound=Channel(MailjetInboundWebhookView, channels.single, channels.alone),
    amend=amend,
)
