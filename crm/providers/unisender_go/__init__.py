"""Unisender Go: no event ids; the body carries the hash it is signed with. No inbound mail."""

from typing import Any

from anymail.webhooks.unisender_go import UnisenderGoTrackingWebhookView
from django.http import HttpRequest

from crm.providers import channels
from crm.providers.channels import BadWebhook, Channel, Provider
from crm.providers.tracking import Amendment

EVENT = "transactional_email_status"
PERMANENT = {"hard_bounced": True, "soft_bounced": False}


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    return Amendment(permanent=PERMANENT.get(raw.get("status")))


def _raws(view: Any, request: HttpRequest) -> list[Any]:
    """The events of either form that can be chosen there: grouped by user, or one flat event."""
    [found] = channels.single(view, request)
    if "events_by_user" not in found:
        return [found] if found.get("event_name") == EVENT else []
    try:
        named = [event for user in found["events_by_user"] for event in user["events"]]
    except (TypeError, KeyError) as failure:
        raise BadWebhook("The body has no list of events by user") from failure
    return [one.get("event_data") if isinstance(one, dict) else one for one in named if _is_about_mail(one)]


def _is_about_mail(event: Any) -> bool:
    return not isinstance(event, dict) or event.get("event_name") == EVENT


PROVIDER = Provider(
    name="unisender_go",
    title="Unisender Go",
    tracking=Channel(
        UnisenderGoTrackingWebhookView,
        _raws,
        channels.alone,
        keys=("api_key",),
        proof="api_key",
        stand_ins=("api_key",),
    ),
    amend=amend,
)
