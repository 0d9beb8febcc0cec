"""How the pages look and speak: the theme and the language, each a cookie that the server goes by."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from web.access import Request

THEMES = ("light", "dark", "system")
COOKIE = "theme"
YEAR = 365 * 24 * 3600


@require_POST
def speak(request: Request) -> HttpResponse:
    """The language of the pages; an unknown one leaves it to the browser's."""
    language, target = request.POST.get("language", ""), request.POST.get("next", "/")
    response = redirect(target if _is_ours(target) else "/")
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=YEAR,
            samesite="Lax",
            secure=request.is_secure(),
            httponly=True,
        )
    else:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    return response


def _is_ours(target: str) -> bool:
    return target.startswith("/") and not target.startswith(("//", "/\\"))


@require_POST
def choose(request: Request) -> HttpResponse:
    theme = request.POST.get("theme", "")
    theme = theme if theme in THEMES else "system"
    target = request.POST.get("next", "/")
    response: HttpResponse = HttpResponse(status=204) if request.htmx else redirect(target if _is_ours(target) else "/")
    response.set_cookie(COOKIE, theme, max_age=YEAR, samesite="Lax", secure=request.is_secure(), httponly=True)
    return trigger_client_event(response, "theme", {"value": theme}) if request.htmx else response
