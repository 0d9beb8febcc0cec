"""The inbox and the bell: what one was told."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from notifications.models import Notification
from web import paging
from web.access import Request, signed_in


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    rows = Notification.objects.visible_to(request.user)
    unread = rows.unread().count()
    return render(
        request,
        "web/inbox/page.html",
        {"page": paging.of(rows, "-id", cursor=request.GET.get("cursor", "")), "unread_count": unread},
    )


@require_GET
@signed_in
def bell(request: Request) -> HttpResponse:
    """The bell alone, or nothing while the number is the one it shows."""
    count = Notification.objects.visible_to(request.user).unread().count()
    if request.GET.get("n") == str(count):
        return HttpResponse(status=204)
    return render(request, "web/shell/bell.html", {"count": count})


@require_POST
@signed_in
def follow(request: Request, pk: int) -> HttpResponse:
    """Marks the notice read and goes where it leads."""
    rows = Notification.objects.visible_to(request.user)
    notice = get_object_or_404(rows, pk=pk)
    rows.filter(pk=pk).mark_read(timezone.now())
    if notice.task_id is not None:
        return redirect("web:task", notice.task_id)
    ours = notice.path.startswith("/") and not notice.path.startswith("//")
    return redirect(notice.path if ours else reverse("web:inbox"))


@require_POST
@signed_in
def read_all(request: Request) -> HttpResponse:
    Notification.objects.visible_to(request.user).mark_read(timezone.now())
    return redirect("web:inbox")
