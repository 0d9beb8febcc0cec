"""Where somebody is signed in: their sessions with the device each was begun on, and their ending; who tried to."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest

from jobs import pruning
from people.models import User

MOST = 50
"""Devices and sign-ins that are listed."""
KEEP = timedelta(days=90)
"""For so long sign-ins are known."""
YOUNG = timedelta(days=1)
"""A device is noted a moment before its session is."""
LONGEST_NAME = 150
"""Of a name of nobody so much is kept; nobody's is longer."""


def of(user: User, *, now: datetime) -> list[UserSession]:
    """Those where they are signed in now, newest first."""
    rows = list(UserSession.objects.filter(user_id=user.pk).order_by("-created_at", "-pk")[:MOST])
    keys = [row.session_key for row in rows]
    live = set(Session.objects.filter(session_key__in=keys, expire_date__gt=now).values_list("session_key", flat=True))
    return [row for row in rows if row.session_key in live]


def end(row: UserSession) -> None:
    """Whoever sits there has to sign in again."""
    Session.objects.filter(session_key=row.session_key).delete()
    row.delete()


def end_others(user: User, *, but: str, now: datetime) -> int:
    """Ends all sessions of theirs but the one with this key; how many.

    Sessions say whose they are only inside, and some began before devices were noted: all that are valid are read.
    """
    theirs = [
        session.session_key
        for session in Session.objects.filter(expire_date__gt=now).exclude(session_key=but).iterator(chunk_size=500)
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(session_key__in=theirs).delete()
    UserSession.objects.filter(user_id=user.pk).exclude(session_key=but).delete()
    return len(theirs)


def whose(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Under whose name a try to sign in is counted: one has a name and an address, and writes both as one likes."""
    given = credentials or {}
    name = str(given.get("username") or given.get("email") or request.POST.get("login", ""))
    found = User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name))
    names = sorted(found.values_list("username", flat=True)) if name else []
    return name if name in names else next(iter(names), name.lower()[:LONGEST_NAME])


def sign_ins(user: User, count: int) -> list[AccessLog]:
    """The latest, newest first."""
    return list(AccessLog.objects.filter(username=user.username).order_by("-attempt_time", "-pk")[:count])


def refused(user: User, count: int) -> list[Any]:
    """Wrong passwords since the last right one, by address: the rows of the lock-out."""
    return list(AccessAttempt.objects.filter(username=user.username).order_by("-attempt_time", "-pk")[:count])


def prune(*, now: datetime) -> dict[str, int]:
    """Deletes sessions that have run out, devices without one, and sign-ins of over 90 days; how many of each.

    Piece by piece: doing it again finds less to do.
    """
    gone = ~Exists(Session.objects.filter(session_key=OuterRef("session_key")))
    sessions = pruning.prune(Session.objects.filter(expire_date__lt=now))
    devices = pruning.prune(UserSession.objects.filter(gone, created_at__lt=now - YOUNG))
    old = [model.objects.filter(attempt_time__lt=now - KEEP) for model in (AccessLog, AccessAttempt)]
    return {"sessions": sessions, "devices": devices, "sign_ins": sum(map(pruning.prune, old))}
