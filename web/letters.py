"""Pages behind the links of a letter: they act for its reader without a session, and only when a button is pressed."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from notifications import links, preferences, routing
from notifications.kinds import KINDS
from notifications.models import Delivery
from people import hours, speech
from work import lifecycle, snoozing
from work.models import Task

DONE = "done"
ACTS = (DONE, *snoozing.CHOICES)
View = Callable[..., HttpResponse]


def _open_to_all(view: View) -> View:
    """The address itself is the permission: nothing is read of a session, and nothing keeps or passes on the page."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def inner(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = view(request, token)
        except links.Invalid as fault:
            response = told(request, _("This link does not work"), str(fault), status=404)
        except links.Expired as fault:
            response = told(request, _("This link is too old"), str(fault), status=410)
        response["Cache-Control"] = "private, no-store"
        response["Referrer-Policy"] = "no-referrer"
        response["X-Robots-Tag"] = "noindex"
        return response

    return inner


@_open_to_all
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """What the letter was about, with buttons; a button pressed does it, once."""
    delivery = links.find(token, now=timezone.now())
    with timezone.override(hours.zone_of(delivery.user).zone):
        if request.method == "POST" and request.POST.get("act") in ACTS:
            return _act(request, delivery, request.POST["act"])
        task = _task_of(delivery)
        context = {
            "notice": delivery.notification,
            "task": task,
            "mine": task is not None and task.is_open and task.assignee_id == delivery.user_id,
            "first": request.GET.get("act", DONE),
        }
        return render(request, "web/letters/answer.html", context)


@_open_to_all
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Programs of mail providers press the button themselves (RFC 8058), with a body that says so."""
    user, kinds, channel = links.find_unsubscriber(token)
    if request.method == "POST":
        wanted = request.POST.get("wanted") == "yes"
        preferences.switch(user, kinds, channel, on=wanted)
    else:
        chosen = preferences.of(user)
        wanted = any(chosen[kind][channel] != routing.OFF for kind in kinds)
    context = {"labels": [KINDS[kind].label for kind in kinds], "wanted": wanted, "changed": request.method == "POST"}
    return render(request, "web/letters/unsubscribe.html", context)


def _act(request: HttpRequest, delivery: Delivery, act: str) -> HttpResponse:
    now, user, task = timezone.now(), delivery.user, _task_of(delivery)
    if task is None or task.assignee_id != user.pk:
        return told(request, _("No longer yours"), _("The task was given to somebody else: nothing was changed."))
    try:
        with transaction.atomic():
            if not links.use(delivery, act, now=now):
                return told(request, _("Done before"), _("This link was used already: nothing was changed."), task=task)
            if act == DONE:
                lifecycle.complete(task, by=user, now=now)
                return told(request, _("Done"), _("“%(title)s” is done.") % {"title": task.title})
            due = snoozing.snooze(task, act, by=user, now=now).due_date
            when = speech.dated(timezone.localtime(due), "D j N, H:i")
            return told(request, _("Put off"), _("It is due %(when)s now.") % {"when": when}, task=task)
    except (lifecycle.NotOpen, lifecycle.NotAllowed, snoozing.Later) as fault:
        return told(request, _("Nothing was changed"), str(fault), task=task)


def _task_of(delivery: Delivery) -> Task | None:
    """The notice's task, if its reader may still see it."""
    visible = Task.objects.visible_to(delivery.user).select_related("contact", "team", "assignee__team")
    return visible.filter(pk=delivery.notification.task_id).first()


def told(request: HttpRequest, title: str, words: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page that says one thing, to somebody who may not be signed in."""
    return render(request, "web/letters/told.html", {"title": title, "words": words, **context}, status=status)
