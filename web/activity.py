"""The stream: what came in for the team, and what the rules made of it."""

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from automation.models import Firing
from crm.models import Activity
from web import paging, words
from web.access import Request, signed_in


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    kind = request.GET.get("type", "")
    firings = Firing.objects.visible_to(request.user).select_related("rule", "task").order_by("id")
    rows = Activity.objects.visible_to(request.user).select_related("contact", "actor")
    if kind:
        rows = rows.filter(activity_type=kind)
    rows = rows.prefetch_related(Prefetch("firings", queryset=firings, to_attr="shown_firings"))
    stream = paging.of(rows, "-occurred_at", "-id", cursor=request.GET.get("cursor", ""))
    return render(request, "web/activity/page.html", {"page": stream, "kind": kind, "kinds": words.ACTIVITIES})
