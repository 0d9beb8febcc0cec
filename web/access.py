"""What every page passes: sign-in, the viewer's time zone, and who may open it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from people import hours, rights
from people.models import User

View = Callable[..., HttpResponseBase]


class Request(HttpRequest):
    """A request as `signed_in` passes it on: somebody's, and by htmx or not."""

    user: User
    htmx: HtmxDetails


def signed_in(view: View) -> View:
    """Sends strangers to the sign-in page, and shows all times in the viewer's zone."""

    @wraps(view)
    def inner(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        if not user.is_authenticated:
            return _to_sign_in(request)
        with timezone.override(hours.zone_of(user).zone):
            response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return inner


def for_leads(view: View) -> View:
    """A signed-in person who may see the team's figures."""

    @wraps(view)
    def inner(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not rights.may(request.user, "view_team"):
            raise PermissionDenied("Only leads and managers see the team's figures.")
        return view(request, *args, **kwargs)

    return signed_in(inner)


def for_managers(view: View) -> View:
    """A signed-in person who may run the team."""

    @wraps(view)
    def inner(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not rights.may(request.user, "manage_team"):
            raise PermissionDenied("Only managers give out and move others' work.")
        return view(request, *args, **kwargs)

    return signed_in(inner)


def _to_sign_in(request: Request) -> HttpResponse:
    """A fragment cannot carry a sign-in page: the whole page goes there and comes back to where it was."""
    if request.htmx:
        return HttpResponseClientRedirect(
            f"{resolve_url('account_login')}?next={request.htmx.current_url_abs_path or '/'}"
        )
    return redirect_to_login(request.get_full_path())
