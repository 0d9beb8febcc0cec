"""WhatsApp to a person's confirmed number, by their team's account. A module a service."""

from collections.abc import Mapping
from datetime import datetime

from notifications import messages
from notifications.channels import opened
from notifications.channels.posting import hand_over
from notifications.channels.whatsapp import by_twilio, cloud
from notifications.models import Address, Delivery
from notifications.services import PHONE, Service
from people.models import User

_SERVICES = {one.SERVICE.code: one for one in (cloud, by_twilio)}


class WhatsApp:
    name = "whatsapp"
    label = "WhatsApp"
    addresses: Mapping[str, Service] = {PHONE.code: PHONE}
    gateways: Mapping[str, Service] = {code: one.SERVICE for code, one in _SERVICES.items()}

    def reaches(self, user: User, address: Address | None) -> bool:  # noqa: ARG002 (the protocol's)
        return address is not None and address.served and address.confirmed_at is not None

    def knows_again(self, delivery: Delivery) -> bool:  # noqa: ARG002 (the protocol's)
        return False

    def send(self, delivery: Delivery, *, now: datetime) -> str:  # noqa: ARG002 (the protocol's)
        row, to = opened.address(delivery)
        gateway, account = opened.gateway(delivery)
        message = messages.of(delivery, row)
        service = _SERVICES[gateway.service]
        call = service.call(account, message, to["phone"], delivery)
        return service.reference(hand_over(call, secrets={**account, **to}, words=[message.title, message.body]))
