"""Any web address: a plain JSON document, under an id that stays the same in every try (Standard Webhooks)."""

import base64
import binascii
from datetime import datetime

from standardwebhooks import Webhook

from notifications.channels.posting import Call, as_json
from notifications.messages import Message
from notifications.services import Config, Field, Service, host_and_end, web_address

_BYTES = range(24, 65)


def _signing(value: str) -> str:
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in _BYTES:
        raise ValueError("Write a secret such as whsec_ followed by 24 to 64 bytes in base64.")
    return value


SERVICE = Service(
    "webhook",
    "Any webhook",
    (
        Field("url", "Web address", web_address, "Gets a JSON document by POST", secret=True, mask=host_and_end),
        Field(
            "secret", "Signing secret", _signing, "whsec_…; each call is signed with it", secret=True, required=False
        ),
    ),
    help="After a crash a document may come again: drop a second one with the same webhook-id.",
    knows_again=lambda _config: True,
)


def call(config: Config, message: Message, now: datetime) -> Call:
    document = {
        "id": message.id,
        "type": "notification",
        "kind": message.kind,
        "title": message.title,
        "text": message.body,
        "url": message.link,
    }
    headers = {"webhook-id": message.id, "webhook-timestamp": str(int(now.timestamp()))}
    made = as_json(config["url"], document, **headers)
    if not config["secret"]:
        return made
    signature = Webhook(config["secret"]).sign(message.id, now, made.body.decode())
    return Call(made.url, made.body, {**made.headers, "webhook-signature": signature})
