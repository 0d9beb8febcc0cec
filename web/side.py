"""What the sidebar says on every page: how much waits for the viewer, and whether the automation is well."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from jobs import pulse
from jobs.models import Job
from people.models import User
from web import inbox, live, mywork
from web.access import Request, signed_in


@dataclass(frozen=True)
class Side:
    today: int
    unread: int
    most: int
    trouble: str
    """What is wrong with the automation, in one line; empty while it is well."""
    state: str
    """Which jobs to look at."""
    minutes: int | None
    """Since the clock last started something."""

    @property
    def version(self) -> str:
        return live.digest(repr(self))


def of(user: User, now: datetime) -> Side:
    """In five queries, however much there is."""
    found = pulse.glance(Job.objects.visible_to(user), now=now)
    state, trouble = _trouble(found, user)
    minutes = int((now - found.last_period_at).total_seconds() // 60) if found.last_period_at is not None else None
    return Side(mywork.waiting(user, now), inbox.unread(user), inbox.MOST - 1, trouble, state, minutes)


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    """The parts of the sidebar that change, or nothing while they say what is shown."""
    side = of(request.user, timezone.now())
    if request.GET.get("v") == side.version:
        return HttpResponse(status=204)
    return render(request, "web/shell/side.html", {"side": side, "anew": True})


def _trouble(found: pulse.Glance, user: User) -> tuple[str, str]:
    if found.is_stuck:
        return "pending", _("Work is due and nobody does it.")
    # An installation's first quarter of an hour has had no period yet.
    if found.clock_is_silent and found.now - user.date_joined > pulse.CLOCK_SILENT:
        return "", _("Nothing periodic was started lately.")
    if found.failed:
        text = ngettext("%(n)s job failed.", "%(n)s jobs failed.", found.failed)
        most = pulse.MOST_FAILED
        return "dead", text % {"n": f"{most}+" if found.failed > most else found.failed}
    return "", ""
