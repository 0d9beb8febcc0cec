"""Secrets of endpoints and the signatures made with them, as standardwebhooks.com has it."""

import base64
import secrets
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from people import sealing
from webhooks.models import Endpoint

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the old secret signs beside the new one."""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secrets_of(endpoint: Endpoint, *, now: datetime) -> list[str]:
    """The present one first, then the one before while it is still good. Raises sealing.Unreadable."""
    kept = [endpoint.secret]
    if endpoint.old_secret and endpoint.old_secret_until is not None and now < endpoint.old_secret_until:
        kept.append(endpoint.old_secret)
    return [sealing.unseal(one) for one in kept]


def headers(endpoint: Endpoint, message_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """Who sends it, when, and the proof of both. Raises sealing.Unreadable."""
    at, text = now.astimezone(UTC), body.decode()
    signatures = [Webhook(secret).sign(message_id, at, text) for secret in secrets_of(endpoint, now=now)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
