"""Mattermost, Rocket.Chat and whatever else takes the messages that Slack takes, on a server of one's own."""

import re
from datetime import datetime

from notifications.channels.posting import Call, as_json
from notifications.messages import Message
from notifications.services import Config, Field, Service, host_and_end, web_address

SERVICE = Service(
    "mattermost",
    "Mattermost or Rocket.Chat",
    (Field("url", "Incoming webhook", web_address, secret=True, mask=host_and_end),),
)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~>])")


def call(config: Config, message: Message, now: datetime) -> Call:  # noqa: ARG001 (every service has one)
    words = "\n".join(plain(part) for part in (message.title, message.body) if part)
    return as_json(config["url"], {"text": "\n".join(part for part in (words, message.link) if part)})


def plain(text: str) -> str:
    """Without Markdown, and without a mention: an invisible space parts the @ from the name."""
    return _MARKUP.sub(r"\\\1", text).replace("@", "@\N{ZERO WIDTH SPACE}")
