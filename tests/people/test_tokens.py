"""Tokens: recognised while they live, kept as digests, and no wider than their scopes."""

from datetime import UTC, datetime, timedelta

import pytest

from people import deactivation, tokens
from people.models import ApiToken, User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    return builders.make_user()


def test_it_is_known_until_it_expires(user: User) -> None:
    token, secret = tokens.issue(user, name="shop", now=NOW, days=30)
    found = tokens.authenticate(secret, now=NOW + timedelta(days=30, seconds=-1))
    assert found is not None
    assert (found.pk, found.user, found.user.team.name) == (token.pk, user, user.team.name)
    assert tokens.authenticate(secret, now=NOW + timedelta(days=30)) is None


def test_it_is_known_until_it_is_revoked(user: User) -> None:
    token, secret = tokens.issue(user, name="shop", now=NOW)
    assert tokens.authenticate(secret, now=NOW) is not None
    tokens.revoke(token, now=NOW)
    assert tokens.authenticate(secret, now=NOW) is None


def test_it_ends_with_its_person(user: User) -> None:
    _, secret = tokens.issue(user, name="shop", now=NOW)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert tokens.authenticate(secret, now=NOW) is None


def test_the_secret_is_kept_nowhere(user: User) -> None:
    _, secret = tokens.issue(user, name="shop", now=NOW)
    row = ApiToken.objects.values().get()
    assert not any(secret in str(value) for value in row.values())
    assert tokens.authenticate(row["digest"], now=NOW) is None


def test_its_use_is_noted_at_most_once_a_minute(user: User) -> None:
    _, secret = tokens.issue(user, name="shop", now=NOW)
    for seconds, noted in ((0, 0), (59, 0), (61, 61)):
        tokens.authenticate(secret, now=NOW + timedelta(seconds=seconds))
        assert ApiToken.objects.get().last_used_at == NOW + timedelta(seconds=noted)


@pytest.mark.parametrize(
    ("granted", "asked", "allowed"),
    [
        (["*"], "tasks:write", True),
        (["tasks:read"], "tasks:read", True),
        (["tasks:read"], "tasks:write", False),
        (["tasks:write"], "tasks:read", True),
        (["rules:write"], "tasks:read", False),
    ],
)
def test_scopes(granted: list[str], asked: str, allowed: bool) -> None:
    assert tokens.allows(ApiToken(scopes=granted), asked) is allowed


@pytest.mark.parametrize(("scopes", "days"), [(("tasks:own",), 30), ((), 30), (("*",), 0), (("*",), 4000)])
def test_what_cannot_be_issued(user: User, scopes: tuple[str, ...], days: int) -> None:
    with pytest.raises(ValueError, match=r"scope|days"):
        tokens.issue(user, name="shop", now=NOW, scopes=scopes, days=days)


def test_letting_somebody_go_revokes_their_tokens_for_good(user: User) -> None:
    builders.make_manager(team=user.team)
    _, secret = tokens.issue(user, name="shop", now=NOW)
    deactivation.deactivate(user, by=None, now=NOW)
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert tokens.authenticate(secret, now=NOW) is None, "also when they come back"
