"""What a mail provider reports of letters that we sent to people: a bounce or a complaint goes to their rows."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from crm.intake import Incoming
from crm.models import Activity
from notifications import outbox
from notifications.messages import SETTINGS
from notifications.models import Delivery, Notification
from people.models import Team

_LONGEST = 255
SETTLED = (Delivery.SENT, Delivery.UNKNOWN, Delivery.SENDING)
"""What may turn out not to have arrived."""


def take(team: Team, events: Sequence[Incoming], now: datetime) -> set[int]:
    """The places of those events that are about letters of ours, not about a contact; asking again changes nothing.

    `team` is whose source told it. By an id that somebody could guess, for it follows from ours, only letters to the
    team's own people are found.
    """
    references = {_reference(event): place for place, event in enumerate(events) if _reference(event)}
    rows = Delivery.objects.filter(channel="email", reference__in=references).select_related("user__team")
    rows = rows.exclude(reference="")  # lets SQLite take the index, which has no others
    found: dict[str, list[Delivery]] = {}
    for row in rows.order_by("pk"):
        if row.user.team_id == team.pk or str(row.pk) not in row.reference:
            found.setdefault(row.reference, []).append(row)
    taken = {place for place, event in enumerate(events) if _reference(event) in found}
    for place in sorted(taken):
        _follow(events[place], found[_reference(events[place])], now)
    return taken


def _reference(event: Incoming) -> str:
    said = event.data.get("message_id") if isinstance(event.data, dict) else None
    found = said.strip("<>") if isinstance(said, str) else ""
    return found if found.isprintable() and len(found) <= _LONGEST else ""


def _follow(event: Incoming, rows: Sequence[Delivery], now: datetime) -> None:
    why = _why(event)
    mine = [row for row in rows if row.user.email.lower() == event.contact_email.lower()]
    if not why or not mine:
        return
    with transaction.atomic():
        bounced = Delivery.objects.filter(pk__in=[row.pk for row in mine], state__in=SETTLED)
        if bounced.update(state=Delivery.BOUNCED, reason=why[:255]):
            tell_of_bounce(mine[0], title=f"Mail to {mine[0].user.email} does not arrive", why=why, now=now)


def tell_of_bounce(row: Delivery, *, title: str, why: str, now: datetime) -> None:
    """The person hears of it in the inbox, once a day and channel."""
    outbox.tell(
        row.user,
        kind=Notification.BOUNCED,
        key=f"bounced:{row.channel}:{row.user_id}:{now:%Y%m%d}",
        title=title,
        body=why,
        path=SETTINGS,
        now=now,
        outside=False,  # a mail about mails that do not arrive would not arrive
    )


def _why(event: Incoming) -> str:
    data = event.data if isinstance(event.data, dict) else {}
    told = data.get("description") or data.get("mta_response") or data.get("reject_reason") or ""
    said = "".join(letter if letter.isprintable() else " " for letter in str(told))[:_LONGEST]
    if event.activity_type == Activity.EMAIL_BOUNCED:
        return f"The mail came back: {said}" if said else "The mail came back."
    return "Its reader marked it as spam." if event.activity_type == Activity.EMAIL_COMPLAINED else ""
