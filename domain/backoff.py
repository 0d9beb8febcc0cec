"""How long to wait before somebody else's server is asked again: soon at first, then over days."""

import hashlib
from datetime import timedelta

WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 60, 300, 1_800, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)
)
SPREAD = 0.1
"""Each wait is up to this share longer, so that what failed together does not come again together."""
LONGEST_ASKED = timedelta(hours=24)


def wait_after(failures: int, *, seed: str, asked: timedelta | None = None) -> timedelta | None:
    """The wait after so many failures (from 1); None when it is time to give up.

    The same seed gives the same waits. What the server asked for makes a wait longer, never shorter, up to 24 hours.
    """
    if failures > len(WAITS):
        return None
    digest = hashlib.sha256(f"{seed}:{failures}".encode()).digest()
    share = int.from_bytes(digest[:4]) / 2**32
    own = WAITS[failures - 1] * (1 + SPREAD * share)
    return max(own, min(asked or timedelta(0), LONGEST_ASKED))
