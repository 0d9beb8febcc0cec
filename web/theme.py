"""Light, dark or as the system has it: a cookie, which the server renders."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from web.access import Request

THEMES = ("light", "dark", "system")
COOKIE = "theme"
YEAR = 365 * 24 * 3600


@require_POST
def choose(request: Request) -> HttpResponse:
    theme = request.POST.get("theme", "")
    theme = theme if theme in THEMES else "system"
    target = request.POST.get("next", "/")
    ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    response: HttpResponse = HttpResponse(status=204) if request.htmx else redirect(target if ours else "/")
    response.set_cookie(COOKIE, theme, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=True)
    return trigger_client_event(response, "theme", {"value": theme}) if request.htmx else response
