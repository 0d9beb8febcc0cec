"""The product's addresses and the bare view's."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.urls import urlpatterns as product
from work.models import Task


@csrf_exempt
def bare(request: HttpRequest, task_id: int) -> HttpResponse:  # noqa: ARG001 (Django's)
    Task.objects.filter(pk=task_id).update(notes="done")
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("bare/<int:task_id>", bare), path("plain/<int:task_id>", bare), *product]
