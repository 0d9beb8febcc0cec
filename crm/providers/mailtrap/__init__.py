"""Mailtrap: signed by HMAC; of inbound mail it sends only the number, the mail itself is asked for with a token."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin

from anymail.webhooks.mailtrap import MailtrapInboundWebhookView, MailtrapTrackingWebhookView
from django.http import HttpRequest

from crm.providers import channels, fetching
from crm.providers.channels import Channel, Provider


class Inbound(MailtrapInboundWebhookView):
    """The library's view, asking within our bounds of time and size."""

    def fetch_inbound_message(self, inbox_id: Any, message_id: Any) -> Any:
        path = f"inbound/inboxes/{quote(str(inbox_id), safe='')}/messages/{quote(str(message_id), safe='')}"
        return fetching.get_json(urljoin(self.api_url, path), headers={"Authorization": f"Bearer {self.api_token}"})

    def fetch_raw_message_chunks(self, raw_message_url: str) -> Iterator[bytes]:
        yield fetching.get(raw_message_url)


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001 (the shape of all of them)
    event = view.esp_to_anymail_event(raw)
    return [] if event is None else [event]  # Mailtrap's own trial


PROVIDER = Provider(
    name="mailtrap",
    title="Mailtrap",
    tracking=Channel(
        MailtrapTrackingWebhookView,
        channels.under("events"),
        channels.alone,
        keys=("tracking_secret",),
        proof="tracking_secret",
    ),
    inbound=Channel(
        Inbound,
        channels.under("events"),
        _convert,
        keys=("inbound_secret", "api_token"),
        proof="inbound_secret",
        stand_ins=("api_token",),
        fetches_with="api_token",
    ),
)
