"""Who is asking: a bearer token with its scopes, or the session cookie of a signed-in person (then with CSRF check)."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from api import limits
from api.errors import Problem, forbidden
from people import rights, tokens
from people.models import ApiToken, User

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="nextmove"'}


def address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


class Bearer(HttpBearer):
    """One query a request: the token with its user and team."""

    def __init__(self, scope: str = "") -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Any:
        known = getattr(request, "auth", None)
        return known or super().__call__(request)

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        limits.check_failures(address(request))
        found = tokens.authenticate(token.strip(), now=timezone.now())
        if found is None or not found.user.is_active:
            limits.failed(address(request))
            raise Problem(
                401, "This token is unknown, expired or revoked. Make a new one under /api/tokens.", headers=CHALLENGE
            )
        limits.check_requests(f"token:{found.pk}")
        if self.scope:
            _check_scope(found, self.scope)
        request.user = found.user
        return found


class Session(APIKeyCookie):
    """The cookie of a person who signed in on a page. Never read when an Authorization header is sent."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Any:
        if "Authorization" in request.headers or self.param_name not in request.COOKIES:
            raise _sign_in()
        return getattr(request, "auth", None) or self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> User:  # noqa: ARG002 (ninja's)
        if not request.user.is_authenticated:
            raise _sign_in()
        if check_csrf(request):
            raise Problem(403, "The CSRF token is missing or wrong. Send it as X-CSRFToken, or use a bearer token.")
        limits.check_requests(f"user:{request.user.pk}")
        return request.user


def _sign_in() -> Problem:
    return Problem(401, "Send `Authorization: Bearer <token>`. Make a token under /api/tokens.", headers=CHALLENGE)


def _check_scope(token: ApiToken, name: str) -> None:
    if not tokens.allows(token, name):
        raise Problem(403, f"This token lacks the scope {name}. Make a token that has it.")


def need_scope(request: HttpRequest, name: str) -> None:
    """Refuses with 403 a token without this scope too; a session has none and needs none."""
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        _check_scope(token, name)


def scope(name: str) -> list[Any]:
    """The `auth=` of an endpoint: a token with this scope, or a session."""
    return [Bearer(name), Session()]


def caller(request: HttpRequest) -> User:
    """The person behind the request; endpoints call it after authentication."""
    return cast(User, request.user)


def need(user: User, right: str, to_do: str) -> None:
    """Refuses with 403, naming the right."""
    if not rights.may(user, right):
        raise forbidden(right, to_do)
