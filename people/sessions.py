"""How long a session lasts: it ends when nobody has been at it for a while, and after some days whoever is at it.

Kept as Django keeps them; only when a row runs out is decided here, anew each time the session is written.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

BEGUN, SEEN = "begun_at", "seen_at"
"""Keys in the session, in whole seconds since 1970: when somebody signed in, and when they were last noted at work."""
NOTED_EVERY = timedelta(minutes=5)
"""So much may pass before somebody at work is noted anew: one write, however many requests."""
PAUSE, LAST_CHANCE = timedelta(hours=1), timedelta(days=1)


def ends_at(begun: datetime, now: datetime, *, idle: timedelta, longest: timedelta) -> datetime:
    """When a session ends at which somebody was now, if they are not at it again.

    Whoever is at work when the longest time is over is not thrown out of a form: from then on an hour's pause ends the
    session, and a day later nothing holds it.
    """
    last = begun + longest
    return min(now + idle, max(last, now + PAUSE), last + LAST_CHANCE)


class SessionStore(db.SessionStore):
    """Django's, and of the same name, which is part of its signature: rows of either are read by both."""

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        if SESSION_KEY in data:
            now = int(timezone.now().timestamp())
            data.setdefault(BEGUN, now)
            data.setdefault(SEEN, now)
        return super().create_model_instance(data)

    def get_expiry_date(self, **given: Any) -> datetime:
        if SESSION_KEY not in self:
            return super().get_expiry_date(**given)
        now = given.get("modification") or timezone.now()
        return ends_at(
            datetime.fromtimestamp(self.get(BEGUN, int(now.timestamp())), UTC),
            now,
            idle=timedelta(hours=settings.SESSION_IDLE_HOURS),
            longest=timedelta(days=settings.SESSION_DAYS),
        )

    def get_expiry_age(self, **given: Any) -> int:
        if SESSION_KEY not in self:
            return super().get_expiry_age(**given)
        now = given.get("modification") or timezone.now()
        return max(0, int((self.get_expiry_date(modification=now) - now).total_seconds()))


def note(session: SessionBase, *, now: datetime) -> None:
    """Somebody is at this session: its end moves on, if it was not moved a moment ago. Nothing for one of nobody."""
    if SESSION_KEY in session and now.timestamp() - session.get(SEEN, 0) >= NOTED_EVERY.total_seconds():
        session[SEEN] = int(now.timestamp())
