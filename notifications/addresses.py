"""Where people are reached outside: given, confirmed where it is a phone, and taken away."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare

from notifications import services, trials
from notifications.audited import ADDRESS
from notifications.models import Address
from notifications.routing import CHANNELS
from notifications.services import PHONE, Config
from people import sealing
from people.models import User

CODE_LIVES = timedelta(minutes=30)
MOST_TRIES = 5


class WrongCode(ValueError):
    """The number is not confirmed; the message says what to do."""


def give(user: User, channel: str, *, service: str, given: Config, now: datetime) -> Address:
    """Keeps where somebody is reached by a channel. To a phone number that is not confirmed goes a code.

    Raises services.Invalid, and trials.TooMany, trials.NoAddress when no code can be sent.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        row = Address.objects.filter(user=user, channel=channel).first() or Address(user=user, channel=channel)
        with ADDRESS.changing(row, by=user, now=now):
            if services.fill(row, CHANNELS[channel].addresses, service, given, now=now):
                row.confirmed_at, row.code = (None if service == PHONE.code else now), ""
            row.save()
        if row.confirmed_at is None:
            trials.send(user, channel, now=now)
    return row


def confirm(user: User, channel: str, *, code: str, now: datetime) -> Address:
    """The number is the person's: its code came back. Raises Address.DoesNotExist, WrongCode."""
    row = Address.objects.get(user=user, channel=channel)
    if row.confirmed_at is not None:
        return row
    live = Address.objects.filter(pk=row.pk, code_at__gt=now - CODE_LIVES, code_tries__lt=MOST_TRIES).exclude(code="")
    if not live.update(code_tries=F("code_tries") + 1):
        raise WrongCode("There is no code to enter any more: have a new one sent.")
    row.refresh_from_db()
    if not constant_time_compare(_code_of(row), "".join(code.split())):
        raise WrongCode("This is not the code that was sent last: look again, or have a new one sent.")
    with ADDRESS.changing(row, by=user, now=now, verb="confirmed"):
        # The number as it was when its code was compared: a new one meanwhile has a code of its own.
        Address.objects.filter(pk=row.pk, code=row.code).update(confirmed_at=now, code="")
    row.refresh_from_db()
    return row


def _code_of(row: Address) -> str:
    try:
        return sealing.unseal(row.code)
    except sealing.Unreadable:
        raise WrongCode("The code that was sent can't be read here any more: have a new one sent.") from None


def take_away(user: User, channel: str, *, by: User | None, now: datetime) -> bool:
    """False when there is none."""
    row = Address.objects.filter(user=user, channel=channel).first()
    if row is None:
        return False
    with ADDRESS.changing(row, by=by, now=now):
        row.delete()
    return True


def take_all_away(user: User, by: User | None, now: datetime) -> None:
    """A step of letting somebody go."""
    for channel in CHANNELS:
        take_away(user, channel, by=by, now=now)
