"""Erasing a person from what is told of them: ids, dates and states stay, also in what is still to be sent."""

from typing import Any

from crm import erase
from webhooks.models import Dispatch, Event

WORDS = frozenset({"status", "priority", "contact_cadence"})
"""Texts of a task or contact that are words of the program's own."""


def wipe(subject: erase.Subject) -> None:
    """Of events of theirs all texts go; any other that names them loses the names, as do answers that quote them."""
    own = Event.objects.filter(team_id=subject.team_id, contact_id__in=subject.ids)
    for event in own.iterator(chunk_size=erase.CHUNK):
        Event.objects.filter(pk=event.pk).update(data=_wiped(event.data, subject.stand_in))
    erase.redact_in(Event.objects.filter(team_id=subject.team_id), ("data",), subject)
    erase.redact_in(Dispatch.objects.filter(endpoint__team_id=subject.team_id), ("answer",), subject)


def _wiped(data: dict[str, Any], stand_in: str) -> dict[str, Any]:
    """The row that it tells of without its texts, in its shape."""
    shapes = {name: value for name, value in data.items() if isinstance(value, dict)}
    return data | {name: _without_texts(shape, stand_in) for name, shape in shapes.items()}


def _without_texts(shape: dict[str, Any], stand_in: str) -> dict[str, Any]:
    empty: dict[type, Any] = {str: "", list: [], dict: {}}
    wiped = {
        name: value if name in WORDS or name.endswith(("_at", "_date")) else empty.get(type(value), value)
        for name, value in shape.items()
    }
    return wiped | {name: stand_in for name in ("name", "title") if name in shape}
