"""The follow-up sequences that come ready-made, and the instants at which their tasks fall due."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

PRESETS: dict[str, tuple[int, ...]] = {
    "standard": (1, 3, 7, 14),
    "aggressive": (1, 2, 4, 7),
    "gentle": (3, 7, 14, 30),
}
"""Days after enrolment, by sequence type."""


class UnknownSequence(ValueError):
    """No preset has this name."""

    def __init__(self, sequence_type: str) -> None:
        super().__init__(f"Unknown sequence {sequence_type!r}: use one of {', '.join(PRESETS)}.")


def sequence_due_dates(
    sequence_type: str, *, start: datetime, start_delay_hours: Decimal | int | float = 0
) -> list[datetime]:
    """The due instants of a preset, in UTC, ascending.

    Days are elapsed time (24 h each) from the aware `start`; the delay shifts all of them.
    Raises UnknownSequence for another name, ValueError for a delay that is negative or not a number.
    """
    if sequence_type not in PRESETS:
        raise UnknownSequence(sequence_type)
    if not math.isfinite(start_delay_hours) or start_delay_hours < 0:
        raise ValueError(f"start_delay_hours is {start_delay_hours}: give 0 or more hours; leave it out to start now.")
    # In UTC, because adding to a zoned datetime would add wall time and be an hour off across a clock change.
    first = start.astimezone(UTC) + timedelta(hours=float(start_delay_hours))
    return [first + timedelta(days=days) for days in PRESETS[sequence_type]]
