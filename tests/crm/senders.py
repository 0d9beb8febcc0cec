"""Mail providers as seen from outside: each says the same events in its own words, and signs them as it does."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
PASSWORD = "nextmove:a long password"
KEY = "key-of-this-account"
SVIX = "whsec_" + base64.b64encode(b"nextmove's own secret, 32 bytes.").decode()
BOUNDARY = "----nextmove-boundary"


@dataclass(frozen=True)
class Said:
    """One thing that happened to a mail. `broken` is an event that nobody can read."""

    kind: str
    number: int = 1
    email: str = "ann@example.com"
    at: int = 1_781_690_400
    url: str = "https://example.org/offer"
    message: str = "m-1"
    broken: bool = False

    @property
    def iso(self) -> str:
        return datetime.fromtimestamp(self.at, UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Mail:
    """What a person, or a program, wrote to us."""

    sender: str = "ann@example.com"
    subject: str = "Re: Our offer"
    text: str = "Yes, please call me."
    message_id: str = "<reply-1@example.com>"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def all_headers(self) -> list[tuple[str, str]]:
        return [
            ("From", f"Ann Lee <{self.sender}>"),
            ("To", "sales@example.org"),
            ("Subject", self.subject),
            ("Date", "Wed, 17 Jun 2026 09:58:00 +0000"),
            ("Message-ID", self.message_id),
            ("In-Reply-To", "<m-1@example.org>"),
            ("References", "<m-0@example.org> <m-1@example.org>"),
            *self.headers,
        ]

    @property
    def mime(self) -> str:
        lines = [f"{name}: {value}" for name, value in self.all_headers]
        return "\r\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", self.text])


@dataclass(frozen=True)
class Post:
    """One request of a provider."""

    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(document: Any, **headers: str) -> Post:
    return Post(json.dumps(document).encode(), headers=headers)


def as_form(fields: dict[str, str]) -> Post:
    return Post(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def as_multipart(fields: dict[str, str]) -> Post:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return Post(f"{''.join(parts)}--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}")


@dataclass(frozen=True)
class Sender:
    """`tracking` and `inbound` say it; `keys` and `sign` prove it: `sign(post, url, now, right)`."""

    name: str
    tracking: Callable[[Sequence[Said]], list[Post]]
    inbound: Callable[[Mail], Post] | None
    keys: Callable[[], dict[str, str]]
    sign: Callable[[Post, str, datetime, bool], Post]
    replayable: bool = True
    """Whether nothing in its signature names a time."""


def with_headers(post: Post, **headers: str) -> Post:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Post(post.body, post.content_type, post.headers | named)


def basic(post: Post, url: str, now: datetime, right: bool) -> Post:
    password = PASSWORD if right else "nextmove:guessed"
    return with_headers(post, Authorization="Basic " + base64.b64encode(password.encode()).decode())


def hmac_header(name: str) -> Callable[[Post, str, datetime, bool], Post]:
    def sign(post: Post, url: str, now: datetime, right: bool) -> Post:
        key = KEY if right else "another key"
        return with_headers(post, **{name: hmac.new(key.encode(), post.body, hashlib.sha256).hexdigest()})

    return sign


def each(make: Callable[[Said], Any]) -> Callable[[Sequence[Said]], list[Post]]:
    """A provider that sends one event a request."""
    return lambda events: [as_json({"nothing": "of use"} if said.broken else make(said)) for said in events]


def listed(make: Callable[[Said], Any], wrap: Callable[[list[Any]], Any] = lambda events: events) -> Any:
    """A provider that sends a list of them."""
    return lambda events: [as_json(wrap([7 if said.broken else make(said) for said in events]))]


def no_keys() -> dict[str, str]:
    return {"webhook_secret": PASSWORD}


# Amazon SES -----------------------------------------------------------------------------------------------------------

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"


def sns(message: Any, number: str, kind: str = "Notification") -> Post:
    body = {
        "Type": kind,
        "MessageId": number,
        "TopicArn": TOPIC,
        "Timestamp": "2026-06-17T10:00:00.000Z",
        "Message": message if isinstance(message, str) else json.dumps(message),
    }
    return as_json(body, **{"x-amz-sns-message-type": kind, "x-amz-sns-message-id": number})


def ses_event(said: Said) -> Any:
    kind = {"opened": "Open", "clicked": "Click", "bounced": "Bounce", "delivered": "Delivery"}[said.kind]
    about = {
        "opened": {"userAgent": BROWSER, "timestamp": said.iso},
        "clicked": {"userAgent": BROWSER, "link": said.url, "timestamp": said.iso},
        "bounced": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [{"emailAddress": said.email, "diagnosticCode": "smtp; 550 no such user"}],
        },
        "delivered": {"recipients": [said.email], "smtpResponse": "250 OK"},
    }[said.kind]
    return {
        "eventType": kind,
        "mail": {"messageId": said.message, "destination": [said.email], "headers": []},
        kind.lower(): about,
    }


def ses_tracking(events: Sequence[Said]) -> list[Post]:
    return [sns("no event" if said.broken else ses_event(said), f"sns-{said.number}") for said in events]


def ses_inbound(mail: Mail) -> Post:
    received = {
        "notificationType": "Received",
        "mail": {"messageId": "ses-in-1", "source": mail.sender, "timestamp": "2026-06-17T09:58:00.000Z"},
        "receipt": {"action": {"type": "SNS", "encoding": "BASE64"}, "recipients": ["sales@example.org"]},
        "content": base64.b64encode(mail.mime.encode()).decode(),
    }
    return sns(received, "sns-in-1")


# Brevo ----------------------------------------------------------------------------------------------------------------


def brevo_event(said: Said) -> Any:
    kind = {"opened": "opened", "clicked": "click", "bounced": "hard_bounce", "delivered": "delivered"}[said.kind]
    event = {
        "event": kind,
        "email": said.email,
        "message-id": f"<{said.message}@smtp-relay.example>",
        "ts_epoch": said.at * 1000,
        "tags": ["offer"],
    }
    return event | ({"link": said.url} if said.kind == "clicked" else {})


def brevo_inbound(mail: Mail) -> Post:
    item = {
        "Uuid": ["b-1"],
        "MessageId": mail.message_id,
        "Headers": dict(mail.all_headers),
        "RawTextBody": mail.text,
        "Attachments": [{"Name": "a.pdf", "ContentType": "application/pdf", "DownloadToken": "t"}],
    }
    return as_json({"items": [item]})


# MailerSend -----------------------------------------------------------------------------------------------------------


def mailersend_event(said: Said) -> Any:
    kind = {"opened": "opened", "clicked": "clicked", "bounced": "hard_bounced", "delivered": "delivered"}[said.kind]
    morph = {
        "clicked": {"object": "click", "url": said.url, "ip": "192.0.2.1"},
        "opened": {"object": "open", "ip": "192.0.2.1"},
        "bounced": {"object": "recipient_bounce", "reason": "550 no such user"},
        "delivered": None,
    }[said.kind]
    data = {
        "object": "activity",
        "id": f"ms-{said.number}",
        "type": kind,
        "created_at": said.iso,
        "email": {"message": {"id": said.message}, "recipient": {"email": said.email}, "tags": ["offer"]},
        "morph": morph,
    }
    return {"type": f"activity.{kind}", "data": data}


def mailersend_inbound(mail: Mail) -> Post:
    data = {
        "object": "message",
        "id": "ms-in-1",
        "created_at": "2026-06-17T09:58:00.000000Z",
        "raw": mail.mime,
        "sender": {"email": mail.sender},
        "recipients": {"rcptTo": [{"email": "sales@example.org"}]},
    }
    return as_json({"type": "inbound.message", "data": data})


# Mailgun --------------------------------------------------------------------------------------------------------------


def mailgun_event(said: Said) -> Any:
    kind = {"opened": "opened", "clicked": "clicked", "bounced": "failed", "delivered": "delivered"}[said.kind]
    data: dict[str, Any] = {
        "event": kind,
        "timestamp": said.at + 0.5,
        "recipient": said.email,
        "message": {"headers": {"message-id": f"{said.message}@example.org"}},
        "tags": ["offer"],
        "user-variables": {"deal": "7"},
    }
    if said.kind == "bounced":
        data |= {"severity": "permanent", "reason": "bounce", "delivery-status": {"message": "550 no such user"}}
    if said.kind in ("opened", "clicked"):
        data["client-info"] = {"user-agent": BROWSER, "bot": ""}
    if said.kind == "clicked":
        data["url"] = said.url
    return {"signature": {"token": f"mg-{said.number}", "timestamp": "0", "signature": ""}, "event-data": data}


def mailgun_inbound(mail: Mail) -> Post:
    return as_multipart(
        {
            "sender": mail.sender,
            "recipient": "sales@example.org",
            "message-headers": json.dumps(mail.all_headers),
            "body-plain": mail.text,
            "stripped-text": mail.text,
            "timestamp": "1781690280",
            "token": "mg-in-1",
            "signature": "",
        }
    )


def mailgun_sign(post: Post, url: str, now: datetime, right: bool) -> Post:
    key, timestamp = (KEY if right else "another key"), str(int(now.timestamp()))

    def signature(token: str) -> str:
        return hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()

    if post.content_type == "application/json":
        body = json.loads(post.body)
        if "signature" in body:
            token = body["signature"]["token"]
            body["signature"] = {"token": token, "timestamp": timestamp, "signature": signature(token)}
        return Post(json.dumps(body).encode(), headers=post.headers)
    text = post.body.decode().replace('name="timestamp"\r\n\r\n1781690280', f'name="timestamp"\r\n\r\n{timestamp}')
    text = text.replace('name="signature"\r\n\r\n', f'name="signature"\r\n\r\n{signature("mg-in-1")}')
    return Post(text.encode(), post.content_type, post.headers)


# Mailjet --------------------------------------------------------------------------------------------------------------


def mailjet_event(said: Said) -> Any:
    kind = {"opened": "open", "clicked": "click", "bounced": "bounce", "delivered": "sent"}[said.kind]
    event: dict[str, Any] = {"event": kind, "time": said.at, "MessageID": 7000 + len(said.message), "email": said.email}
    if said.kind == "bounced":
        event |= {"hard_bounce": True, "error": "user unknown", "error_related_to": "recipient"}
    if said.kind in ("opened", "clicked"):
        event["agent"] = BROWSER
    return event | ({"url": said.url} if said.kind == "clicked" else {})


def mailjet_inbound(mail: Mail) -> Post:
    return as_json(
        {
            "Sender": mail.sender,
            "Recipient": "sales@example.org",
            "Headers": dict(mail.all_headers),
            "Parts": [],
            "Text-part": mail.text,
        }
    )


# Mailtrap -------------------------------------------------------------------------------------------------------------


def mailtrap_event(said: Said) -> Any:
    kind = {"opened": "open", "clicked": "click", "bounced": "bounce", "delivered": "delivery"}[said.kind]
    event = {
        "event": kind,
        "event_id": f"mt-{said.number}",
        "message_id": said.message,
        "email": said.email,
        "timestamp": said.at,
        "category": "offer",
    }
    if said.kind in ("opened", "clicked"):
        event["user_agent"] = BROWSER
    return event | ({"url": said.url} if said.kind == "clicked" else {})


def mailtrap_inbound(mail: Mail) -> Post:
    event = {"event": "inbound.message_received", "event_id": "mt-e", "timestamp": 1781690280000, "inbox_id": 42}
    return as_json({"events": [event | {"message_id": "mt-in-1"}]})


# Mandrill -------------------------------------------------------------------------------------------------------------


def mandrill_event(said: Said) -> Any:
    kind = {"opened": "open", "clicked": "click", "bounced": "hard_bounce", "delivered": "send"}[said.kind]
    event = {
        "event": kind,
        "_id": said.message,
        "ts": said.at,
        "msg": {"email": said.email, "tags": ["offer"], "metadata": {"deal": "7"}},
    }
    if said.kind in ("opened", "clicked"):
        event["user_agent"] = BROWSER
    return event | ({"url": said.url} if said.kind == "clicked" else {})


def mandrill_tracking(events: Sequence[Said]) -> list[Post]:
    return [as_form({"mandrill_events": json.dumps([7 if said.broken else mandrill_event(said) for said in events])})]


def mandrill_inbound(mail: Mail) -> Post:
    event = {"event": "inbound", "ts": 1781690280, "msg": {"raw_msg": mail.mime, "email": "sales@example.org"}}
    return as_form({"mandrill_events": json.dumps([event])})


def mandrill_sign(post: Post, url: str, now: datetime, right: bool) -> Post:
    from urllib.parse import parse_qsl

    signed = url + "".join(name + value for name, value in sorted(parse_qsl(post.body.decode())))
    digest = hmac.new((KEY if right else "another").encode(), signed.encode(), hashlib.sha1).digest()
    return with_headers(post, X_Mandrill_Signature=base64.b64encode(digest).decode())


# Postal ---------------------------------------------------------------------------------------------------------------


@cache
def rsa_key() -> Any:
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def public(key: Any) -> str:
    shape = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, shape).decode()
    return "".join(line for line in pem.splitlines() if not line.startswith("-"))


def postal_event(said: Said) -> Any:
    kind = {"opened": "MessageLoaded", "clicked": "MessageLinkClicked", "bounced": "MessageBounced"}
    message = {"id": len(said.message), "to": said.email, "direction": "outgoing", "tag": "offer"}
    payload: dict[str, Any] = {"message": message}
    if said.kind == "bounced":
        payload = {"original_message": message, "bounce": {"id": 9}}
    elif said.kind == "delivered":
        payload |= {"status": "Sent", "output": "250 OK"}
    else:
        payload["user_agent"] = BROWSER
    if said.kind == "clicked":
        payload["url"] = said.url
    event = kind.get(said.kind, "MessageSent")
    return {"event": event, "timestamp": said.at + 0.25, "uuid": f"postal-{said.number}", "payload": payload}


def postal_inbound(mail: Mail) -> Post:
    raw = base64.b64encode(mail.mime.encode()).decode()
    message = {"id": 12, "mail_from": mail.sender, "rcpt_to": "sales@example.org", "message": raw, "base64": True}
    return as_json(message)


def postal_sign(post: Post, url: str, now: datetime, right: bool) -> Post:
    signature = rsa_key().sign(post.body if right else b"else", padding.PKCS1v15(), hashes.SHA1())
    return with_headers(post, X_Postal_Signature=base64.b64encode(signature).decode())


# Postmark -------------------------------------------------------------------------------------------------------------


def postmark_event(said: Said) -> Any:
    common = {"MessageID": said.message, "Metadata": {"deal": "7"}, "Tag": "offer"}
    return {
        "opened": common
        | {
            "RecordType": "Open",
            "Recipient": said.email,
            "ReceivedAt": said.iso,
            "UserAgent": BROWSER,
            "FirstOpen": True,
        },
        "clicked": common
        | {
            "RecordType": "Click",
            "Recipient": said.email,
            "ReceivedAt": said.iso,
            "UserAgent": BROWSER,
            "OriginalLink": said.url,
        },
        "bounced": common
        | {"RecordType": "Bounce", "Type": "HardBounce", "ID": said.number, "Email": said.email, "BouncedAt": said.iso},
        "delivered": common | {"RecordType": "Delivery", "Recipient": said.email, "DeliveredAt": said.iso},
    }[said.kind]


def postmark_inbound(mail: Mail) -> Post:
    headers = [
        {"Name": name, "Value": value} for name, value in mail.all_headers if name not in ("From", "To", "Subject")
    ]
    return as_json(
        {
            "FromFull": {"Email": mail.sender, "Name": "Ann Lee"},
            "ToFull": [{"Email": "sales@example.org", "Name": ""}],
            "OriginalRecipient": "sales@example.org",
            "Subject": mail.subject,
            "MessageID": "pm-in-1",
            "TextBody": mail.text,
            "StrippedTextReply": mail.text,
            "Headers": headers,
            "Attachments": [],
        }
    )


# Resend ---------------------------------------------------------------------------------------------------------------


def resend_event(said: Said) -> Any:
    data: dict[str, Any] = {"email_id": said.message, "to": [said.email], "headers": []}
    if said.kind == "clicked":
        data["click"] = {"link": said.url, "userAgent": BROWSER, "timestamp": said.iso}
    if said.kind == "bounced":
        data["bounce"] = {"message": "a hard bounce message was sent", "type": "Permanent", "subType": "General"}
    return {"type": f"email.{said.kind}", "created_at": said.iso, "data": data}


def resend_tracking(events: Sequence[Said]) -> list[Post]:
    return [
        as_json({"type": 7} if said.broken else resend_event(said), **{"svix-id": f"svix-{said.number}"})
        for said in events
    ]


def resend_inbound(mail: Mail) -> Post:
    event = {"type": "email.received", "created_at": "2026-06-17T09:58:00Z", "data": {"email_id": "re-in-1"}}
    return as_json(event, **{"svix-id": "svix-in-1"})


def resend_sign(post: Post, url: str, now: datetime, right: bool) -> Post:
    secret = base64.b64decode(SVIX.removeprefix("whsec_")) if right else b"another"
    timestamp = str(int(now.timestamp()))
    signed = f"{post.headers['svix-id']}.{timestamp}.".encode() + post.body
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return with_headers(post, **{"svix-timestamp": timestamp, "svix-signature": f"v1,{digest}"})


# SendGrid -------------------------------------------------------------------------------------------------------------


def sendgrid_event(said: Said) -> Any:
    kind = {"opened": "open", "clicked": "click", "bounced": "bounce", "delivered": "delivered"}[said.kind]
    event: dict[str, Any] = {
        "event": kind,
        "email": said.email,
        "timestamp": said.at,
        "sg_event_id": f"sg-{said.number}",
        "smtp-id": f"<{said.message}@example.org>",
        "category": ["offer"],
    }
    if said.kind == "bounced":
        event |= {"type": "bounce", "reason": "550 no such user"}
    if said.kind in ("opened", "clicked"):
        event["useragent"] = BROWSER
    return event | ({"url": said.url} if said.kind == "clicked" else {})


def sendgrid_inbound(mail: Mail) -> Post:
    headers = "\r\n".join(f"{name}: {value}" for name, value in mail.all_headers)
    envelope = json.dumps({"from": mail.sender, "to": ["sales@example.org"]})
    return as_multipart({"headers": headers, "text": mail.text, "envelope": envelope, "charsets": '{"text": "UTF-8"}'})


def sendgrid_sign(post: Post, url: str, now: datetime, right: bool) -> Post:
    if post.content_type != "application/json":
        return basic(post, url, now, right)
    timestamp = str(int(now.timestamp()))
    signed = timestamp.encode() + (post.body if right else b"else")
    signature = base64.b64encode(ec_key().sign(signed, ec.ECDSA(hashes.SHA256()))).decode()
    prefix = "X-Twilio-Email-Event-Webhook-"
    proven = with_headers(post, **{f"{prefix}Signature": signature, f"{prefix}Timestamp": timestamp})
    return basic(proven, url, now, right)


# SparkPost ------------------------------------------------------------------------------------------------------------


def sparkpost_event(said: Said) -> Any:
    kind = {"opened": "open", "clicked": "click", "bounced": "bounce", "delivered": "delivery"}[said.kind]
    event = {
        "type": kind,
        "event_id": f"sp-{said.number}",
        "timestamp": str(said.at),
        "transmission_id": said.message,
        "raw_rcpt_to": said.email,
        "campaign_id": "offer",
        "rcpt_meta": {"deal": "7"},
    }
    if said.kind == "bounced":
        event |= {"bounce_class": "10", "raw_reason": "550 no such user"}
    if said.kind in ("opened", "clicked"):
        event["user_agent"] = BROWSER
    if said.kind == "clicked":
        event["target_link_url"] = said.url
    return {"msys": {"track_event" if said.kind in ("opened", "clicked") else "message_event": event}}


def sparkpost_inbound(mail: Mail) -> Post:
    message = {
        "protocol": "smtp",
        "msg_from": mail.sender,
        "rcpt_to": "sales@example.org",
        "content": {"email_rfc822": mail.mime, "email_rfc822_is_base64": False},
    }
    return as_json([{"msys": {"relay_message": message}}])


# Unisender Go ---------------------------------------------------------------------------------------------------------


def unisender_event(said: Said) -> Any:
    kind = {"opened": "opened", "clicked": "clicked", "bounced": "hard_bounced", "delivered": "delivered"}[said.kind]
    data: dict[str, Any] = {
        "job_id": said.message,
        "email": said.email,
        "status": kind,
        "event_time": datetime.fromtimestamp(said.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "metadata": {"deal": "7"},
        "delivery_info": {"user_agent": BROWSER},
    }
    if said.kind == "bounced":
        data["delivery_info"] = {"delivery_status": "err_user_unknown", "destination_response": "550"}
    if said.kind == "clicked":
        data["url"] = said.url
    return {"event_name": "transactional_email_status", "event_data": data}


def unisender_tracking(events: Sequence[Said]) -> list[Post]:
    named = [7 if said.broken else unisender_event(said) for said in events]
    return [as_json({"auth": "-", "events_by_user": [{"user_id": 456, "events": named}]})]


def unisender_sign(post: Post, url: str, now: datetime, right: bool) -> Post:
    # The hash stands in the body that it is of, with the key in its place while it is made.
    body = post.body.replace(b'"auth": "-"', f'"auth": "{KEY if right else "another"}"'.encode())
    digest = hashlib.md5(body).hexdigest()
    return Post(post.body.replace(b'"auth": "-"', f'"auth": "{digest}"'.encode()), headers=post.headers)


SENDERS = [
    Sender("amazon_ses", ses_tracking, ses_inbound, no_keys, basic),
    Sender("brevo", each(brevo_event), brevo_inbound, no_keys, basic),
    Sender(
        "mailersend",
        each(mailersend_event),
        mailersend_inbound,
        lambda: {"signing_secret": KEY, "inbound_secret": KEY},
        hmac_header("Signature"),
    ),
    Sender(
        "mailgun",
        each(mailgun_event),
        mailgun_inbound,
        lambda: {"webhook_signing_key": KEY},
        mailgun_sign,
        replayable=False,
    ),
    Sender("mailjet", listed(mailjet_event), mailjet_inbound, no_keys, basic),
    Sender(
        "mailtrap",
        listed(mailtrap_event, lambda events: {"events": events}),
        mailtrap_inbound,
        lambda: {"tracking_secret": KEY, "inbound_secret": KEY, "api_token": "token"},
        hmac_header("Mailtrap-Signature"),
    ),
    Sender("mandrill", mandrill_tracking, mandrill_inbound, lambda: {"webhook_key": KEY}, mandrill_sign),
    Sender("postal", each(postal_event), postal_inbound, lambda: {"webhook_key": public(rsa_key())}, postal_sign),
    Sender("postmark", each(postmark_event), postmark_inbound, no_keys, basic),
    Sender(
        "resend",
        resend_tracking,
        resend_inbound,
        lambda: {"signing_secret": SVIX, "inbound_secret": SVIX, "api_key": "key"},
        resend_sign,
        replayable=False,
    ),
    Sender(
        "sendgrid",
        listed(sendgrid_event),
        sendgrid_inbound,
        lambda: {"tracking_webhook_verification_key": public(ec_key()), "webhook_secret": PASSWORD},
        sendgrid_sign,
        replayable=False,
    ),
    Sender("sparkpost", listed(sparkpost_event), sparkpost_inbound, no_keys, basic),
    Sender("unisender_go", unisender_tracking, None, lambda: {"api_key": KEY}, unisender_sign),
]
