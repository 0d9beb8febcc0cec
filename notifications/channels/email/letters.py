"""A notice as a mail: plain text, the same as HTML, and the headers by which servers know it again."""

from collections.abc import Callable, Collection, Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notifications import bundles, links
from notifications.kinds import KINDS
from notifications.messages import INBOX, SETTINGS
from notifications.models import Delivery, Notification
from people import hours, speech
from people.models import User

NAME = "email"
_SHOWN = 50
"""So many notices are told in full: mail programs cut off what is over 100 KB, and nobody reads it."""
Contents = Callable[[Notification], tuple[str, str] | None]
"""Text and HTML of a notice; None when what it is about is gone."""
_contents: dict[str, Contents] = {}


def register(kind: str, contents: Contents) -> None:
    """Lets a room above write the letters of a kind: where there is more to say than the notice does."""
    _contents[kind] = contents


def of(delivery: Delivery) -> EmailMultiAlternatives:
    """The same delivery makes the same letter, with the same Message-ID, in its reader's language."""
    with speech.to(delivery.user):
        return _said(delivery)


def _said(delivery: Delivery) -> EmailMultiAlternatives:
    rows, notice = bundles.together(delivery), delivery.notification
    own = _contents[notice.kind](notice) if notice.kind in _contents and len(rows) == 1 else None
    title = speech.said(*bundles.titles([[row.notification for row in rows]]))
    text, html = own or _plain(delivery, rows, title)
    letter = EmailMultiAlternatives(
        subject=title,
        body=text,
        to=[delivery.user.email],
        headers={
            "Message-ID": message_id(delivery),
            "Auto-Submitted": "auto-generated",
            **_ways_out(delivery.user, _kinds(rows)),
        },
    )
    letter.attach_alternative(html, "text/html")
    return letter


def _plain(delivery: Delivery, rows: Sequence[Delivery], title: str) -> tuple[str, str]:
    kinds = _kinds(rows)
    context = {
        "title": title,
        "parts": [
            {
                "notice": row.notification,
                "link": _link(row.notification.path),
                "due": _due(row),
                "answer": links.of(row) if _may_answer(row) else "",
            }
            for row in rows[:_SHOWN]
        ],
        "more": len(rows) - _SHOWN if len(rows) > _SHOWN else 0,
        "inbox_link": _link(INBOX),
        "user": delivery.user,
        "settings_link": _link(SETTINGS),
        "no_more_link": links.to_unsubscribe(delivery.user, kinds, NAME) if kinds else "",
    }
    return (
        render_to_string("notifications/letter.txt", context),
        render_to_string("notifications/letter.html", context),
    )


def _kinds(rows: Sequence[Delivery]) -> set[str]:
    """What can be switched off of all that the letter tells of."""
    return {row.notification.kind for row in rows} & set(KINDS)


def _ways_out(user: User, kinds: Collection[str]) -> dict[str, str]:
    """How a mail program unsubscribes from all that the letter tells of; a test is sent only when asked for."""
    if not kinds:
        return {}
    return {
        "List-Unsubscribe": f"<{links.to_unsubscribe(user, kinds, NAME)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _may_answer(delivery: Delivery) -> bool:
    """Whether there is something that its reader may say done to."""
    task = delivery.notification.task
    return task is not None and task.is_open and task.assignee_id == delivery.user_id


def _due(delivery: Delivery) -> str:
    """When a new task is due, by its reader's clock; what is told because of a date says it itself."""
    notice = delivery.notification
    if notice.kind != Notification.ASSIGNED or notice.task is None or notice.task.due_date is None:
        return ""
    return speech.dated(notice.task.due_date.astimezone(hours.zone_of(delivery.user).zone), "D j N, H:i")


def message_id(delivery: Delivery) -> str:
    return f"<{delivery.pk}@{urlsplit(settings.BASE_URL).hostname}>"


def _link(path: str) -> str:
    return f"{settings.BASE_URL}{path}" if path else ""
