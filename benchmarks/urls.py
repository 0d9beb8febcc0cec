"""The product's addresses and those of the bare views."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.drf import Activities
from config.urls import urlpatterns as product
from work.models import Task


@csrf_exempt
def bare(request: HttpRequest, task_id: int) -> HttpResponse:  # noqa: ARG001 (Django's)
    Task.objects.filter(pk=task_id).update(notes="done")
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [
    path("automation/bare/<int:task_id>", bare),
    path("plain/<int:task_id>", bare),
    path("api/drf/activities", Activities.as_view()),
    *product,
]
