"""ntfy: a topic on ntfy.sh or on a server of one's own."""

from datetime import datetime

from notifications.channels.posting import Call, as_json
from notifications.messages import Message
from notifications.services import Config, Field, Service, matching, web_address

CLOUD = "https://ntfy.sh"
_TOPIC = "Write the topic alone: letters, digits, - and _, at most 64."
_TOKEN = "Write the access token, such as tk_…"  # noqa: S105 (words about one)


def _server(value: str) -> str:
    return web_address(value).rstrip("/")


SERVICE = Service(
    "ntfy",
    "ntfy",
    (
        Field("topic", "Topic", matching(r"[A-Za-z0-9_-]{1,64}", _TOPIC), "Who knows it can read it", secret=True),
        Field("server", "Server", _server, required=False, default=CLOUD),
        Field("token", "Access token", matching(r"tk_[A-Za-z0-9]{10,60}", _TOKEN), secret=True, required=False),
    ),
    help="ntfy.sh takes a second message under the same id for the first; a server of one's own may be too old for it.",
    knows_again=lambda config: config["server"] == CLOUD,
)


def call(config: Config, message: Message, now: datetime) -> Call:  # noqa: ARG001 (every service has one)
    document = {"topic": config["topic"], "title": message.title, "sequence_id": message.id}
    document |= {"message": message.body or message.title, "click": message.link}
    headers = {"Authorization": f"Bearer {config['token']}"} if config["token"] else {}
    return as_json(config["server"], {name: value for name, value in document.items() if value}, **headers)
