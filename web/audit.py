"""The audit log: who changed what and when, narrowed by the address; for managers."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy
from django.views.decorators.http import require_GET

from automation import cancelling
from people import audit, rights
from people.models import Change, User
from web import paging
from web.access import Request, signed_in

SIZE = 40
LONGEST = 160
"""Characters of a value that are shown; the whole is its title."""
MOST_ID = 2**63 - 1


@dataclass(frozen=True)
class Kind:
    label: str | Promise
    model: str
    page: str = ""
    """The name of the address that shows one."""


KINDS: dict[str, Kind] = {
    "rule": Kind(gettext_lazy("Rule"), "automation.TaskAutomationRule", "rule"),
    "sequence": Kind(gettext_lazy("Sequence"), "automation.Sequence", "sequence"),
    "campaign": Kind(gettext_lazy("Campaign"), "automation.Campaign", "campaign"),
    "job": Kind(gettext_lazy("Job"), "jobs.Job"),
    "task": Kind(gettext_lazy("Task"), "work.Task", "task"),
    "contact": Kind(gettext_lazy("Contact"), "crm.Contact", "contact"),
    "member": Kind(gettext_lazy("Member"), "people.User", "member"),
    "team": Kind(gettext_lazy("Team"), "people.Team"),
    "learning": Kind(gettext_lazy("Learning"), "learning.TeamLearning"),
    "skill": Kind(gettext_lazy("Skill"), "people.Skill"),
    "token": Kind(gettext_lazy("API token"), "people.ApiToken"),
    "source": Kind(gettext_lazy("Source of mail events"), "crm.InboundSource", "source"),
    "form": Kind(gettext_lazy("Form"), "crm.InboundForm", "form"),
    "webhook": Kind(gettext_lazy("Webhook"), "webhooks.Endpoint", "webhook"),
    "notification_gateway": Kind(gettext_lazy("Channel"), "notifications.Gateway"),
    "notification_address": Kind(gettext_lazy("Address for notices"), "notifications.Address"),
    "calendar_feed": Kind(gettext_lazy("Calendar address"), "people.CalendarFeed"),
    "busy_times": Kind(gettext_lazy("Busy times"), "people.BusySource"),
    "calendar_push": Kind(gettext_lazy("Calendar push"), "work.CalendarPush"),
}
VERBS: dict[str, str | Promise] = {
    audit.CREATED: gettext_lazy("created"),
    audit.CHANGED: gettext_lazy("changed"),
    audit.DELETED: gettext_lazy("deleted"),
    "revoked": gettext_lazy("revoked"),
    cancelling.CANCELLED: pgettext_lazy("audit", "cancelled"),
    cancelling.PUT_BACK: gettext_lazy("put back"),
    "renewed": gettext_lazy("given a new secret"),
    "deactivated": gettext_lazy("deactivated"),
    "two-step on": gettext_lazy("switched two-step sign-in on"),
    "two-step off": gettext_lazy("two-step sign-in switched off"),
    "codes renewed": gettext_lazy("made new recovery codes"),
}
PEOPLE = frozenset({"assignee_id", "owner_id", "user_id", "made_by_id", "by_id"})
"""Columns that hold somebody's id."""


@dataclass(frozen=True)
class Value:
    shown: str
    whole: str


@dataclass(frozen=True)
class Difference:
    label: str
    before: Value | None
    """None where there was nothing to compare with."""
    after: Value | None


@dataclass(frozen=True)
class Line:
    row: Change
    kind: str | Promise
    verb: str | Promise
    href: str
    differences: list[Difference]


@dataclass(frozen=True)
class Asked:
    """What the address narrows the log by; what cannot be read narrows nothing."""

    kind: str
    actor: int | None
    subject: str
    since: date | None
    until: date | None

    @classmethod
    def of(cls, given: Any) -> "Asked":
        kind, actor, subject = (given.get(name, "").strip() for name in ("kind", "actor_id", "subject_id"))
        is_id = actor.isascii() and actor.isdecimal() and int(actor) <= MOST_ID
        days = [_day(given.get(name, "")) for name in ("since", "until")]
        return cls(kind if kind in KINDS else "", int(actor) if is_id else None, subject[:40], *days)

    def instants(self) -> tuple[datetime | None, datetime | None]:
        """From the start of the first day to the end of the last, by the viewer's clock."""
        return _midnight(self.since), _midnight(self.until + timedelta(days=1) if self.until else None)

    def narrow(self, rows: Any) -> Any:
        since, until = self.instants()
        wanted = {
            "kind": self.kind or None,
            "actor_id": self.actor,
            "subject_id": self.subject or None,
            "at__gte": since,
            "at__lt": until,
        }
        return rows.filter(**{name: value for name, value in wanted.items() if value is not None})

    def for_export(self) -> dict[str, Any]:
        since, until = (one.isoformat() if one else "" for one in self.instants())
        return {"kind": self.kind, "actor_id": self.actor, "subject_id": self.subject, "since": since, "until": until}


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    user = request.user
    if not rights.may(user, "manage_team"):
        raise PermissionDenied(_("Only managers read who changed what."))
    asked = Asked.of(request.GET)
    rows = asked.narrow(Change.objects.visible_to(user).select_related("actor"))
    found = paging.of(rows, "-id", cursor=request.GET.get("cursor", ""), size=SIZE)
    context = {
        "page": found,
        "lines": list(lines(found.rows)),
        "asked": asked,
        "narrowed": asked != Asked.of({}),
        "kinds": [(code, kind.label) for code, kind in KINDS.items()],
        "people": User.objects.visible_to(user).order_by("first_name", "username"),
        "export": asked.for_export(),
    }
    return render(request, "web/settings/audit.html", context)


def lines(rows: Iterable[Change]) -> Iterator[Line]:
    """The rows as one reads them; people that columns name are looked up at once."""
    rows = list(rows)
    ids = {
        value
        for row in rows
        for facts in (row.before, row.after)
        for name, value in facts.items()
        if name in PEOPLE and isinstance(value, int)
    }
    names = {one.pk: one.display_name for one in User.objects.filter(pk__in=ids)}
    for row in rows:
        kind = KINDS.get(row.kind)
        label = kind.label if kind is not None else row.kind.replace("_", " ").capitalize()
        yield Line(row, label, VERBS.get(row.verb, row.verb), _href(row, kind), list(_differences(row, kind, names)))


def _differences(row: Change, kind: Kind | None, names: dict[int, str]) -> Iterator[Difference]:
    for name in {**row.before, **row.after}:
        before = _value(name, row.before[name], names) if name in row.before and row.before[name] is not None else None
        after = _value(name, row.after[name], names) if name in row.after and row.after[name] is not None else None
        yield Difference(_label(name, kind), before, after)


def _label(name: str, kind: Kind | None) -> str:
    """What the model calls the column."""
    if kind is not None:
        try:
            field = apps.get_model(kind.model)._meta.get_field(name.removesuffix("_id"))
        except (FieldDoesNotExist, LookupError):
            pass
        else:
            return str(getattr(field, "verbose_name", name)).capitalize()
    return name.removesuffix("_id").replace("_", " ").capitalize()


def _value(name: str, value: Any, names: dict[int, str]) -> Value:
    text = _text(name, value, names)
    return Value(text if len(text) <= LONGEST else f"{text[:LONGEST]}…", text)


def _text(name: str, value: Any, names: dict[int, str]) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value == audit.HIDDEN:
        return pgettext("a secret in the audit log", "set, not shown")
    if value in ("", [], {}):
        return _("empty")
    if name in PEOPLE and isinstance(value, int):
        return names.get(value, str(value))
    if isinstance(value, str):
        at = _instant(value) if name.endswith(("_at", "_date", "_until")) else None
        return timezone.localtime(at).strftime("%Y-%m-%d %H:%M") if at is not None else value
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(str(one) for one in value)
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False)


def _href(row: Change, kind: Kind | None) -> str:
    if kind is None or not kind.page or row.verb == audit.DELETED or not row.subject_id.isdecimal():
        return ""
    try:
        return reverse(f"web:{kind.page}", args=[int(row.subject_id)])
    except NoReverseMatch:
        return ""


def _day(text: str) -> date | None:
    try:
        day = parse_date(text.strip())
    except ValueError:
        return None
    return day if day is not None and 1970 <= day.year < 2200 else None


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time.min)) if day is not None else None


def _instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
