"""Microsoft Teams, by the address of a workflow that posts what it is sent."""

from datetime import datetime

from notifications.channels.posting import Call, as_json
from notifications.messages import Message
from notifications.services import Config, Field, Service, host_and_end, web_address
from people import speech

SERVICE = Service(
    "teams",
    "Microsoft Teams",
    (
        Field(
            "url",
            "Workflow address",
            web_address,
            "In Teams: Workflows, “Post to a chat when a webhook request is received”",
            secret=True,
            mask=host_and_end,
        ),
    ),
)


def call(config: Config, message: Message, now: datetime) -> Call:  # noqa: ARG001 (every service has one)
    """An adaptive card of runs of text, in which nothing is markup; its button in the language that is active."""
    action = {"type": "Action.OpenUrl", "title": speech.said("Open it"), "url": message.link}
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [_run(message.title, weight="Bolder"), *([_run(message.body)] if message.body else [])],
        "actions": [action] if message.link else [],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return as_json(config["url"], {"type": "message", "attachments": [attachment]})


def _run(text: str, **style: str) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
