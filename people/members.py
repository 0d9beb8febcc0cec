"""Changing who is in a team: accounts with their skills, checked in one place for API and pages."""

from collections.abc import Mapping
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from people.audited import MEMBER
from people.models import Skill, User, UserSkill


class Taken(ValueError):
    """Somebody else has this name or address; `field` says which, the message what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def set_password(user: User, password: str | None) -> None:
    """In memory; without one they cannot sign in yet. Raises ValidationError for a weak one."""
    if password is None:
        user.set_unusable_password()
        return
    validate_password(password, user)
    user.set_password(password)


NOT_YOURS = "Only they themselves change it, under Settings, Security: who has the address can get a new password."


def save(
    user: User, *, by: User, now: datetime, skills: Mapping[Skill, int] | None = None, proven: bool = False
) -> None:
    """Keeps what was changed of an account, and with `skills` all levels (1 to 5) instead of those there were.

    Raises Taken, and ValidationError that names the fields, also for the last manager of a team, and for another
    address of somebody who has signed in: a superuser may enter it, and they themselves who have `proven` who they are.
    """
    refuse_taken(user.username, user.email, but=user.pk)
    moved = _has_moved(user)
    if moved and user.last_login is not None and not (by.is_superuser or (proven and by == user)):
        raise ValidationError({"email": [NOT_YOURS]})
    # One transaction: whether somebody is the last of their team is asked under the team's lock, which it then holds.
    with transaction.atomic():
        user.full_clean()
        with MEMBER.changing(user, by=by, now=now):
            user.save()
            if moved:  # the sign-in library's own note of the address before, to which it would still send a link
                EmailAddress.objects.filter(user=user).delete()
            if skills is not None:
                UserSkill.objects.filter(user=user).delete()
                UserSkill.objects.bulk_create(
                    UserSkill(user=user, skill=skill, level=level) for skill, level in skills.items()
                )


def _has_moved(user: User) -> bool:
    """Whether the account has another address than the one that is kept."""
    return User.objects.filter(pk=user.pk).exclude(email=user.email).exists()


def refuse_taken(username: str, email: str, *, but: int | None) -> None:
    """Raises Taken when somebody other than the user with this id has the name or the address, in any letters."""
    others = User.objects.exclude(pk=but)
    if others.filter(username__iexact=username).exists():
        raise Taken("username", "This username is taken: choose another.")
    if email and others.filter(email__iexact=email).exists():
        raise Taken("email", "Somebody else has this e-mail address: send another.")
