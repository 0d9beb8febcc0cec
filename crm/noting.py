"""What somebody writes down of a contact: a note, or a call or meeting that was held."""

from collections.abc import Mapping
from datetime import datetime

from crm.consent import SOURCE
from crm.models import Activity, Contact
from people.models import User

KINDS = (Activity.NOTE, Activity.CALL, Activity.MEETING)
MOST = 10_000
"""Characters."""


class CannotNote(ValueError):
    """It cannot be written down; the message says what to give instead."""


def note(
    contact: Contact,
    kind: str,
    text: str,
    *,
    by: User,
    now: datetime,
    minutes: int | None = None,
    facts: Mapping[str, float] | None = None,
) -> Activity:
    """A row of the ledger, which rules may answer. A call or meeting needs no words, nor does a note with facts, as a
    deal's value by the name that the team gave it. Raises CannotNote.
    """
    said = text.strip()
    if kind not in KINDS:
        raise CannotNote(f"There is no {kind!r} to write down: use one of {', '.join(KINDS)}.")
    if not said and not facts and kind == Activity.NOTE:
        raise CannotNote("Write something first.")
    if len(said) > MOST or "\0" in said:
        raise CannotNote(f"Write at most {MOST:,} characters, none of them NUL.")
    told = "\n".join(filter(None, (said, *(f"{name}: {value:.15g}" for name, value in (facts or {}).items()))))
    data: dict[str, object] = dict(facts or {}) | ({"note": told} if told else {})
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
