"""MailerSend: signed by HMAC, tracking and inbound each with a secret of its own."""

from typing import Any

from anymail.webhooks.mailersend import MailerSendInboundWebhookView, MailerSendTrackingWebhookView

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment

PERMANENT = {"hard_bounced": True, "soft_bounced": False}


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    activity = raw["data"]
    morph = activity.get("morph")
    agent = morph.get("user_agent") if isinstance(morph, dict) else None
    return Amendment(permanent=PERMANENT.get(activity["type"]), user_agent=agent if isinstance(agent, str) else "")


PROVIDER = Provider(
    name="mailersend",
    title="MailerSend",
    tracking=Channel(
        MailerSendTrackingWebhookView,
        channels.single,
        channels.alone,
        keys=("signing_secret",),
        proof="signing_secret",
        stand_ins=("signing_secret",),
    ),
    inbound=Channel(
        MailerSendInboundWebhookView,
        channels.single,
        channels.alone,
        keys=("inbound_secret",),
        proof="inbound_secret",
        stand_ins=("inbound_secret",),
    ),
    amend=amend,
)
