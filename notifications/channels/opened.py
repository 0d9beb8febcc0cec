"""The address and the gateway that a delivery needs, with their secrets opened for the one call."""

from notifications.channels import Refused
from notifications.models import Address, Delivery, Gateway, Sealed
from notifications.services import Config
from people import sealing


def address(delivery: Delivery) -> tuple[Address, Config]:
    """Raises Refused."""
    row = Address.objects.filter(user=delivery.user, channel=delivery.channel).first()
    if row is None:
        raise Refused("There is no address to send it to any more.")
    return row, _config(row)


def gateway(delivery: Delivery) -> tuple[Gateway, Config]:
    """Raises Refused."""
    row = Gateway.objects.filter(team_id=delivery.user.team_id, channel=delivery.channel).first()
    if row is None:
        raise Refused("The team has no account for this any more: a manager enters one under Settings, Channels.")
    return row, _config(row)


def _config(row: Sealed) -> Config:
    try:
        return row.config
    except sealing.Unreadable as fault:
        raise Refused(str(fault)) from None
