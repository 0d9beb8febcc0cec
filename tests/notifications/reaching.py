"""An address of each service that there is, led to servers of this machine that stand for them."""

import base64
from datetime import UTC, datetime

import pytest

from jobs.models import Job
from notifications import addresses, gateways
from notifications.channels import chat, twilio
from notifications.channels.chat import ntfy, slack, telegram
from notifications.channels.whatsapp import cloud
from notifications.models import Address, Notification
from people.models import User

NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)
SID, TOKEN = "AC" + "0123456789abcdef" * 2, "fedcba9876543210" * 2
KEY = "whsec_" + base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()
TWILIO = {"account_sid": SID, "auth_token": TOKEN, "sender": "+15551234567"}
CLOUD = {
    "phone_id": "106540352242922",
    "token": "EAAJB" + "q1W2e3R4" * 10,
    "app_secret": "0a1b2c3d" * 4,
    "verify_token": "chosen-by-us-1",
}
BOT = "123456789:AAFsecretsecretsecretsecretsecret00"
SERVICES = (
    "slack",
    "teams",
    "telegram",
    "ntfy",
    "ntfy.sh",
    "mattermost",
    "webhook",
    "twilio",
    "whatsapp-twilio",
    "cloud",
)
KNOW_AGAIN = ("webhook", "ntfy.sh")
LOGIN = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
WHERE = {
    "slack": ("/services/T0/B0/secret", None),
    "teams": ("/workflows/secretsecretsecret", None),
    "telegram": (f"/bot{BOT}/sendMessage", None),
    "ntfy": ("/", "Bearer tk_secretsecretsecret"),
    "ntfy.sh": ("/", None),
    "mattermost": ("/hooks/secretsecretsecret", None),
    "webhook": ("/hook/secretsecretsecret", None),
    "twilio": (f"/2010-04-01/Accounts/{SID}/Messages.json", LOGIN),
    "whatsapp-twilio": (f"/2010-04-01/Accounts/{SID}/Messages.json", LOGIN),
    "cloud": (f"/v21.0/{CLOUD['phone_id']}/messages", f"Bearer {CLOUD['token']}"),
}
"""Where a message must come to, and with what login."""


def lead_here(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every service with a fixed host stands at this address."""
    monkeypatch.setattr(telegram, "API", url)
    monkeypatch.setattr(twilio, "API", url)
    monkeypatch.setattr(cloud, "API", f"{url}/v21.0")
    slacks, ntfys = slack.call, ntfy.call

    def to_slack(_config: object, *rest: object) -> object:
        return slacks({"url": f"{url}/services/T0/B0/secret"}, *rest)

    def to_ntfy(config: dict[str, str], *rest: object) -> object:
        return ntfys(config | {"server": url}, *rest)

    monkeypatch.setitem(chat._CALLS, "slack", to_slack)
    monkeypatch.setitem(chat._CALLS, "ntfy", to_ntfy)


def reach(person: User, channel: str, service: str, *, at: datetime = NOON, **given: str) -> Address:
    return addresses.give(person, channel, service=service, given=given, now=at)


def reach_by(name: str, person: User, url: str) -> str:
    """Gives an address of this service; the channel."""
    if name in ("twilio", "whatsapp-twilio", "cloud"):
        channel = "sms" if name == "twilio" else "whatsapp"
        account = CLOUD if name == "cloud" else TWILIO
        gateways.enter(person.team, channel, service=name.rpartition("-")[2], given=account, by=person, now=NOON)
        row = reach(person, channel, "phone", phone="+49 170 1234567")
        Job.objects.all().delete()
        Notification.objects.all().delete()
        Address.objects.filter(pk=row.pk).update(confirmed_at=NOON, code="")
        return channel
    given = {
        "slack": {"url": f"{slack.HOOKS}T0/B0/secretsecretsecret"},
        "teams": {"url": f"{url}/workflows/secretsecretsecret"},
        "mattermost": {"url": f"{url}/hooks/secretsecretsecret"},
        "webhook": {"url": f"{url}/hook/secretsecretsecret", "secret": KEY},
        "telegram": {"token": BOT, "chat_id": "-100123"},
        "ntfy": {"server": url, "topic": "secret-topic", "token": "tk_secretsecretsecret"},
        "ntfy.sh": {"topic": "secret-topic"},
    }[name]
    reach(person, "chat", name.partition(".")[0], **given)
    return "chat"
