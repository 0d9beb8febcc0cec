"""The WSGI application that granian serves."""

import gc
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from granian.utils.proxies import wrap_wsgi_with_proxy_headers

pages = get_wsgi_application()


class ProgramHandler(WSGIHandler):
    """Requests that carry a token have no session, no cookie and no page: they skip the middleware of those."""

    def load_middleware(self, is_async: bool = False) -> None:
        for_pages = settings.MIDDLEWARE
        settings.MIDDLEWARE = settings.PROGRAM_MIDDLEWARE
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = for_pages


programs = ProgramHandler()
PROGRAMS = ("/api/", "/automation/", "/mcp")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    carries_token = environ.get("HTTP_AUTHORIZATION", "").startswith("Bearer ")
    for_programs = carries_token and environ["PATH_INFO"].startswith(PROGRAMS)
    return (programs if for_programs else pages)(environ, start_response)


if settings.TRUSTED_PROXIES:
    application = wrap_wsgi_with_proxy_headers(application, settings.TRUSTED_PROXIES)

# What is loaded now stays for good: looking through it again for garbage, every few requests, finds nothing.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
