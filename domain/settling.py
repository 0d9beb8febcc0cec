"""Letting a status settle: of several changes in a row one is judged, from where they began to where they ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Held:
    """A change on hold until `due_at`: from the status before the first of the row to the one after the last."""

    began: str
    ended: str
    due_at: datetime


@dataclass(frozen=True)
class Step:
    """What a further change does: `held` is on hold from now on; the one before it had settled, or moves on in it."""

    held: Held
    settled_before: bool


def follow(before: Held | None, old: str, new: str, *, at: datetime, settle: timedelta) -> Step:
    """A change at an instant, with what is on hold of the same contact."""
    settled = before is not None and before.due_at <= at
    began = before.began if before is not None and not settled else old
    return Step(Held(began, new, at + settle), settled)
