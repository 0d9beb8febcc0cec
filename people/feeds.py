"""The secret address of a person's calendar: made, found, made anew so that the old one is worth nothing."""

import secrets
from datetime import datetime

from people.audited import FEED
from people.models import CalendarFeed, User
from people.tokens import digest_of


def make(user: User, *, shows: str = CalendarFeed.TODO, by: User | None, now: datetime) -> str:
    """The secret of a new address, shown this once; one that there was before leads nowhere from now on."""
    secret = secrets.token_urlsafe(32)
    feed = CalendarFeed(user=user, digest=digest_of(secret), shows=shows, made_at=now)
    with FEED.changing(feed, by=by, now=now):
        feed.save()
    return secret


def find(secret: str) -> CalendarFeed | None:
    """The feed with this secret, of somebody who is still here, with its user and team."""
    rows = CalendarFeed.objects.select_related("user__team")
    return rows.filter(digest=digest_of(secret), user__is_active=True).first()


def end(user: User, *, by: User | None, now: datetime) -> None:
    """Takes the address away."""
    feed = CalendarFeed.objects.filter(user=user).first()
    if feed is not None:
        with FEED.changing(feed, by=by, now=now):
            feed.delete()
