"""Mandrill: one form field with a list of events, signed together with the address they were sent to."""

import json
from typing import Any

from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.utils import get_request_uri
from anymail.webhooks.mandrill import MandrillCombinedWebhookView, MandrillSignatureMixin
from django.conf import settings
from django.http import HttpRequest

from crm.providers.channels import BadWebhook, Channel, Provider
from crm.providers.tracking import Amendment

PERMANENT = {"hard_bounce": True, "soft_bounce": False}
FIELD = "mandrill_events"


class Signed(MandrillCombinedWebhookView):
    """The library's view; Mandrill signs the address as it was given there, which a proxy may have changed since."""

    webhook_url: str | None

    def validate_request(self, request: HttpRequest) -> None:
        """Chooses the address; the signature is then looked at by the mixin, since the library asks every class."""
        if self.webhook_url or self.webhook_key is None:
            return
        public = settings.BASE_URL + request.get_full_path()
        for url in (public, get_request_uri(request)):
            self.webhook_url = url
            try:
                MandrillSignatureMixin.validate_request(self, request)
            except AnymailWebhookValidationFailure:
                continue
            return


def amend(raw: Any, event: Any) -> Amendment:  # noqa: ARG001 (the shape of all of them)
    return Amendment(permanent=PERMANENT.get(raw.get("event")))


def _raws(view: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001
    try:
        found = json.loads(request.POST[FIELD])
    except (KeyError, ValueError, RecursionError) as failure:
        raise BadWebhook(f"The form has no field {FIELD} with Mandrill's events") from failure
    if not isinstance(found, list):
        raise BadWebhook(f"The form's field {FIELD} is no list of events")
    return found


def _convert(view: Any, raw: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001
    """Mandrill sends both kinds to one address, even mixed, which the library would refuse."""
    if raw.get("event") == "inbound":
        return [view.mandrill_inbound_to_anymail_event(raw)]
    return [view.mandrill_tracking_to_anymail_event(raw)]


CHANNEL = Channel(
    Signed, _raws, _convert, keys=("webhook_key", "webhook_url"), proof="webhook_key", stand_ins=("webhook_key",)
)
PROVIDER = Provider(name="mandrill", title="Mandrill", tracking=CHANNEL, inbound=CHANNEL, amend=amend)
