"""API tokens: made, recognised, revoked. The secret has 256 random bits, so a plain digest is enough to keep."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from people.audited import TOKEN
from people.models import ApiToken, Team, User

RESOURCES = (
    "activities",
    "contacts",
    "files",
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
TEAM = [field.name for field in Team._meta.concrete_fields if field.name not in ("calendar_digest", "followed_zones")]
RARE = frozenset({"password", "last_login", "date_joined"})


class UnknownScope(ValueError):
    """A scope that does not exist; the message lists those that do."""


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(
    user: User,
    *,
    name: str,
    now: datetime,
    by: User | None = None,
    scopes: Sequence[str] = (ALL,),
    days: int = 365,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown this once. Raises UnknownScope, ValueError for a length of no days."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise UnknownScope(f"Unknown scope {', '.join(unknown) or '(none given)'}: use some of {', '.join(SCOPES)}.")
    if not 1 <= days <= 3650:
        raise ValueError("A token lives 1 to 3,650 days.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        user=user,
        name=name,
        digest=digest_of(secret),
        hint=secret[:8],
        scopes=list(scopes),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    with TOKEN.changing(token, by=by, now=now):
        token.save()
    return token, secret


def authenticate(secret: str, *, now: datetime) -> ApiToken | None:
    """The live token with this secret, its user and team loaded; None for any other. One query, by a unique key.

    Every request passes here, so the query is written out: building it anew costs four times what running it does.
    """
    found = list(User.objects.raw(_statement(), [digest_of(secret), now]))
    if not found:
        return None
    (user,) = found
    known = [_known(user, name) for name in TEAM]
    user.team = Team.from_db(connection.alias, TEAM, known)  # the rest is fetched when somebody asks for it
    scopes = json.loads(user.token_scopes) if isinstance(user.token_scopes, str) else user.token_scopes
    if user.token_last_used_at is None or now - _aware(user.token_last_used_at) > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=user.token_id).update(last_used_at=now)
    return ApiToken(pk=user.token_id, user=user, scopes=scopes)


@cache
def _statement() -> str:
    """Token, user and team in one row; what no request asks of a user is left for Django to fetch when it is."""
    token, user, team = (model._meta.db_table for model in (ApiToken, User, Team))
    columns = ", ".join(f'u."{field.column}"' for field in User._meta.concrete_fields if field.name not in RARE)
    return (
        f"SELECT {columns}, t.id AS token_id, t.scopes AS token_scopes, t.last_used_at AS token_last_used_at, "  # noqa: S608 (names of our own tables)
        + ", ".join(f'm."{name}" AS team_of_{name}' for name in TEAM)
        + f" FROM {token} t "
        f"JOIN {user} u ON u.id = t.user_id JOIN {team} m ON m.id = u.team_id "
        "WHERE t.digest = %s AND t.revoked_at IS NULL AND t.expires_at > %s AND u.is_active"
    )


def _known(user: Any, name: str) -> Any:
    value = getattr(user, f"team_of_{name}")
    return _aware(value) if name == "created_at" else value


def _aware(stored: datetime | str) -> datetime:
    """A column outside the model comes as the database keeps it: on SQLite as text in UTC."""
    value = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def allows(token: ApiToken, scope: str) -> bool:
    """`tasks:write` is allowed by itself and by `*`; `tasks:read` also by `tasks:write`."""
    resource, _, verb = scope.partition(":")
    granted = set(token.scopes)
    return ALL in granted or scope in granted or (verb == "read" and f"{resource}:write" in granted)


def revoke(token: ApiToken, *, by: User | None = None, now: datetime) -> None:
    with TOKEN.changing(token, by=by, now=now, verb="revoked"):
        ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)


def live_of(user: User, *, now: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user_id=user.pk, revoked_at__isnull=True, expires_at__gt=now)


def revoke_all(user: User, *, by: User | None, now: datetime) -> None:
    """All that live. Be in a transaction."""
    for token in live_of(user, now=now):
        revoke(token, by=by, now=now)
