"""How many random cases a test tries: fewer where each costs a round trip to a server, more when asked for.

`NEXTMOVE_TEST_ORACLE=10` tries ten times as many.
"""

import os

_TIMES = float(os.environ.get("NEXTMOVE_TEST_ORACLE") or 1)
_ON_SERVER = 0.2 if os.environ.get("NEXTMOVE_TEST_USE_DATABASE") else 1.0


def cases(number: int, *, rows: bool = False) -> int:
    """`rows`: each case writes to the database."""
    return max(5, int(number * _TIMES * (_ON_SERVER if rows else 1)))
