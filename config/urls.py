"""Where every address leads."""

from django.contrib import admin
from django.urls import include, path

from api.urls import api
from config import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("", include("web.urls")),  # before the API, whose own root would answer "/"
    path("", api.urls),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
]

# Problem documents under the API's paths, pages elsewhere.
handler400 = "api.errors.handler400"
handler403 = "api.errors.handler403"
handler404 = "api.errors.handler404"
handler500 = "api.errors.handler500"
