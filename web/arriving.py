"""What comes in and what became of it: when each source was heard of last, and the way of one event."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from automation.models import Firing
from crm.models import Activity
from people.models import User

LATELY = timedelta(days=7)
"""How far back the ledger is looked through: its newest part, however long it is."""
SAMPLE_EMAIL = "ada.example@example.org"


def last_seen(user: User, sources: Iterable[str], *, now: datetime) -> dict[str, datetime]:
    """When an event of each of these sources happened last, of those that did so lately."""
    rows = Activity.objects.filter(team_id=user.team_id, occurred_at__gte=now - LATELY, source__in=set(sources))
    return dict(rows.values_list("source").annotate(Max("occurred_at")).order_by())


def way_of(user: User, pk: str, source: str) -> dict[str, Any]:
    """One event of the source with the rules that looked at it; empty when there is none of that id."""
    if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
        return {}
    rows = Activity.objects.filter(team_id=user.team_id, source=source, pk=int(pk)).select_related("contact")
    event = rows.first()
    if event is None:
        return {}
    fired = Firing.objects.visible_to(user).filter(activity=event).select_related("rule", "task").order_by("pk")
    return {"event": event, "firings": fired}
