"""Where every address leads."""

from datetime import datetime

from allauth.account.decorators import secure_admin_login
from allauth.mfa.base import views as two_step
from django.contrib import admin
from django.urls import include, path, re_path

from agents import http as agents
from api.urls import api
from config import health
from config.metrics import metrics
from web import first_run


def _fill(now: datetime) -> None:
    from config import demo  # heavy, and seldom wanted

    demo.fill(now=now)


first_run.register(_fill)

# Its own form would ask for the password alone.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics),
    # Only what may be the API's is looked for among its addresses, and not among those of the many pages.
    re_path(r"^(?=(?:api|automation|hooks)/)", api.urls),
    path("", include("web.urls")),
    path("mcp", agents.endpoint),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/code/", two_step.authenticate, name="mfa_authenticate"),
    path("accounts/code/again/", two_step.reauthenticate, name="mfa_reauthenticate"),
]

# Problem documents under the API's paths, pages elsewhere.
handler400 = "api.errors.handler400"
handler403 = "api.errors.handler403"
handler404 = "api.errors.handler404"
handler500 = "api.errors.handler500"
