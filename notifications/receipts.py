"""What Twilio and WhatsApp report of messages that we sent to phones: it goes to their rows, and only ever forward."""

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction

from notifications.channels import twilio
from notifications.channels.reporting import Asked, Forged, NotReady, Report, read_address
from notifications.channels.whatsapp import cloud
from notifications.models import Address, Delivery, Gateway
from notifications.reports import SETTLED, tell_of_bounce
from notifications.routing import CHANNELS
from notifications.services import Config
from people import sealing

log = logging.getLogger("nextmove.notifications")

_READERS: dict[str, Callable[[Config, Asked], list[Report]]] = {
    twilio.SERVICE: twilio.reports,
    cloud.SERVICE.code: cloud.reports,
}
_LONGEST = 255
_NUMBER = re.compile(r"\+?\d{7,}")


def gateway_at(named: str) -> Gateway | None:
    """The account whose service reports at an address; None where there is none, or none any more."""
    found = read_address(named)
    return None if found is None else Gateway.objects.filter(team=found[0], channel=found[1]).first()


def greet(gateway: Gateway, query: Mapping[str, str]) -> str:
    """What WhatsApp wants to hear before it reports to an address. Raises Forged, NotReady."""
    if gateway.service != cloud.SERVICE.code:
        raise Forged
    return cloud.greeting(_account(gateway), query)


def take(gateway: Gateway, asked: Asked, *, now: datetime) -> int:
    """Writes down what a request reports; how many messages it is about that are not ours.

    The same report again, or one of something earlier, changes nothing. Raises Forged, NotReady, Unclear.
    """
    reports = _READERS[gateway.service](_account(gateway), asked)
    unknown = [report for report in reports if not _follow(gateway, report, now)]
    if unknown:
        log.info("%s of %s reports of %s are about no message of ours", len(unknown), len(reports), gateway.service)
    return len(unknown)


def _account(gateway: Gateway) -> Config:
    try:
        return gateway.config
    except sealing.Unreadable as fault:
        raise NotReady(str(fault)) from None


def _follow(gateway: Gateway, report: Report, now: datetime) -> bool:
    """False when there is no such message. What it came with shares its fate."""
    reference = report.reference if report.reference.isprintable() and len(report.reference) <= _LONGEST else ""
    message = [*_by_reference(gateway, reference), *_by_our_id(gateway, report.own)]
    if not message:
        return False
    rows = Delivery.objects.filter(pk__in=[row.pk for row in message])
    if report.state == Delivery.SENT:
        # Its own process may have ended before it could say so.
        open_ones = rows.filter(state__in=(Delivery.SENDING, Delivery.UNKNOWN))
        open_ones.update(state=Delivery.SENT, reason="", sent_at=now, reference=reference)
        return True
    said = "".join(letter if letter.isprintable() else " " for letter in report.why)
    why = _NUMBER.sub(sealing.masked(""), said)[:_LONGEST]
    with transaction.atomic():
        lost = rows.filter(state__in=SETTLED).update(state=report.state, reason=why)
        if lost and report.state == Delivery.BOUNCED:
            label = CHANNELS[gateway.channel].label
            tell_of_bounce(message[0], title=f"{label}{_where(message[0])} does not arrive", why=why, now=now)
    return True


def _where(row: Delivery) -> str:
    """The number it went to, as far as that is still known: a report may come when there is another."""
    address = Address.objects.filter(user=row.user, channel=row.channel).first()
    if address is None:
        return ""
    is_of_then = address.changed_at <= (row.sent_at or row.due_at)
    return f" to {address.shown['phone']}" if is_of_then else " to an earlier number"


def _by_reference(gateway: Gateway, reference: str) -> list[Delivery]:
    """By the service's id, which nobody could guess, whoever's team it is: an account of WhatsApp's reports for all of
    its numbers to one address.
    """
    # That it is not empty lets SQLite take the index, which has no others.
    rows = Delivery.objects.filter(channel=gateway.channel, reference=reference).exclude(reference="")
    return list(rows.select_related("user__team").order_by("pk"))


def _by_our_id(gateway: Gateway, own: str) -> list[Delivery]:
    """By ours, which follows from what it is about: only messages of the account's own team."""
    try:
        pk = uuid.UUID(own)
    except ValueError:
        return []
    rows = Delivery.objects.filter(channel=gateway.channel, user__team=gateway.team_id).select_related("user__team")
    leader = rows.filter(pk=pk).first()
    if leader is None:
        return []
    return [leader, *rows.filter(user=leader.user_id, sent_with=leader).order_by("pk")]
