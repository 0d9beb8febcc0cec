"""What a service reports of messages that it took, and the address at which it does.

The address is signed and names a team's account; what comes to it is believed only when the service has signed it too.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing

from jobs import outgoing

PATH = "/hooks/messages"
# A point, since the address stands in forms that escape a colon.
_ADDRESS = signing.Signer(sep=".", salt="notifications.reporting")


class Forged(Exception):
    """Nothing proves that the service sent this."""


class NotReady(Exception):
    """Nothing can be checked yet; the message says what has to be entered here first."""


class Unclear(ValueError):
    """It is the service's, and cannot be read."""


@dataclass(frozen=True)
class Asked:
    """A request of the service. `url` is the address as the service was given it, with what it has behind the ?."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Report:
    """What became of one message: a state of a delivery, and why.

    `reference` is by what the service knows the message; `own` is the delivery's id, where the service says it back.
    """

    state: str
    reference: str
    own: str
    why: str = ""


def address_of(team_id: int, channel: str) -> str:
    """Where the service of a team's account reports; empty where this installation cannot be reached from outside.

    Twilio refuses a message that names an address of an own network.
    """
    where = urlsplit(settings.BASE_URL)
    is_reached = where.scheme == "https" and _is_public(str(where.hostname))
    return f"{settings.BASE_URL}{PATH}/{named(team_id, channel)}" if is_reached else ""


def _is_public(host: str) -> bool:
    """Whether somebody outside may reach it by this name, whatever the operator lets be called from here."""
    if "." not in host:
        return False
    try:
        return outgoing.is_public(ipaddress.ip_address(host))
    except ValueError:
        return True


def named(team_id: int, channel: str) -> str:
    """The last part of the address, which nobody else makes."""
    return _ADDRESS.sign(f"{channel}.{team_id}")


def read_address(said: str) -> tuple[int, str] | None:
    """The team and the channel that an address of ours names; None for any other."""
    try:
        channel, team_id = _ADDRESS.unsign(said).split(".")
    except (signing.BadSignature, ValueError):
        return None
    return int(team_id), channel
