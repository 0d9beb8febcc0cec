"""What every request passes: its id, length, language, compression, the session that it keeps, and the one place where
a trailing slash ends.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect
from django.urls import is_valid_path, reverse
from django.utils import timezone, translation
from django_htmx.http import HttpResponseClientRedirect

from api.errors import Problem, respond
from people import sessions, two_step

GetResponse = Callable[[HttpRequest], HttpResponse]

PROGRAMS = ("/api/", "/automation/", "/hooks/", "/mcp")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
NO_LENGTH = "A body sent in chunks is not read: send it whole, with a Content-Length."
LENGTH = re.compile(r"[0-9]{0,18}", re.ASCII)
MOST_BYTES = 40 * 1024 * 1024
"""Of a whole body: above the largest file that is taken. Some paths take less, and say so themselves."""


ON_THE_WAY = frozenset(
    {"web:two-step", "web:theme", "web:language", "account_logout", "account_reauthenticate", "mfa_reauthenticate"}
)
"""What is open to whoever has to set two-step sign-in up, by the names of the addresses."""


class RequestIdMiddleware:
    """Takes `X-Request-Id` where it is sane, else makes one; answers, problems and log lines carry it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class LengthMiddleware:
    """Refuses a length that is no number, and a body without one, which would be read as empty: not every server does
    so itself, and whoever reads the body counts on it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = str(request.META.get("CONTENT_LENGTH") or "")
        if not LENGTH.fullmatch(length):
            raise BadRequest("Content-Length is no number: send how many bytes the body has.")
        if not length and request.headers.get("Transfer-Encoding"):
            return respond(request, Problem(411, NO_LENGTH))
        if int(length or 0) > MOST_BYTES:  # before a form of a stranger's is taken in, file and all
            return respond(request, Problem(413, f"Send at most {MOST_BYTES // 2**20} MB at once."))
        return self.get_response(request)


class SlashMiddleware:
    """Paths of programs answer with and without the trailing slash, without a redirect (which would lose a POST).

    Asked only about addresses that nobody answers to, so that all others are resolved once.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        path = request.path_info
        if response.status_code == 404 and request.resolver_match is None and path.startswith(PROGRAMS):
            other = path[:-1] if path.endswith("/") else path + "/"
            if is_valid_path(other):
                request.path_info = other
                return self.get_response(request)
        return response


class LanguageMiddleware(LocaleMiddleware):
    """Pages in the viewer's language: the one they keep, else the cookie's, else the browser's. Programs are answered
    in English, also by a thread that has shown a page in another language before: Django does not end that by itself.
    """

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(PROGRAMS):
            translation.activate("en")
        elif request.user.is_authenticated and (language := request.user.own_language):
            translation.activate(language)
            request.LANGUAGE_CODE = language
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(PROGRAMS):
            return response
        return super().process_response(request, response)


class PresenceMiddleware:
    """Keeps the session of somebody who is at work. A page that asks again by itself says that nobody touched it
    (web/static/web/js/requests.js), and keeps nothing alive.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.session.accessed and "Nextmove-Unattended" not in request.headers:
            sessions.note(request.session, now=timezone.now())
        return response


class TwoStepMiddleware:
    """Leads whoever has to sign in by two steps, and has none yet, to set it up: nothing else is reached by their
    session until then. Tokens are no sessions.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, *_view: Any) -> HttpResponse | None:
        path = request.path_info
        if "Authorization" in request.headers and path.startswith(PROGRAMS):
            return None  # there the cookie is not read
        name = request.resolver_match.view_name
        if name in ON_THE_WAY or not request.user.is_authenticated or not two_step.missing(request.user):
            return None
        there = reverse("web:two-step")
        if path.startswith((*PROGRAMS, "/metrics")):
            return respond(request, Problem(403, f"Two-step sign-in is required: set it up at {there} first."))
        return HttpResponseClientRedirect(there) if request.htmx else redirect(there)


class CompressionMiddleware(GZipMiddleware):
    """Sends pages compressed, padded at random, so that lengths tell nothing of secrets; programs get what they ask for
    as it is.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
