"""Finding a page, a contact or a task by a few letters, from everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from crm.models import Contact
from people.models import SavedView, User
from web import saved_views
from web.access import Request, signed_in
from work.models import Task

MOST = 6
"""Of each kind."""


@dataclass(frozen=True)
class Place:
    label: str | Promise
    icon: str
    name: str
    """Of its address."""
    who: str = ""
    """`leads` or `manages`, when it is not for everybody."""


PLACES = (
    Place(_("My work"), "circle-check-big", "mywork"),
    Place(_("Focus"), "play", "focus"),
    Place(_("New task"), "plus", "task-new"),
    Place(_("New contact"), "user-plus", "contact-new"),
    Place(_("New rule"), "plus", "rule-new"),
    Place(_("New sequence"), "plus", "sequence-new"),
    Place(_("New campaign"), "plus", "campaign-new"),
    Place(_("Inbox"), "inbox", "inbox"),
    Place(_("Tasks"), "list-checks", "tasks"),
    Place(_("Contacts"), "contact-round", "contacts"),
    Place(_("Activity"), "activity", "activity"),
    Place(_("Unmatched"), "circle-question-mark", "unmatched", "leads"),
    Place(_("Conflicts"), "git-compare", "conflicts", "leads"),
    Place(_("Task scheduling"), "workflow", "rules"),
    Place(_("Statistics"), "chart-column", "stats"),
    Place(_("Sequences"), "list-ordered", "sequences"),
    Place(_("Campaigns"), "megaphone", "campaigns"),
    Place(_("Jobs"), "square-activity", "jobs"),
    Place(_("Workload"), "users-round", "workload", "leads"),
    Place(_("Performance"), "chart-no-axes-column", "performance"),
    Place(_("Estimates"), "timer", "estimates"),
    Place(_("Daily reports"), "file-text", "reports", "leads"),
    Place(_("Import contacts"), "upload", "contact-import"),
    Place(_("Import rules"), "upload", "rule-import"),
    Place(_("Profile"), "circle-user-round", "profile"),
    Place(_("Notifications"), "bell", "notices"),
    Place(_("Mail and events"), "plug", "sources", "manages"),
    Place(_("Forms"), "clipboard-list", "forms", "manages"),
    Place(_("Retention"), "archive", "retention", "manages"),
    Place(_("Import and export"), "arrow-down-up", "data"),
    Place(_("Learning"), "sparkles", "learning"),
    Place(_("Audit log"), "scroll-text", "audit", "manages"),
    Place(_("Security"), "shield-check", "security"),
    Place(_("Calendar"), "calendar", "calendar"),
    Place(_("Balance week"), "scale", "balance", "manages"),
    Place(_("Team settings"), "users-round", "team-settings"),
    Place(_("API tokens"), "key-round", "tokens"),
    Place(_("Webhooks"), "webhook", "webhooks", "manages"),
)


@dataclass(frozen=True)
class Hit:
    label: str | Promise
    note: str | Promise
    icon: str
    href: str


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    asked = request.GET.get("q", "").strip().replace("\0", "")[:100]
    groups = [(title, hits) for title, hits in _groups(request.user, asked) if hits]
    template = "web/search/found.html" if request.htmx else "web/search/page.html"
    return render(request, template, {"q": asked, "groups": groups})


def _groups(user: User, asked: str) -> Iterator[tuple[str | Promise, list[Hit]]]:
    yield _("Views"), _views(user, asked)
    yield _("Go to"), _places(user, asked)
    if asked:
        yield _("Contacts"), _contacts(user, asked)
        yield _("Tasks"), _tasks(user, asked)


def _places(user: User, asked: str) -> list[Hit]:
    """Those whose name holds the letters asked for; without any, all of them."""
    wanted = asked.casefold()
    return [
        Hit(place.label, "", place.icon, reverse(f"web:{place.name}"))
        for place in PLACES
        if wanted in str(place.label).casefold() and (not place.who or getattr(user, place.who))
    ]


def _views(user: User, asked: str) -> list[Hit]:
    """Those that the person named, with the letters asked for in their names."""
    wanted = asked.casefold()
    return [
        Hit(
            view.name,
            saved_views.KINDS[view.page].label,
            saved_views.KINDS[view.page].icon,
            saved_views.address_of(view),
        )
        for view in SavedView.objects.visible_to(user).order_by("page", "name")
        if wanted in view.name.casefold()
    ]


def _contacts(user: User, asked: str) -> list[Hit]:
    found = Contact.objects.visible_to(user).found_by(asked).order_by("name", "pk")[:MOST]
    return [Hit(one.name, one.company, "contact-round", reverse("web:contact", args=[one.pk])) for one in found]


def _tasks(user: User, asked: str) -> list[Hit]:
    found = Task.objects.visible_to(user).open().found_by(asked).order_by("-pk")[:MOST]
    return [
        Hit(one.title, one.contact.name if one.contact else "", "circle", reverse("web:task", args=[one.pk]))
        for one in found.select_related("contact")
    ]
