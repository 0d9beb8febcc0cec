"""What happened, told in its own transaction to rooms above that listen: each fact once, a batch of them at one go.

The room that makes a fact says no more than which row it is about; what is made of it is the listener's business.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

TASK_CREATED, TASK_ASSIGNED, TASK_COMPLETED = "task.created", "task.assigned", "task.completed"
CONTACT_CHANGED, RULE_PAUSED = "contact.changed", "rule.paused"
KINDS = (TASK_CREATED, TASK_ASSIGNED, TASK_COMPLETED, CONTACT_CHANGED, RULE_PAUSED)


@dataclass(frozen=True)
class Fact:
    """One thing that happened to a task, a contact or a rule. `key` is unique: the same key again is the same fact.

    `details` is what the row itself does not say, as JSON; `contact_id` is whose it is, if anybody's.
    """

    kind: str
    key: str
    team_id: int
    subject_id: int
    at: datetime
    contact_id: int | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """task, contact or rule."""
        return self.kind.partition(".")[0]


Listener = Callable[[Sequence[Fact]], None]
_listeners: list[Listener] = []
_gathered: ContextVar[list[tuple[Fact, Callable[[], None]]] | None] = ContextVar("gathered", default=None)


def register(listener: Listener) -> None:
    """Adds who hears of facts: called with one or many, in the transaction in which they happened."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(fact: Fact) -> None:
    """Tells a fact, or keeps it for the end of the batch that is under way. Be in its transaction."""
    gathered = _gathered.get()
    if gathered is None:
        _tell([fact])
        return
    mark = _Mark()
    transaction.on_commit(mark)
    gathered.append((fact, mark))


def announce_all(facts: Sequence[Fact]) -> None:
    """The same for facts of one savepoint, at the cost of one."""
    gathered = _gathered.get()
    if gathered is None:
        _tell(facts)
        return
    mark = _Mark()
    transaction.on_commit(mark)
    gathered.extend((fact, mark) for fact in facts)


@contextmanager
def together() -> Iterator[None]:
    """Tells all facts of the block at its end, so that many cost what one does. Be in a transaction.

    What was rolled back to a savepoint within the block did not happen and is not told.
    """
    if _gathered.get() is not None:
        yield
        return
    gathered: list[tuple[Fact, Callable[[], None]]] = []
    token = _gathered.set(gathered)
    try:
        yield
    finally:
        _gathered.reset(token)
    if gathered:
        standing = {id(waiting[1]) for waiting in connection.run_on_commit}
        _tell([fact for fact, mark in gathered if id(mark) in standing])


class _Mark:
    """Does nothing when the transaction ends: Django forgets it when its savepoint is rolled back, which shows that."""

    def __call__(self) -> None:
        pass


def _tell(facts: Sequence[Fact]) -> None:
    for listener in _listeners if facts else ():
        listener(facts)
