"""What a simulated rule has done so far: the answers of `policies.History` from a list, on a virtual clock."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from domain import policies


@dataclass
class Made:
    """One simulated firing: decided at `at` for an event of `occurred_at`; its task is taken for done at `done_at`."""

    contact_id: int | None
    owner_id: int | None
    occurred_at: datetime
    at: datetime
    done_at: datetime
    waits: bool = False


class Memory:
    """All that a simulation has decided. `done_after` is how long a simulated task stays open; None for ever."""

    def __init__(self, done_after: timedelta | None) -> None:
        self.done_after = done_after
        self.made: list[Made] = []
        self.parked: set[int | None] = set()
        self.by_contact: dict[int | None, list[Made]] = defaultdict(list)

    def keep(self, contact_id: int | None, owner_id: int | None, occurred_at: datetime, at: datetime) -> Made:
        done_at = at + self.done_after if self.done_after is not None else datetime.max.replace(tzinfo=at.tzinfo)
        one = Made(contact_id, owner_id, occurred_at, at, done_at)
        self.made.append(one)
        self.by_contact[contact_id].append(one)
        return one

    def forget(self, one: Made) -> None:
        """What waited is decided anew, later."""
        self.made.remove(one)
        self.by_contact[one.contact_id].remove(one)

    def since(self, instant: datetime) -> list[Made]:
        """What was made after the instant, newest first; the clock only goes forward, so the rest is not read."""
        return list(takewhile(lambda one: one.at >= instant, reversed(self.made)))


class MemoryHistory:
    """One contact's and one owner's view of a memory at an instant; `also` answers for what was before it."""

    def __init__(
        self,
        memory: Memory,
        contact_id: int | None,
        owner_id: int | None,
        now: datetime,
        *,
        also: policies.History | None = None,
    ) -> None:
        self.memory, self.contact_id, self.owner_id = memory, contact_id, owner_id
        self.now, self.also = now, also

    def _of_contact(self) -> list[Made]:
        return self.memory.by_contact[self.contact_id]

    def is_parked(self) -> bool:
        return self.contact_id in self.memory.parked or (self.also is not None and self.also.is_parked())

    def has_open_task(self) -> bool:
        if any(one.waits or one.done_at > self.now for one in self._of_contact()):
            return True
        return self.also is not None and self.also.has_open_task()

    def has_fired(self) -> bool:
        return bool(self._of_contact()) or (self.also is not None and self.also.has_fired())

    def has_fired_after(self, instant: datetime) -> bool:
        if any(one.occurred_at > instant for one in self._of_contact()):
            return True
        return self.also is not None and self.also.has_fired_after(instant)

    def pair_count(self, since: datetime) -> int:
        if self.contact_id is None:
            return 0
        mine = sum(not one.waits and one.at > since for one in self._of_contact())
        return mine + (self.also.pair_count(since) if self.also is not None else 0)

    def rule_instants(self, since: datetime) -> Sequence[datetime]:
        recent = self.memory.since(since)
        mine = [one.at for one in recent if not one.waits and one.at > since]
        before = list(self.also.rule_instants(since)) if self.also is not None else []
        return sorted(before + mine)

    def owner_count(self, start: datetime) -> int:
        mine = sum(not one.waits and one.owner_id == self.owner_id for one in self.memory.since(start))
        return mine + (self.also.owner_count(start) if self.also is not None else 0)

    def contact_count(self, start: datetime) -> int:
        mine = sum(not one.waits and one.at >= start for one in self._of_contact())
        return mine + (self.also.contact_count(start) if self.also is not None else 0)
