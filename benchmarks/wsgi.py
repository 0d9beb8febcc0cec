"""The product, and beside it in the same server the least a Django view can do: one UPDATE by primary key.

`/automation/bare/` passes the same middleware as the API does; `/plain/` passes none at all.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings

from config.wsgi import application as product

settings.ROOT_URLCONF = "benchmarks.urls"
with override_settings(MIDDLEWARE=[]):
    plain = WSGIHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    handler = plain if environ["PATH_INFO"].startswith("/plain/") else product
    return handler(environ, start_response)
