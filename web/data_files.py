"""All lists as files, and files brought in with their history."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from automation.exports.lists import LISTS
from crm.files.models import Import
from people import rights
from people.models import User
from web import paging
from web.access import Request, signed_in
from web.imports import TITLES

SIZE = 20
GROUPS: tuple[tuple[str | Promise, dict[str, str | Promise]], ...] = (
    (
        _("Customers"),
        {
            "contacts": _("Contacts"),
            "activities": _("Activity"),
            "unmatched": _("Events of nobody known"),
            "conflicts": _("Events told twice, differently"),
        },
    ),
    (
        _("Work"),
        {
            "tasks": _("Tasks"),
            "workload": _("Workload"),
            "performance": _("Performance"),
            "estimates": _("Estimates"),
            "reports": _("Daily reports"),
            "batches": _("Planned follow-ups"),
        },
    ),
    (
        _("Automation"),
        {
            "rules": _("Rules"),
            "firings": _("What rules did"),
            "sequences": _("Sequences"),
            "campaigns": _("Campaigns"),
            "enrolments": _("Who is in them"),
            "automation-log": _("Automation log"),
            "jobs": _("Jobs"),
            "runs": _("Plans of who does what"),
        },
    ),
    (
        _("People and settings"),
        {
            "users": _("Members"),
            "skills": _("Skills"),
            "teams": _("Teams"),
            "notifications": _("Notifications"),
            "deliveries": _("What was sent"),
            "tokens": _("API tokens"),
            "webhooks": _("Webhooks"),
            "webhook-deliveries": _("What webhooks were told"),
            "sources": _("Mail and events"),
            "forms": _("Forms"),
            "imports": _("Imports"),
            "audit": _("Audit log"),
        },
    ),
)


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user = request.user
    rows = Import.objects.visible_to(user).select_related("by").defer("content", "difference")
    found = paging.of(rows, "-created_at", "-id", cursor=request.GET.get("cursor", ""), size=SIZE)
    context = {"page": found, "titles": TITLES, "listed": [(title, _open_to(user, names)) for title, names in GROUPS]}
    return render(request, "web/settings/data.html", context)


def _open_to(user: User, names: dict[str, str | Promise]) -> list[tuple[str, str | Promise]]:
    """Lists that need a right are offered to who has it."""
    return [
        (name, label) for name, label in names.items() if not LISTS[name].right or rights.may(user, LISTS[name].right)
    ]
