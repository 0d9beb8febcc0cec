"""A past for tests: attempts and leads by the dozen, told by the ledger as they would be."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from crm.models import Activity, Contact


def calls(tries: Iterable[tuple[Contact, datetime, bool]]) -> None:
    """Calls that were made at these instants, and whether they were answered."""
    Activity.objects.bulk_create(
        Activity(
            team_id=contact.team_id,
            contact=contact,
            activity_type=Activity.CALL,
            occurred_at=at,
            received_at=at,
            data={"outcome": "reached" if reached else "no_answer"},
            processed_at=at,
        )
        for contact, at, reached in tries
    )


def habit(contact: Contact, hour: int, *, until: datetime, days: int, idle: int = 9) -> None:
    """A call each day at the idle hour, 9:00 UTC, and at the other: only then do they answer."""
    start = until.replace(hour=0, minute=0) - timedelta(days=days)
    calls((contact, start + timedelta(days=day, hours=at), at == hour) for day in range(days) for at in (idle, hour))
