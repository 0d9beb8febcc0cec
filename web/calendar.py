"""The private calendar of a person: read by programs without a session, made and ended on the settings page."""

import hashlib

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from people import feeds
from people.models import CalendarFeed
from web.access import Request, signed_in
from work import calendar


@require_safe
def feed(request: HttpRequest, secret: str) -> HttpResponse:
    """The file, or 304 for a program that has it as it is. A wrong secret does not exist."""
    found = feeds.find(secret)
    if found is None:
        raise Http404
    content = calendar.of(found, now=timezone.now())
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response = (
        HttpResponseNotModified()
        if tag in request.headers.get("If-None-Match", "")
        else HttpResponse(content, content_type="text/calendar; charset=utf-8")
    )
    response["ETag"] = tag
    response["Cache-Control"] = "private, max-age=0"
    response["Content-Disposition"] = 'inline; filename="nextmove.ics"'
    return response


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    """The answer to making one is the only page that ever holds the address."""
    address, user = "", request.user
    if request.method == "POST":
        shows = request.POST.get("shows", "")
        if shows == "none":
            feeds.end(user, by=user, now=timezone.now())
            messages.success(request, _("The address leads nowhere from now on."))
            return redirect("web:calendar")
        if shows in dict(CalendarFeed._meta.get_field("shows").choices or ()):
            secret = feeds.make(user, shows=shows, by=user, now=timezone.now())
            address = f"{settings.BASE_URL}/calendar/{secret}.ics"
    known = CalendarFeed.objects.filter(user=user).first()
    return render(request, "web/settings/calendar.html", {"address": address, "feed": known})
