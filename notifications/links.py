"""Links in letters that need no sign-in: signed, for one person, and good for two weeks; each act works once.

What is signed is the row's id alone, so whoever changes a letter of it has nothing. Looking changes nothing: servers
that look through mail open every link there is.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing

from jobs.rows import insert_new
from notifications.kinds import KINDS
from notifications.models import Delivery, LinkUse
from people.models import User

GOOD_FOR = timedelta(days=14)
# A point, since some mail programs end a link at a colon.
_LETTER = signing.Signer(sep=".", salt="notifications.letter")
_UNSUBSCRIBE = signing.Signer(sep=".", salt="notifications.unsubscribe")


class Invalid(ValueError):
    """Not an address that we made; the message says what to do."""


class Expired(ValueError):
    """Too old to act by; the message says what to do."""


def of(delivery: Delivery) -> str:
    """The address of a page on which the letter's reader may answer it."""
    return f"{settings.BASE_URL}/go/{_LETTER.sign(delivery.pk.hex)}"


def find(token: str, *, now: datetime) -> Delivery:
    """The delivery that a letter's link stands for, with its notice, task, person and team.

    Raises Invalid, also when the person has left, and Expired.
    """
    try:
        pk = uuid.UUID(_LETTER.unsign(token))
    except (signing.BadSignature, ValueError) as fault:
        raise Invalid("This link is not whole: copy all of it, or sign in and look there.") from fault
    rows = Delivery.objects.select_related("notification__task__contact", "user__team")
    found = rows.filter(pk=pk, user__is_active=True).first()
    if found is None:
        raise Invalid("What this link was about is gone: sign in and look there.")
    if now > found.due_at + GOOD_FOR:
        raise Expired(f"Links in letters work for {GOOD_FOR.days} days: sign in and do it there.")
    return found


def use(delivery: Delivery, act: str, *, now: datetime) -> bool:
    """Takes note that the letter was answered so; False when it was before. Be in the transaction of what it does."""
    return bool(insert_new([LinkUse(delivery=delivery, act=act, used_at=now)]))


def to_unsubscribe(user: User, kinds: Iterable[str], channel: str) -> str:
    """The address by which a person hears no more of these kinds by a channel. It does not expire, as law wants it."""
    named = "+".join(sorted(kinds))
    return f"{settings.BASE_URL}/unsubscribe/{_UNSUBSCRIBE.sign(f'{user.pk}.{named}.{channel}')}"


def find_unsubscriber(token: str) -> tuple[User, list[str], str]:
    """The person, the kinds and the channel. Raises Invalid."""
    try:
        pk, named, channel = _UNSUBSCRIBE.unsign(token).split(".")
        user = User.objects.active().select_related("team").get(pk=int(pk))
    except (signing.BadSignature, ValueError, User.DoesNotExist) as fault:
        raise Invalid("This link is not whole: copy all of it, or sign in and choose under Settings.") from fault
    kinds = [kind for kind in named.split("+") if kind in KINDS]
    if not kinds:
        raise Invalid("There is no such notice any more.")
    return user, kinds, channel
