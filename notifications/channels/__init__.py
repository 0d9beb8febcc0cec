"""Ways to reach people outside the product: a folder each, all behind one method."""

from typing import Protocol

from notifications.models import Delivery
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

    def reaches(self, user: User) -> bool:
        """Whether something can be sent to this person: set up here, and with an address of theirs."""

    def send(self, delivery: Delivery) -> None:
        """Hands it over, under the delivery's id; returns once it was taken. Raises Postponed, Refused, Uncertain."""
