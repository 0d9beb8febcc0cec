"""/api/notifications: where you are reached outside, your team's accounts for it, and a test of each."""

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, need, scope
from api.errors import Problem, by_field, conflict, invalid, not_found
from api.fields import In, Out
from api.notifications import DeliveryOut
from notifications import addresses, gateways, trials
from notifications.channels import Channel, reporting
from notifications.models import Address, Delivery, Gateway
from notifications.routing import CHANNELS
from notifications.services import LONGEST, Invalid

router = Router(tags=["notifications"])

Name = Annotated[str, StringConstraints(max_length=40)]
Value = Annotated[str, StringConstraints(max_length=LONGEST)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=20)]


class PlaceIn(In):
    service: Name = Field(examples=["telegram"])
    fields: dict[Name, Value] = Field(max_length=20, description="A secret that is left out or empty stays as it was")


class PlaceOut(Out):
    channel: str
    service: str
    fields: dict[str, str] = Field(validation_alias="shown", description="As entered; secrets are masked")
    changed_at: datetime


class AddressOut(PlaceOut):
    confirmed_at: datetime | None = Field(description="Null for a number whose code has not come back yet")


class GatewayOut(PlaceOut):
    reports_to: str = Field(
        description="Where the service reports what became of messages; empty when this installation has no address "
        "that can be reached from outside"
    )


class ConfirmIn(In):
    code: Code = Field(description="As it came to the number")


class TestIn(In):
    channel: Name = Field(examples=["chat"])


@router.get("/api/notifications/addresses/{channel}", auth=scope("notifications:read"), response=AddressOut)
def get_address(request: HttpRequest, channel: str) -> Address:
    """Where you are reached by a channel: `sms`, `whatsapp` or `chat`."""
    return _address(request, _by_address(channel).name)


@router.put("/api/notifications/addresses/{channel}", auth=scope("notifications:write"), response=AddressOut)
def put_address(request: HttpRequest, channel: str, payload: PlaceIn) -> Address:
    """Enters where you are reached. A new phone number is sent a code, and counts once that is confirmed.

    `sms` and `whatsapp` take the service `phone` with the field `phone`. `chat` takes `slack` (url), `teams` (url),
    `telegram` (token, chat_id), `ntfy` (topic, server, token), `mattermost` (url) or `webhook` (url, secret).
    """
    known = _by_address(channel)
    try:
        return addresses.give(
            caller(request), known.name, service=payload.service, given=payload.fields, now=timezone.now()
        )
    except Invalid as wrong:
        raise _refused(wrong) from None
    except trials.TooMany as enough:
        raise _too_many(enough) from None
    except trials.NoAddress as missing:
        raise conflict(str(missing)) from None


@router.delete("/api/notifications/addresses/{channel}", auth=scope("notifications:write"), response={204: None})
def delete_address(request: HttpRequest, channel: str) -> Status[None]:
    """Takes your address away; nothing goes by this channel any more."""
    user = caller(request)
    if not addresses.take_away(user, _by_address(channel).name, by=user, now=timezone.now()):
        raise not_found("address for", channel)
    return Status(204, None)


@router.post("/api/notifications/addresses/{channel}/confirm", auth=scope("notifications:write"), response=AddressOut)
def confirm_address(request: HttpRequest, channel: str, payload: ConfirmIn) -> Address:
    """Confirms a phone number with the code that came to it, within 30 minutes."""
    row = _address(request, _by_address(channel).name)
    try:
        return addresses.confirm(row.user, channel, code=payload.code, now=timezone.now())
    except addresses.WrongCode as wrong:
        raise invalid("/code", "wrong", str(wrong)) from None


@router.post("/api/notifications/test", auth=scope("notifications:write"), response={201: DeliveryOut})
def send_test(request: HttpRequest, payload: TestIn) -> Status[Delivery]:
    """Sends you a test by a channel, on the way of all notices; its delivery says how it went. Five an hour."""
    if payload.channel not in CHANNELS:
        said = f"There is no channel {payload.channel!r}: use one of {', '.join(CHANNELS)}."
        raise invalid("/channel", "unknown", said)
    try:
        return Status(201, trials.send(caller(request), payload.channel, now=timezone.now()))
    except trials.TooMany as enough:
        raise _too_many(enough) from None
    except trials.NoAddress as missing:
        raise conflict(str(missing)) from None


@router.get("/api/notifications/gateways/{channel}", auth=scope("notifications:read"), response=GatewayOut)
def get_gateway(request: HttpRequest, channel: str) -> dict[str, Any]:
    """Your team's account for `sms` or `whatsapp`."""
    return _shown(_gateway(request, channel, "see its accounts"))


@router.put("/api/notifications/gateways/{channel}", auth=scope("notifications:write"), response=GatewayOut)
def put_gateway(request: HttpRequest, channel: str, payload: PlaceIn) -> dict[str, Any]:
    """Enters your team's account.

    `sms` takes `twilio` (account_sid, auth_token, sender). `whatsapp` takes `cloud` (phone_id, token, template,
    language, app_secret, verify_token) or `twilio` (account_sid, auth_token, sender, template).
    """
    user = caller(request)
    need(user, "manage_team", "change its accounts")
    known = _by_gateway(channel)
    try:
        row = gateways.enter(
            user.team, known.name, service=payload.service, given=payload.fields, by=user, now=timezone.now()
        )
    except Invalid as wrong:
        raise _refused(wrong) from None
    return _shown(row)


@router.delete("/api/notifications/gateways/{channel}", auth=scope("notifications:write"), response={204: None})
def delete_gateway(request: HttpRequest, channel: str) -> Status[None]:
    """Takes your team's account away; nobody in it is reached by this channel any more."""
    gateways.remove(_gateway(request, channel, "change its accounts"), by=caller(request), now=timezone.now())
    return Status(204, None)


def _address(request: HttpRequest, channel: str) -> Address:
    row = Address.objects.visible_to(caller(request)).select_related("user__team").filter(channel=channel).first()
    if row is None:
        raise not_found("address for", channel)
    return row


def _gateway(request: HttpRequest, channel: str, to_do: str) -> Gateway:
    user = caller(request)
    need(user, "manage_team", to_do)
    row = Gateway.objects.visible_to(user).filter(channel=_by_gateway(channel).name).first()
    if row is None:
        raise not_found("account for", channel)
    return row


def _shown(row: Gateway) -> dict[str, Any]:
    kept = {name: getattr(row, name) for name in ("channel", "service", "shown", "changed_at")}
    return kept | {"reports_to": reporting.address_of(row.team_id, row.channel)}


def _by_address(channel: str) -> Channel:
    known = CHANNELS.get(channel)
    if known is None or not known.addresses:
        raise not_found("channel", channel)
    return known


def _by_gateway(channel: str) -> Channel:
    known = CHANNELS.get(channel)
    if known is None or not known.gateways:
        raise not_found("channel", channel)
    return known


def _refused(wrong: Invalid) -> Problem:
    return by_field({name if name == "service" else f"fields/{name}": said for name, said in wrong.errors.items()})


def _too_many(enough: trials.TooMany) -> Problem:
    return Problem(429, str(enough), headers={"Retry-After": str(enough.seconds)})
