"""Fragments that pages ask for again every few seconds; what has not changed is answered with 204 and no body."""

import hashlib
import re
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from web.access import Request

TOKENS = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')


def digest(html: str) -> str:
    """What the fragment shows, in short; form tokens differ in every answer and do not count."""
    return hashlib.sha256(TOKENS.sub("", html).encode()).hexdigest()[:16]


def page(request: Request, template: str, fragment: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or its live part alone when it asks again with `v`, the digest of what it shows."""
    html = render_to_string(fragment, context, request)
    version = digest(html)
    asked = request.GET.get("v") if request.htmx else None
    if asked == version:
        return HttpResponse(status=204)
    query = request.GET.copy()
    query["v"] = version
    live = {"live_html": html, "live_url": f"{request.path}?{query.urlencode()}"}
    return render(request, template if asked is None else "web/live.html", {**context, **live})
