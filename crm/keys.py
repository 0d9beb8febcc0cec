"""The keys by which senders tell their events apart. Of an erased person's events only digests of them are kept."""

import hashlib
from collections.abc import Iterable

from crm.models import Activity

ERASED = "erased:"
"""How the key of an erased person's event begins; no sender's does."""
Key = tuple[str, str]
"""Source and source key."""


def digest(source: str, key: str) -> str:
    """What stands for a key once its event is erased: the same key again is known by it."""
    return ERASED + hashlib.sha256(f"{source}\n{key}".encode()).hexdigest()


def erased(team_id: int, keys: Iterable[Key]) -> set[Key]:
    """Those of the keys whose events were of somebody who was erased since. One query, none without a key."""
    by_digest = {digest(source, key): (source, key) for source, key in keys if key}
    if not by_digest:
        return set()
    rows = Activity.objects.filter(
        team_id=team_id, source__in={source for source, _ in by_digest.values()}, source_key__among=list(by_digest)
    )
    return {by_digest[found] for found in rows.values_list("source_key", flat=True)}
