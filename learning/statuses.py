"""Which status a contact had at an instant, from those that it left since."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter


def at(instant: datetime, left: Sequence[tuple[datetime, str]], status: str) -> str:
    """The status before what happened at an instant, of a contact that has `status` now and left others, each with
    when, in order. The present one may be what came of it.
    """
    place = bisect_left(left, instant, key=itemgetter(0))
    return left[place][1] if place < len(left) else status
