"""API tokens: made, recognised, revoked. The secret has 256 random bits, so a plain digest is enough to keep."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from people.models import ApiToken, User

RESOURCES = (
    "activities",
    "contacts",
    "jobs",
    "notifications",
    "performance",
    "rules",
    "tasks",
    "team",
    "tokens",
    "workload",
)
ALL = "*"
SCOPES: tuple[str, ...] = (ALL, *(f"{name}:{verb}" for name in RESOURCES for verb in ("read", "write")))
PREFIX = "nm_"
USE_NOTED_EVERY = timedelta(minutes=1)


class UnknownScope(ValueError):
    """A scope that does not exist; the message lists those that do."""


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(
    user: User, *, name: str, now: datetime, scopes: Sequence[str] = (ALL,), days: int = 365
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown this once. Raises UnknownScope, ValueError for a length of no days."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise UnknownScope(f"Unknown scope {', '.join(unknown) or '(none given)'}: use some of {', '.join(SCOPES)}.")
    if not 1 <= days <= 3650:
        raise ValueError("A token lives 1 to 3,650 days.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=digest_of(secret),
        hint=secret[:8],
        scopes=list(scopes),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    return token, secret


def authenticate(secret: str, *, now: datetime) -> ApiToken | None:
    """The live token with this secret, its user and team loaded; None for any other. One query, by a unique key."""
    token = (
        ApiToken.objects.select_related("user__team")
        .filter(digest=digest_of(secret), revoked_at__isnull=True, expires_at__gt=now, user__is_active=True)
        .first()
    )
    if token is not None and (token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def allows(token: ApiToken, scope: str) -> bool:
    """`tasks:write` is allowed by itself and by `*`; `tasks:read` also by `tasks:write`."""
    resource, _, verb = scope.partition(":")
    granted = set(token.scopes)
    return ALL in granted or scope in granted or (verb == "read" and f"{resource}:write" in granted)


def revoke(token: ApiToken, *, now: datetime) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)
