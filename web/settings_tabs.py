"""The pages of the settings, in their two groups, and who is shown which."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from people.models import User


@dataclass(frozen=True)
class Tab:
    label: str | Promise
    icon: str
    name: str
    """Of its address."""
    also: tuple[str, ...] = ()
    """Other addresses that belong to it."""


ME = (
    Tab(_("Profile"), "circle-user-round", "profile"),
    Tab(_("Notifications"), "bell", "notices", ("place", "place-confirm")),
    Tab(_("Security"), "shield-check", "security", ("two-step", "two-step-codes")),
    Tab(_("API tokens"), "key-round", "tokens"),
    Tab(_("Calendar"), "calendar", "calendar", ("busy", "push")),
)
TEAM = (
    Tab(
        _("Members and hours"),
        "users-round",
        "team-settings",
        ("team-hours", "team-day-off", "team-member", "team-skill"),
    ),
    Tab(_("Channels"), "message-square", "accounts", ("account",)),
    Tab(_("Mail and events"), "plug", "sources", ("source", "source-renew", "source-test")),
    Tab(_("Forms"), "clipboard-list", "forms", ("form", "form-test")),
    Tab(_("Webhooks"), "webhook", "webhooks", ("webhook", "webhook-rotate")),
    Tab(_("Scoring"), "gauge", "scoring"),
    Tab(_("Learning"), "sparkles", "learning", ("learning-points",)),
    Tab(_("Retention"), "archive", "retention"),
    Tab(_("Import and export"), "arrow-down-up", "data"),
    Tab(_("Audit log"), "scroll-text", "audit"),
)
FOR_EVERYBODY = frozenset({"data", "learning", "team-settings"})
"""Pages of the team that do not need a manager."""


@dataclass(frozen=True)
class Link:
    label: str | Promise
    icon: str
    href: str
    current: bool


def groups(user: User, shown: str) -> Iterator[tuple[str | Promise, list[Link]]]:
    """The groups with their pages; `shown` is the name of the address that is open."""
    yield _("Me"), list(_links(ME, shown))
    yield _("Team"), list(_links([tab for tab in TEAM if user.manages or tab.name in FOR_EVERYBODY], shown))


def _links(tabs: "tuple[Tab, ...] | list[Tab]", shown: str) -> Iterator[Link]:
    for tab in tabs:
        try:
            href = reverse(f"web:{tab.name}")
        except NoReverseMatch:
            continue
        yield Link(tab.label, tab.icon, href, shown == tab.name or shown in tab.also)
