"""Telegram, by a bot of the person's or of the team's."""

from datetime import datetime

from notifications.channels.posting import Call, as_json
from notifications.messages import Message
from notifications.services import Config, Field, Service, matching

API = "https://api.telegram.org"
_TOKEN = "Write the token that @BotFather gave, such as 123456789:AAF…"  # noqa: S105 (words about one)
_CHAT = "Write the number of the chat, such as 123456789, or the @name of a public channel."

SERVICE = Service(
    "telegram",
    "Telegram",
    (
        Field(
            "token", "Bot token", matching(r"[0-9]{5,15}:[A-Za-z0-9_-]{30,60}", _TOKEN), "From @BotFather", secret=True
        ),
        Field("chat_id", "Chat", matching(r"-?[0-9]{3,20}|@[A-Za-z0-9_]{4,40}", _CHAT), "Send the bot a message first"),
    ),
)


def call(config: Config, message: Message, now: datetime) -> Call:  # noqa: ARG001 (every service has one)
    """Without a parse mode all of it is plain text."""
    document = {
        "chat_id": config["chat_id"],
        "text": message.text,
        "link_preview_options": {"is_disabled": True},
    }
    return as_json(f"{API}/bot{config['token']}/sendMessage", document)
