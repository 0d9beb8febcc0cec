"""Ways to reach people outside the product: a folder each, all behind one method."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from notifications.models import Address, Delivery
from notifications.services import Service
from people.models import User


class Postponed(Exception):
    """It was certainly not taken, and may be later: the job tries again."""


class Refused(Exception):
    """It was certainly not taken, and never will be; the message says why."""


class Uncertain(Exception):
    """Nobody can say whether it was taken; the message says what happened."""


class Channel(Protocol):
    """One way to reach people."""

    name: str
    label: str
    addresses: Mapping[str, Service]
    """What a person may give to be reached; empty where the person's own row has it."""
    gateways: Mapping[str, Service]
    """What a team needs of its own; empty where it needs nothing."""

    def reaches(self, user: User, address: Address | None) -> bool:
        """Whether something can be sent to this person: set up here, and with an address of theirs."""

    def knows_again(self, delivery: Delivery) -> bool:
        """Whether the other side takes a second message under the delivery's id for the first."""

    def send(self, delivery: Delivery, *, now: datetime) -> str:
        """Hands it over with all that comes in its message (`bundles.together`), under the delivery's id.

        Returns once it was taken: by what the other side knows it and may speak of it later, or empty. Raises
        Postponed, Refused, Uncertain.
        """
