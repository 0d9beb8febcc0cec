"""Text messages to a person's confirmed number, by their team's account."""

import re
from collections.abc import Mapping
from datetime import datetime

from notifications import messages
from notifications.channels import opened, twilio
from notifications.channels.posting import hand_over
from notifications.models import Address, Delivery
from notifications.services import PHONE, Field, Service, matching
from people.models import User

_POOL = "MG[0-9a-fA-F]{32}"
_SENDER = "Write a number such as +15551234567, a name of up to 11 letters and digits, or a messaging service (MG…)."

TWILIO = Service(
    twilio.SERVICE,
    "Twilio",
    (
        *twilio.ACCOUNT,
        Field("sender", "Sender", matching(rf"\+[0-9]{{8,15}}|[A-Za-z0-9 ]{{1,11}}|{_POOL}", _SENDER)),
    ),
)


class Sms:
    name = "sms"
    label = "SMS"
    addresses: Mapping[str, Service] = {PHONE.code: PHONE}
    gateways: Mapping[str, Service] = {TWILIO.code: TWILIO}

    def reaches(self, user: User, address: Address | None) -> bool:  # noqa: ARG002 (the protocol's)
        return address is not None and address.served and address.confirmed_at is not None

    def knows_again(self, delivery: Delivery) -> bool:  # noqa: ARG002 (the protocol's)
        return False

    def send(self, delivery: Delivery, *, now: datetime) -> str:  # noqa: ARG002 (the protocol's)
        row, to = opened.address(delivery)
        account = opened.gateway(delivery)[1]
        sender = "MessagingServiceSid" if re.fullmatch(_POOL, account["sender"]) else "From"
        message = messages.of(delivery, row)
        fields = {"To": to["phone"], sender: account["sender"], "Body": messages.sms(message)}
        call = twilio.message(account, fields, delivery)
        return twilio.reference(hand_over(call, secrets={**account, **to}, words=[message.title, message.body]))
