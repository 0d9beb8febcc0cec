"""Letting somebody go: never deleted, and nothing of theirs left behind unattended."""

from collections.abc import Callable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from people import tokens
from people.audited import MEMBER
from people.models import ApiToken, PeopleQuerySet, Team, User

Step = Callable[[User, User | None, datetime], None]
_steps: list[Step] = []


class StillNeeded(ValueError):
    """The team cannot do without this person; the message says what to do first."""


class LastManager(StillNeeded):
    """A team cannot lose its only manager."""


class LastMember(StillNeeded):
    """Nor the only person who is left in it: its work would wait for nobody."""


def register(step: Step) -> None:
    """Adds what a higher room does with the person's rows: step(user, by, now), inside the one transaction."""
    if step not in _steps:
        _steps.append(step)


def deactivate(user: User, *, by: User | None, now: datetime) -> None:
    """Ends sign-in and tokens, and runs every registered step. Raises LastManager, LastMember."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=user.team_id)  # of the last two at once, one stays
        _refuse_last(user)
        if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
            return
        user.is_active = False
        MEMBER.record(user, "deactivated", by=by, now=now, before={"is_active": True}, after={"is_active": False})
        for token in ApiToken.objects.filter(user=user, revoked_at__isnull=True):
            tokens.revoke(token, by=by, now=now)
        for step in _steps:
            step(user, by, now)


def check_move(user: User) -> None:
    """Raises ValidationError when the person is about to be saved in another team or role, and is the last of theirs.

    As the database has them, they are in the team they would leave. That team is locked until the transaction ends: of
    two who would leave it together, the second sees it.
    """
    stored = User.objects.active().filter(pk=user.pk).first()
    if stored is None or (stored.team_id, stored.role) == (user.team_id, user.role):
        return
    try:
        with transaction.atomic():
            Team.objects.select_for_update(no_key=True).get(pk=stored.team_id)
            if stored.team_id != user.team_id:
                _refuse_last(stored)
            elif stored.manages:
                _refuse_last_manager(stored)
    except StillNeeded as last:
        raise ValidationError({"team" if stored.team_id != user.team_id else "role": str(last)}) from None


def _refuse_last(user: User) -> None:
    if user.manages:
        _refuse_last_manager(user)
    if user.is_active and not _others(user).exists():
        raise LastMember(f"{user.display_name} is the team's only active member: add somebody else first.")


def _refuse_last_manager(user: User) -> None:
    if not _others(user).filter(role=User.MANAGER).exists():
        raise LastManager(f"{user.display_name} is the team's only manager: make somebody else one first.")


def _others(user: User) -> PeopleQuerySet:
    return User.objects.active().filter(team_id=user.team_id).exclude(pk=user.pk)
