"""The library's views for Resend, loaded with the first request: what verifies its signatures takes half a second."""

from urllib.parse import quote, urljoin

from anymail.inbound import AnymailInboundMessage
from anymail.webhooks.resend import ResendInboundWebhookView, ResendTrackingWebhookView

from crm.providers import fetching

__all__ = ["Inbound", "ResendTrackingWebhookView"]


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
