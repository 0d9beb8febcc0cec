"""WhatsApp by Twilio: an approved template or, to somebody who wrote in the last 24 hours, plain text."""

import json

from notifications.channels import twilio
from notifications.channels.posting import Call
from notifications.channels.twilio import reference
from notifications.messages import Message
from notifications.models import Delivery
from notifications.services import Config, Field, Service, matching, phone

_TEMPLATE = "Write the template's Content SID: HX and 32 letters and digits."

__all__ = ["SERVICE", "call", "reference"]

SERVICE = Service(
    twilio.SERVICE,
    "Twilio",
    (
        *twilio.ACCOUNT,
        Field("sender", "Sender's number", phone),
        Field(
            "template",
            "Template (Content SID)",
            matching(r"HX[0-9a-fA-F]{32}", _TEMPLATE),
            "An approved one whose text has {{1}}. Without it only those are reached who wrote to the number in the "
            "last 24 hours",
            required=False,
        ),
    ),
)


def call(account: Config, message: Message, to: str, delivery: Delivery) -> Call:
    fields = {"To": f"whatsapp:{to}", "From": f"whatsapp:{account['sender']}"}
    if account["template"]:
        fields |= {"ContentSid": account["template"], "ContentVariables": json.dumps({"1": message.line})}
    else:
        fields["Body"] = message.text
    return twilio.message(account, fields, delivery)
