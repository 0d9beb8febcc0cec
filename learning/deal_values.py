"""What leads are worth: the newest number that their events have under the name that the team chose, as amount.

It may be data of an event (API, import, other programs), or a field of a form.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from crm.models import Activity
from domain.files import values

CHUNK = 1_000
FORM = "values"
"""Where an activity of a form keeps what was filled in."""


def of(contacts: Collection[int], key: str) -> dict[int, float]:
    """By contact; those of whom no event tells are left out, as all are where the team names nothing."""
    found: dict[int, float] = {}
    ids = sorted(contacts) if key else []
    for start in range(0, len(ids), CHUNK):
        said = Activity.objects.filter(contact__in=ids[start : start + CHUNK]).filter(
            Q(data__has_key=key) | Q(**{f"data__{FORM}__has_key": key})
        )
        rows = said.order_by("occurred_at", "pk").values_list("contact", "data")
        for contact, data in rows.iterator():
            value = _value(data, key)
            if contact is not None and value is not None:
                found[contact] = value
    return found


def _value(data: Any, key: str) -> float | None:
    """A number of 0 or more, also one in words of a form; anything else tells nothing."""
    if not isinstance(data, Mapping):
        return None
    filled_in = data.get(FORM)
    said = data.get(key, filled_in.get(key) if isinstance(filled_in, Mapping) else None)
    if isinstance(said, str):
        try:
            said = float(values.number(said))
        except ValueError:
            return None
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if math.isfinite(said) and said >= 0 else None
