"""Twilio, which carries text messages and WhatsApp: a team's account, one message of it, and what is reported of that.

Formats: twilio.com/docs/messaging/guides/track-outbound-message-status and /docs/usage/security.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, parse_qsl, urlsplit

from django.utils.crypto import constant_time_compare

from notifications.channels.posting import Call, as_form, found
from notifications.channels.reporting import Asked, Forged, Report, address_of
from notifications.models import Delivery
from notifications.services import Config, Field, matching

SERVICE = "twilio"
API = "https://api.twilio.com"
_SID = "Write the Account SID from Twilio's console: AC and 32 letters and digits."
_TOKEN = "Write the Auth Token from Twilio's console: 32 letters and digits."  # noqa: S105 (words about one)

ACCOUNT = (
    Field("account_sid", "Account SID", matching(r"AC[0-9a-fA-F]{32}", _SID)),
    Field("auth_token", "Auth Token", matching(r"[0-9a-zA-Z]{32}", _TOKEN), secret=True),
)


_TAKEN = frozenset({"accepted", "scheduled", "queued", "sending", "sent", "delivered", "read"})
_LOST = frozenset({"undelivered", "failed", "canceled"})
_NOT_REACHED = {
    "21211": "Invalid 'To' phone number",
    "21610": "Attempt to send to unsubscribed recipient",
    "21614": "'To' number is not a valid mobile number",
    "21635": "'To' number cannot be a landline",
    "30003": "Unreachable destination handset",
    "30004": "Message blocked",
    "30005": "Unknown destination handset",
    "30006": "Landline or unreachable carrier",
    "63003": "Channel could not find To address",
    "63014": "Channel message blocked by user action",
    "63024": "Invalid message recipient",
}
"""What lies with the number or its owner, by Twilio's code. All else lies with the account, the text or a network."""
_OWN = "delivery"


def message(account: Config, fields: Mapping[str, str], delivery: Delivery) -> Call:
    """The delivery's id goes along in the address for reports: it finds the row even if the answer is lost."""
    reports_to = address_of(delivery.user.team_id, delivery.channel)
    if reports_to:
        fields = {**fields, "StatusCallback": f"{reports_to}?{_OWN}={delivery.pk}"}
    login = base64.b64encode(f"{account['account_sid']}:{account['auth_token']}".encode()).decode()
    url = f"{API}/2010-04-01/Accounts/{account['account_sid']}/Messages.json"
    return as_form(url, fields, Authorization=f"Basic {login}")


def reference(answer: bytes) -> str:
    """By what Twilio knows a message that it took."""
    return found(answer, "sid")


def reports(account: Config, asked: Asked) -> list[Report]:
    """A status callback: of one message, as a form that is signed together with its address. Raises Forged."""
    fields = parse_qsl(asked.body.decode(errors="replace"), keep_blank_values=True)
    given = asked.headers.get("X-Twilio-Signature", "")
    if not any(constant_time_compare(given, signature(account, url, fields)) for url in _addresses(asked.url)):
        raise Forged
    said = dict(fields)
    status, code = said.get("MessageStatus", ""), said.get("ErrorCode", "")
    own = parse_qs(urlsplit(asked.url).query).get(_OWN, [""])[0]
    named = said.get("MessageSid", "")
    if status in _TAKEN:
        return [Report(Delivery.SENT, named, own)]
    if status not in _LOST:
        return []
    state = Delivery.BOUNCED if code in _NOT_REACHED else Delivery.FAILED
    words = said.get("ErrorMessage") or said.get("ChannelStatusMessage") or _NOT_REACHED.get(code, "")
    code_said = f" ({code})" if code else ""
    return [Report(state, named, own, f"Twilio reports it as {status}{code_said}: {words}".rstrip(": "))]


def signature(account: Config, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The address and, sorted, each field's name and value in one, under the account's token."""
    told = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(account["auth_token"].encode(), told.encode(errors="replace"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def _addresses(url: str) -> set[str]:
    """As it may have signed it: with the port or without."""
    parts = urlsplit(url)
    bare, port = str(parts.hostname), parts.port or {"https": 443}.get(parts.scheme, 80)
    return {url, parts._replace(netloc=bare).geturl(), parts._replace(netloc=f"{bare}:{port}").geturl()}
