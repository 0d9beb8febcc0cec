"""Mail, by whatever Django's mail backend sends it: an SMTP server or a provider's API."""

import smtplib
from collections.abc import Mapping
from datetime import datetime

from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notifications.channels import Postponed, Refused, Uncertain
from notifications.channels.email import letters
from notifications.models import Address, Delivery
from notifications.services import Service
from people.models import User

_TRY_AGAIN = range(400, 500)
"""SMTP answers by which a server says that it may take it later."""
_TOO_MANY, _BROKEN = 429, 500


class Email:
    name = letters.NAME
    label = "E-mail"
    addresses: Mapping[str, Service] = {}
    gateways: Mapping[str, Service] = {}

    def reaches(self, user: User, address: Address | None) -> bool:  # noqa: ARG002 (the person's own row has it)
        return settings.MAILS and bool(user.email)

    def knows_again(self, delivery: Delivery) -> bool:  # noqa: ARG002 (the protocol's)
        return False

    def send(self, delivery: Delivery, *, now: datetime) -> str:  # noqa: ARG002 (the protocol's)
        letter = letters.of(delivery)
        connection = get_connection()
        try:
            connection.open()
        except (OSError, smtplib.SMTPException) as error:  # nothing of it was handed over yet
            raise Postponed(f"The mail server does not answer: {error}") from error
        letter.connection = connection
        try:
            letter.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise _answered(code, words) from error
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, error.smtp_error) from error
        except AnymailRecipientsRefused as error:
            raise Refused(f"The mail provider refused the address: {error}") from error
        except AnymailAPIError as error:
            raise _refused_by_provider(error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Uncertain(f"The connection was lost while the mail was handed over: {error}") from error
        finally:
            connection.close()
        return _reference(letter)


def _reference(letter: EmailMultiAlternatives) -> str:
    """What a provider calls it in its reports; of a server without any, the Message-ID."""
    status = getattr(letter, "anymail_status", None)
    known = status.message_id if status is not None else None
    return str(known if isinstance(known, str) else letter.extra_headers["Message-ID"]).strip("<>")


def _answered(code: int, words: bytes | str) -> Exception:
    said = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    if code in _TRY_AGAIN:
        return Postponed(f"The mail server asks to try again: {said}")
    return Refused(f"The mail server refused it: {said}")


def _never_began(error: AnymailAPIError) -> bool:
    """Whether there was no connection over which anything could have been handed over."""
    args = getattr(error.__cause__, "args", ())
    reason = getattr(args[0], "reason", None) if args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _refused_by_provider(error: AnymailAPIError) -> Exception:
    status = error.status_code
    if _never_began(error):
        return Postponed(f"The mail provider does not answer: {error}")
    if status is None:
        return Uncertain(f"The mail provider's answer was lost: {error}")
    if status == _TOO_MANY:
        return Postponed("The mail provider asks to try again later (429).")
    if status >= _BROKEN:
        return Uncertain(f"The mail provider failed ({status}) and does not say whether it took the mail.")
    return Refused(f"The mail provider refused it ({status}): {error}")
