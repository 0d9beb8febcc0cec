"""Resend: signed by Svix, whose header is the event's id; of inbound mail it sends the number only."""

from typing import Any
from urllib.parse import quote, urljoin

from anymail.inbound import AnymailInboundMessage
from anymail.webhooks.resend import ResendInboundWebhookView, ResendTrackingWebhookView

from crm.providers import channels, fetching
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment


class Inbound(ResendInboundWebhookView):
    """The library's view, asking within our bounds of time and size, and not for attachments."""

    def _fetch_inbound_email(self, email_id: str) -> AnymailInboundMessage:
        url = urljoin(self.api_url, f"emails/receiving/{quote(str(email_id), safe='')}")
        mail = fetching.get_json(url, headers={"Authorization": f"Bearer {self.api_key}"})
        given = mail.get("headers") or {}
        pairs = given.items() if isinstance(given, dict) else [(one["name"], one["value"]) for one in given]
        headers = [(name, one) for name, value in pairs for one in (value if isinstance(value, list) else [value])]
        known = {name.lower() for name, _ in headers}
        said = {"From": mail.get("from"), "Subject": mail.get("subject"), "Message-ID": mail.get("message_id")}
        headers += [(name, value) for name, value in said.items() if value and name.lower() not in known]
        return AnymailInboundMessage.construct(headers=headers, text=mail.get("text"), html=mail.get("html"))


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    bounce = raw["data"].get("bounce")
    kind = str(bounce.get("type", "")).lower() if isinstance(bounce, dict) else ""
    return Amendment(permanent={"permanent": True, "transient": False, "undetermined": False}.get(kind))


PROVIDER = Provider(
    name="resend",
    title="Resend",
    tracking=Channel(
        ResendTrackingWebhookView,
        channels.single,
        channels.with_request,
        keys=("signing_secret",),
        proof="signing_secret",
    ),
    inbound=Channel(
        Inbound,
        channels.single,
        channels.with_request,
        keys=("inbound_secret", "api_key"),
        proof="inbound_secret",
        stand_ins=("api_key",),
        fetches_with="api_key",
    ),
    amend=amend,
)
