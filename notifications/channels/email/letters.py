"""A notice as a mail: plain text, the same as HTML, and the headers by which servers know it again."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notifications.models import Delivery


def of(delivery: Delivery) -> EmailMultiAlternatives:
    """The same delivery makes the same letter, with the same Message-ID."""
    notice = delivery.notification
    context = {"notice": notice, "user": delivery.user, "link": _link(notice.path), "settings_link": _link(_SETTINGS)}
    letter = EmailMultiAlternatives(
        subject=" ".join(notice.title.split()),
        body=render_to_string("notifications/letter.txt", context),
        to=[delivery.user.email],
        headers={"Message-ID": message_id(delivery), "Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(render_to_string("notifications/letter.html", context), "text/html")
    return letter


def message_id(delivery: Delivery) -> str:
    return f"<{delivery.pk}@{urlsplit(settings.BASE_URL).hostname}>"


_SETTINGS = "/settings/notifications"


def _link(path: str) -> str:
    return f"{settings.BASE_URL}{path}" if path else ""
