"""SparkPost: lists of wrapped events, no signature; it says which opens were fetched ahead."""

from typing import Any

from anymail.webhooks.sparkpost import SparkPostInboundWebhookView, SparkPostTrackingWebhookView
from django.http import HttpRequest

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment

HARD, SOFT = {"10", "30", "90"}, {"1", "20", "21", "22", "23", "24", "25", "40", "50", "51", "52", "53", "54", "70"}


def amend(raw: Any, event: Any) -> Amendment:
    [said] = raw["msys"].values()
    kind = str(said.get("bounce_class", ""))
    program = said.get("user_agent_parsed")
    prefetched = isinstance(program, dict) and program.get("is_prefetched") is True
    return Amendment(
        permanent=True if kind in HARD else False if kind in SOFT else None,
        machine=prefetched and event.event_type == "opened",
    )


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001 (the shape of all of them)
    event_class, event, raw = view.unwrap_event(raw)
    if event is None:  # a ping
        return []
    return [view.esp_to_anymail_event(event_class, event, raw)]


PROVIDER = Provider(
    name="sparkpost",
    title="SparkPost",
    tracking=Channel(SparkPostTrackingWebhookView, channels.several, _convert),
    inbound=Channel(SparkPostInboundWebhookView, channels.several, _convert),
    amend=amend,
)
