"""Letting somebody go: never deleted, and nothing of theirs left behind unattended."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from people import tokens
from people.audited import MEMBER
from people.models import ApiToken, User

Step = Callable[[User, User | None, datetime], None]
_steps: list[Step] = []


class LastManager(ValueError):
    """A team cannot lose its only manager."""


def register(step: Step) -> None:
    """Adds what a higher room does with the person's rows: step(user, by, now), inside the one transaction."""
    if step not in _steps:
        _steps.append(step)


def deactivate(user: User, *, by: User | None, now: datetime) -> None:
    """Ends sign-in and tokens, and runs every registered step. Raises LastManager."""
    with transaction.atomic():
        others = User.objects.filter(team_id=user.team_id, role=User.MANAGER, is_active=True).exclude(pk=user.pk)
        if user.manages and not others.exists():
            raise LastManager(f"{user.display_name} is the team's only manager: make somebody else one first.")
        if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            return
        user.is_active = False
        MEMBER.record(user, "deactivated", by=by, now=now, before={"is_active": True}, after={"is_active": False})
        for token in ApiToken.objects.filter(user=user, revoked_at__isnull=True):
            tokens.revoke(token, by=by, now=now)
        for step in _steps:
            step(user, by, now)
