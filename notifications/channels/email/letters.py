"""A notice as a mail: plain text, the same as HTML, and the headers by which servers know it again."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notifications.models import Delivery, Notification

Contents = Callable[[Notification], tuple[str, str] | None]
"""Text and HTML of a notice; None when what it is about is gone."""
_contents: dict[str, Contents] = {}


def register(kind: str, contents: Contents) -> None:
    """Lets a room above write the letters of a kind: where there is more to say than the notice does."""
    _contents[kind] = contents


def of(delivery: Delivery) -> EmailMultiAlternatives:
    """The same delivery makes the same letter, with the same Message-ID."""
    notice = delivery.notification
    own = _contents[notice.kind](notice) if notice.kind in _contents else None
    text, html = own or _plain(delivery)
    letter = EmailMultiAlternatives(
        subject=" ".join(notice.title.split()),
        body=text,
        to=[delivery.user.email],
        headers={"Message-ID": message_id(delivery), "Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(html, "text/html")
    return letter


def _plain(delivery: Delivery) -> tuple[str, str]:
    notice = delivery.notification
    context = {"notice": notice, "user": delivery.user, "link": _link(notice.path), "settings_link": _link(_SETTINGS)}
    return (
        render_to_string("notifications/letter.txt", context),
        render_to_string("notifications/letter.html", context),
    )


def message_id(delivery: Delivery) -> str:
    return f"<{delivery.pk}@{urlsplit(settings.BASE_URL).hostname}>"


_SETTINGS = "/settings/notifications"


def _link(path: str) -> str:
    return f"{settings.BASE_URL}{path}" if path else ""
