"""Chat: each person's own, by a service's fixed address or by one that they give. A module a service."""

from collections.abc import Mapping
from datetime import datetime

from notifications import messages
from notifications.channels import opened
from notifications.channels.chat import mattermost, ntfy, slack, teams, telegram, webhook
from notifications.channels.posting import hand_over
from notifications.models import Address, Delivery
from notifications.services import Service
from people import speech
from people.models import User

_CALLS = {one.SERVICE.code: one.call for one in (slack, teams, telegram, ntfy, mattermost, webhook)}


class Chat:
    name = "chat"
    label = "Chat"
    addresses: Mapping[str, Service] = {
        one.SERVICE.code: one.SERVICE for one in (slack, teams, telegram, ntfy, mattermost, webhook)
    }
    gateways: Mapping[str, Service] = {}

    def reaches(self, user: User, address: Address | None) -> bool:  # noqa: ARG002 (the protocol's)
        return address is not None and address.confirmed_at is not None

    def knows_again(self, delivery: Delivery) -> bool:
        row = Address.objects.filter(user=delivery.user, channel=self.name).first()
        return row is not None and self.addresses[row.service].knows_again(row.shown)

    def send(self, delivery: Delivery, *, now: datetime) -> str:
        row, config = opened.address(delivery)
        message = messages.of(delivery, row)
        with speech.to(delivery.user):
            call = _CALLS[row.service](config, message, now)
        hand_over(call, secrets=config, words=[message.title, message.body])
        return ""
