"""Mail, by whatever Django's mail backend sends it: an SMTP server or a provider's API."""

import smtplib

from anymail.exceptions import AnymailAPIError
from django.conf import settings
from django.core.mail import get_connection

from notifications.channels import Postponed, Refused, Uncertain
from notifications.channels.email import letters
from notifications.models import Delivery
from people.models import User

NAME = "email"
_TRY_AGAIN = range(400, 500)
"""SMTP answers by which a server says that it may take it later."""
_TOO_MANY, _BROKEN = 429, 500


class Email:
    name = NAME

    def reaches(self, user: User) -> bool:
        return settings.MAILS and bool(user.email)

    def send(self, delivery: Delivery) -> None:
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
        except AnymailAPIError as error:
            raise _refused_by_provider(error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Uncertain(f"The connection was lost while the mail was handed over: {error}") from error
        finally:
            connection.close()


def _answered(code: int, words: bytes | str) -> Exception:
    said = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    if code in _TRY_AGAIN:
        return Postponed(f"The mail server asks to try again: {said}")
    return Refused(f"The mail server refused it: {said}")


def _refused_by_provider(error: AnymailAPIError) -> Exception:
    status = error.status_code
    if status is None:
        return Uncertain(f"The mail provider's answer was lost: {error}")
    if status == _TOO_MANY:
        return Postponed("The mail provider asks to try again later (429).")
    if status >= _BROKEN:
        return Uncertain(f"The mail provider failed ({status}) and does not say whether it took the mail.")
    return Refused(f"The mail provider refused it ({status}): {error}")
