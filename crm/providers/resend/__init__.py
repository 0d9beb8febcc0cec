"""Resend: signed by Svix, whose header is the event's id; of inbound mail it sends the number only."""

from typing import Any

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment


def tracking_view(**keys: Any) -> Any:
    from crm.providers.resend import views

    return views.ResendTrackingWebhookView(**keys)


def inbound_view(**keys: Any) -> Any:
    from crm.providers.resend import views

    return views.Inbound(**keys)


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    bounce = raw["data"].get("bounce")
    kind = str(bounce.get("type", "")).lower() if isinstance(bounce, dict) else ""
    return Amendment(permanent={"permanent": True, "transient": False, "undetermined": False}.get(kind))


PROVIDER = Provider(
    name="resend",
    title="Resend",
    tracking=Channel(
        tracking_view,
        channels.single,
        channels.with_request,
        keys=("signing_secret",),
        proof="signing_secret",
    ),
    inbound=Channel(
        inbound_view,
        channels.single,
        channels.with_request,
        keys=("inbound_secret", "api_key"),
        proof="inbound_secret",
        stand_ins=("api_key",),
        fetches_with="api_key",
    ),
    amend=amend,
)
