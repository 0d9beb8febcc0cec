"""What a page answers to something done: by htmx a toast, and word that the lists changed; else a message and the way
back.
"""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import trigger_client_event

from web.access import Request
from work.models import Task

CHANGED = "work-changed"
"""Live parts of a page ask anew when they hear of it."""
UNDO = "undo:"
"""What a message's tags begin with that can be taken back; the signed note follows."""


def done(request: Request, text: str, *, undo: str = "", back: str = "/", ask: Task | None = None) -> HttpResponse:
    """Done. `undo` is the signed note to take it back by; `back` is for forms that do not say where they stand.

    `ask` is a completed task whose outcome the toast asks for.
    """
    if not request.htmx:
        messages.success(request, text, extra_tags=f"{UNDO}{undo}" if undo else "")
        return redirect(way_back(request, back))
    response = render(request, "web/answers/done.html", {"text": text, "undo": undo, "ask": ask})
    return trigger_client_event(response, CHANGED)


def refused(request: Request, why: str, *, changed: bool = False, undo: str = "", back: str = "/") -> HttpResponse:
    """Nothing was changed, or with `changed` not all, and why; `undo` takes back what was."""
    if not request.htmx:
        messages.error(request, why, extra_tags=f"{UNDO}{undo}" if undo else "")
        return redirect(way_back(request, back))
    context = {"why": why, "changed": changed, "undo": undo}
    response = render(request, "web/answers/refused.html", context, status=200 if changed else 409)
    response["HX-Reswap"] = "none"
    return trigger_client_event(response, CHANGED) if changed else response


def way_back(request: Request, otherwise: str) -> str:
    """Where the form says one came from, if that is an address of ours."""
    target = request.POST.get("next", "")
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else otherwise
