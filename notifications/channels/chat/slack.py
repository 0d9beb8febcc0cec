"""Slack, by an incoming webhook of a workspace."""

from datetime import datetime
from html import escape

from notifications.channels.posting import Call, as_json
from notifications.messages import Message
from notifications.services import Config, Field, Service, host_and_end, matching

HOOKS = "https://hooks.slack.com/services/"
_ADVICE = f"Write the address that Slack shows for an incoming webhook: {HOOKS}T…/B…/…"

SERVICE = Service(
    "slack",
    "Slack",
    (
        Field(
            "url",
            "Incoming webhook",
            matching(r"https://hooks\.slack\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+", _ADVICE),
            "In Slack: Apps, Incoming Webhooks, Add to Slack",
            secret=True,
            mask=host_and_end,
        ),
    ),
)


def call(config: Config, message: Message, now: datetime) -> Call:  # noqa: ARG001 (every service has one)
    """Nothing in it is markup, and nobody is mentioned by it."""
    return as_json(config["url"], {"text": escape(message.text, quote=False), "mrkdwn": False})
