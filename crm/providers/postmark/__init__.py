"""Postmark: one event a request, with an id for bounces only, no signature."""

from typing import Any

from anymail.webhooks.postmark import PostmarkInboundWebhookView, PostmarkTrackingWebhookView

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment

PERMANENT = {"HardBounce": True, "BadEmailAddress": True, "SoftBounce": False, "Blocked": False, "DMARCPolicy": False}
HELD = {"HardBounce": True}


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    """A suppression that follows a hard bounce comes as a change of subscription."""
    permanent = PERMANENT.get(raw.get("Type"))
    return Amendment(permanent=HELD.get(raw.get("SuppressionReason"), permanent))


PROVIDER = Provider(
    name="postmark",
    title="Postmark",
    tracking=Channel(PostmarkTrackingWebhookView, channels.single, channels.alone),
    inbound=Channel(PostmarkInboundWebhookView, channels.single, channels.alone),
    amend=amend,
)
