"""“Send me a test”: a real notice by one channel, on the way that all of them go; to a new number with its code."""

import math
import secrets
import uuid
from datetime import datetime, timedelta

from django.db import transaction

from notifications import routing
from notifications.messages import SETTINGS
from notifications.models import Address, Delivery, Notification
from people import sealing
from people.models import User

MOST = 5
WINDOW = timedelta(hours=1)


class TooMany(Exception):
    """Enough for now; `seconds` says for how long."""

    def __init__(self, wait: timedelta) -> None:
        self.seconds = math.ceil(wait.total_seconds())
        super().__init__(f"{MOST} tests and codes were sent within an hour: try again in {self.seconds} seconds.")


class NoAddress(ValueError):
    """There is nowhere to send it; the message says what to do first."""


def send(user: User, channel: str, *, now: datetime) -> Delivery:
    """Queues it, quiet hours or not, since it was asked for. Raises TooMany, NoAddress."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # of two at once the second sees the first
        _check_rate(user, now)
        label = routing.CHANNELS[channel].label
        address = Address.objects.of([user]).get((user.pk, channel))
        if address is not None and address.served and address.confirmed_at is None:
            _new_code(address, now)
        elif not routing.CHANNELS[channel].reaches(user, address):
            raise NoAddress(_missing(channel, label, address))
        notice = Notification.objects.create(
            team_id=user.team_id,
            user=user,
            key=f"test:{uuid.uuid4()}",
            kind=Notification.TEST,
            title=f"A test by {label}, as you asked",
            body="It works: this is where notices reach you.",
            path=SETTINGS,
            created_at=now,
            read_at=now,
        )
        delivery = routing.delivery_of(notice, channel, due_at=now, now=now)
        routing.write([delivery], now=now)
    return delivery


def _check_rate(user: User, now: datetime) -> None:
    sent = Notification.objects.filter(user=user, kind=Notification.TEST, created_at__gt=now - WINDOW)
    latest = list(sent.order_by("-created_at").values_list("created_at", flat=True)[:MOST])
    if len(latest) == MOST:
        raise TooMany(latest[-1] + WINDOW - now)


def _new_code(address: Address, now: datetime) -> None:
    """Takes the place of any code before it."""
    code = f"{secrets.randbelow(10**6):06}"
    Address.objects.filter(pk=address.pk).update(code=sealing.seal(code), code_at=now, code_tries=0)


def _missing(channel: str, label: str, address: Address | None) -> str:
    if channel == "email":
        return "Mail does not reach you: there is no mail server here, or no e-mail address of yours."
    if address is None:
        return f"You gave no address for {label} yet: enter it first."
    return f"Your team has no account for {label} yet: a manager enters it under Settings, Channels."
