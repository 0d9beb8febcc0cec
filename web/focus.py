"""Working through today's tasks, one at a time."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from web import mywork, tasks
from web.access import Request, signed_in

MOST_SKIPPED = 200


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    """The first of today's tasks that was not skipped; what is skipped stands in the address and comes again later."""
    skipped = [int(one) for one in request.GET.get("skip", "").split(",") if one.isdecimal() and len(one) < 19]
    skipped = skipped[-MOST_SKIPPED:]
    waiting = mywork.today(request.user, timezone.now())
    task = waiting.exclude(pk__in=skipped).first()
    left = waiting.count()
    if task is None:
        return render(request, "web/focus/done.html", {"left": left})
    context = {"left": left, "next": _address(skipped), "skip": _address([*skipped, task.pk]), "full": True}
    return render(request, "web/focus/page.html", tasks.detail(request, task) | context)


def _address(skipped: list[int]) -> str:
    query = f"?{urlencode({'skip': ','.join(map(str, skipped))})}" if skipped else ""
    return reverse("web:focus") + query
