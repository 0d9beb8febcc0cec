"""Mail providers: a folder each, behind one way from a request to events of the ledger."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from anymail.exceptions import AnymailConfigurationError
from anymail.signals import AnymailInboundEvent
from django.http import HttpRequest

from crm import intake
from crm.models import InboundSource
from crm.providers import (
    amazon_ses,
    brevo,
    inbound,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postal,
    postmark,
    resend,
    sendgrid,
    sparkpost,
    tracking,
    unisender_go,
)
from crm.providers.channels import BadWebhook, Channel, NotReady, Provider
from domain import calendars
from people.models import Team

log = logging.getLogger("nextmove.crm")

FOLDERS = (
    amazon_ses,
    brevo,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postal,
    postmark,
    resend,
    sendgrid,
    sparkpost,
    unisender_go,
)
PROVIDERS: dict[str, Provider] = {folder.PROVIDER.name: folder.PROVIDER for folder in FOLDERS}
BATCH = 1_000
"""Events stored in one transaction."""

__all__ = ["PROVIDERS", "BadKeys", "BadWebhook", "NotReady", "check_keys", "receive", "register"]


Own = Callable[[Team, Sequence[intake.Incoming], datetime], set[int]]
"""The places of those events that are about the product's own letters."""
_own: list[Own] = []


def register(own: Own) -> None:
    """Lets a room above take what is about its letters, before it is looked for among the contacts."""
    if own not in _own:
        _own.append(own)


class BadKeys(ValueError):
    """A source's keys cannot be used; the message says which and why."""


@dataclass
class Delivery:
    """What a provider sent: the events with their places, and the places of those that say nothing we can read."""

    items: list[tuple[int, intake.Incoming]] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)
    misdirected: bool = False


def check_keys(provider_name: str, keys: dict[str, Any]) -> None:
    """Raises BadKeys for keys that the provider's requests could not be checked with."""
    provider = PROVIDERS[provider_name]
    unknown = sorted(set(keys) - set(provider.keys))
    if unknown:
        raise BadKeys(f"{provider.title} has no key {', '.join(unknown)}: use some of {', '.join(provider.keys)}.")
    if provider.needs is not None and (missing := provider.needs()):
        raise BadKeys(missing)
    for channel in (provider.tracking, provider.inbound):
        if channel is not None:
            try:
                channel.build(keys)
            except NotReady as fault:
                raise BadKeys(str(fault)) from fault


def receive(source: InboundSource, request: HttpRequest, *, now: datetime, mail: bool = False) -> intake.Recorded:
    """Stores what the provider says: tracking events, or with `mail` what people sent to us.

    Raises BadWebhook when the request cannot be read or does not prove itself, NotReady when the provider shall repeat
    it once something here is set up; the source then carries a notice until a request can be taken.
    """
    provider = PROVIDERS[source.provider]
    channel = provider.inbound if mail else provider.tracking
    if channel is None:
        raise BadWebhook(f"{provider.title} sends no inbound mail to this address")
    try:
        delivery = _deliver(source, provider, channel, request, now)
    except NotReady as fault:
        _notice(source, str(fault))
        raise
    if delivery is None:
        return intake.Recorded()
    if delivery.unreadable and not delivery.items:
        if delivery.misdirected:
            raise BadWebhook("Tracking events and inbound mail have two addresses, and this one is the other's")
        raise BadWebhook(f"None of the {len(delivery.unreadable)} events can be read")
    _notice(source, "")
    return _record(source, delivery, now)


def _deliver(
    source: InboundSource, provider: Provider, channel: Channel, request: HttpRequest, now: datetime
) -> Delivery | None:
    """What the request says, checked; None for one that only wanted something done. Asks outside, so no transaction."""
    if provider.needs is not None and (missing := provider.needs()):
        raise NotReady(missing)
    view = channel.build(source.keys)
    channel.check(view, request, source.keys, now=now)
    if provider.greet is not None and (left := provider.greet(request, source.keys)) is not None:
        _notice(source, left)
        return None
    raws = list(channel.raws(view, request))
    if raws and channel.fetches_with and not source.keys.get(channel.fetches_with):
        raise NotReady(f"{provider.title} sends only the number of a mail: set the key {channel.fetches_with}.")
    zone = calendars.first_zone(source.team.timezone).zone
    return _read(provider, raws, lambda raw: list(channel.convert(view, raw, request)), now, zone)


def _read(provider: Provider, raws: Sequence[Any], convert: Any, now: datetime, zone: ZoneInfo) -> Delivery:
    """Converts each event by itself, so that one that cannot be read stops no other."""
    delivery = Delivery()
    for index, raw in enumerate(raws):
        try:
            delivery.items += [(index, _incoming(provider, raw, event, now, zone)) for event in convert(raw)]
        except NotReady:
            raise
        except AnymailConfigurationError:  # the library's word for the other channel's event
            delivery.misdirected = True
            delivery.unreadable.append(index)
        except Exception:  # whatever the library's parsers, and those of mail below them, make of odd input
            log.info("an event of %s cannot be read", provider.name, exc_info=True)
            delivery.unreadable.append(index)
    return delivery


def _incoming(provider: Provider, raw: Any, event: Any, now: datetime, zone: ZoneInfo) -> intake.Incoming:
    if isinstance(event, AnymailInboundEvent):
        return inbound.read(provider.name, event, now=now, zone=zone)
    amendment = provider.amend(raw, event) if provider.amend is not None else tracking.NOTHING
    return tracking.read(provider.name, event, amendment)


def _record(source: InboundSource, delivery: Delivery, now: datetime) -> intake.Recorded:
    """Stores the batches one after the other; places are those of the provider's list."""
    whole = intake.Recorded()
    items = list(delivery.items)
    for own in _own:
        try:
            taken = own(source.team, [item for _, item in items], now)
        except Exception:  # what it cannot read is an event like others; the provider's request does not fail for it
            log.exception("events of %s could not be looked through for own letters", source.provider)
            continue
        items = [placed for place, placed in enumerate(items) if place not in taken]
        whole.own += len(taken)
    # Always in one order, so that two deliveries of the same never wait for each other.
    for batch in _batches(sorted(items, key=lambda placed: _order(placed[1], now))):
        recorded = intake.record(
            source.team,
            [item for _, item in batch],
            now=now,
            unmatched=True,
            creates_contacts=source.creates_contacts,
        )
        whole.accepted += recorded.accepted
        whole.duplicates += recorded.duplicates
        whole.conflicts += recorded.conflicts
        whole.rejected += [intake.Rejected(batch[one.index][0], one.errors) for one in recorded.rejected]
    fault = intake.Fault("", "unreadable", "This event lacks what every event of the provider has.")
    whole.rejected += [intake.Rejected(index, (fault,)) for index in delivery.unreadable]
    return whole


def _order(item: intake.Incoming, now: datetime) -> tuple[datetime, str, str]:
    return item.occurred_at or now, item.source_key, item.contact_email


def _batches(items: Sequence[tuple[int, intake.Incoming]]) -> Iterator[Sequence[tuple[int, intake.Incoming]]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _notice(source: InboundSource, text: str) -> None:
    """What somebody still has to do, where the source is looked at; gone when a request could be taken."""
    if source.notice != text:
        InboundSource.objects.filter(pk=source.pk).update(notice=text)
        source.notice = text
