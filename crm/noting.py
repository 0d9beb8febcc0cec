"""What somebody writes down of a contact: a note, or a call or meeting that was held."""

from datetime import datetime

from crm.consent import SOURCE
from crm.models import Activity, Contact
from people.models import User

KINDS = (Activity.NOTE, Activity.CALL, Activity.MEETING)
MOST = 10_000
"""Characters."""


class CannotNote(ValueError):
    """It cannot be written down; the message says what to give instead."""


def note(contact: Contact, kind: str, text: str, *, by: User, now: datetime, minutes: int | None = None) -> Activity:
    """A row of the ledger, which rules may answer. A call or meeting needs no words. Raises CannotNote."""
    said = text.strip()
    if kind not in KINDS:
        raise CannotNote(f"There is no {kind!r} to write down: use one of {', '.join(KINDS)}.")
    if not said and kind == Activity.NOTE:
        raise CannotNote("Write something first.")
    if len(said) > MOST or "\0" in said:
        raise CannotNote(f"Write at most {MOST:,} characters, none of them NUL.")
    data: dict[str, object] = {"note": said} if said else {}
    if minutes is not None and kind != Activity.NOTE:
        data["minutes"] = minutes
    return Activity.objects.create(
        team_id=contact.team_id,
        contact=contact,
        actor=by,
        activity_type=kind,
        occurred_at=now,
        received_at=now,
        source=SOURCE,
        signal=Activity.HUMAN,
        data=data,
    )
