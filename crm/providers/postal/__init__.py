"""Postal, which people host themselves: signed with the installation's RSA key."""

from collections.abc import Callable
from typing import Any

from anymail.webhooks.postal import PostalInboundWebhookView, PostalTrackingWebhookView, serialization
from django.http import HttpRequest

from crm.providers import channels
from crm.providers.channels import Channel, Provider
from crm.providers.tracking import Amendment


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    """The library knows neither Postal's opens nor that a hard failure is a bounce."""
    payload = raw.get("payload", {})
    if raw.get("event") == "MessageLoaded":
        return Amendment(event_type="opened", user_agent=str(payload.get("user_agent") or ""))
    if payload.get("status") == "HardFail":
        return Amendment(event_type="bounced", permanent=True)
    return Amendment()


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:
    """The view reads the body itself; its own events about mail that came in are none of ours."""
    del raw
    return list(view.parse_events(request))


def _checking(view: Callable[..., Any]) -> Callable[..., Any]:
    """The library reads the key at the first request; here it is read when it is saved, too."""

    def build(**keys: Any) -> Any:
        if keys[PROOF] != channels.STAND_IN:
            pem = f"-----BEGIN PUBLIC KEY-----\n{keys[PROOF]}\n-----END PUBLIC KEY-----"
            serialization.load_pem_public_key(pem.encode())
        return view(**keys)

    return build


PROOF = "webhook_key"
KEY: dict[str, Any] = {"keys": (PROOF,), "proof": PROOF, "stand_ins": (PROOF,)}
PROVIDER = Provider(
    name="postal",
    title="Postal",
    tracking=Channel(_checking(PostalTrackingWebhookView), channels.single, _convert, **KEY),
    inbound=Channel(_checking(PostalInboundWebhookView), channels.single, _convert, **KEY),
    amend=amend,
)
