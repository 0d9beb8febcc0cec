"""How the pages look and speak: the theme, a cookie that the server goes by, and the language, kept with the person."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from people.audited import MEMBER
from people.models import User
from web.access import Request

THEMES = ("light", "dark", "system")
COOKIE = "theme"
YEAR = 365 * 24 * 3600


@require_POST
def speak(request: Request) -> HttpResponse:
    """The language of the pages and of what is sent to the person; of a stranger, who is not known again elsewhere, a
    cookie. An unknown one leaves it to the browser.
    """
    language, target = request.POST.get("language", ""), request.POST.get("next", "/")
    language = language if language in dict(settings.LANGUAGES) else ""
    response = redirect(target if _is_ours(target) else "/")
    if request.user.is_authenticated:
        with MEMBER.changing(request.user, by=request.user, now=timezone.now()):
            User.objects.filter(pk=request.user.pk).update(language=language)
    elif language:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=YEAR,
            samesite="Lax",
            secure=request.is_secure(),
            httponly=True,
        )
    if not language:
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
