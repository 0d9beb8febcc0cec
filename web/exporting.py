"""What a page lists, as a file: all of its pages, narrowed by the same address and by the same code."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_GET

from automation.exports import files
from automation.exports.lists import LISTS
from automation.exports.tables import Computed, Table
from domain.files import writing
from people import rights
from web import activity, contact_filters, inbox, monitor, rule_history, task_list, workload
from web.access import Request, signed_in

Narrowing = Callable[[Any, Request], Any]
NARROWINGS: dict[str, Narrowing] = {
    "tasks": lambda rows, of: task_list.listed(rows, of.GET, of.user, timezone.now()),
    "contacts": lambda rows, of: contact_filters.Filters.of(of.GET).narrow(rows, of.user, timezone.now()),
    "activities": lambda rows, of: activity.Filters.of(of.GET).narrow(rows, timezone.now()),
    "jobs": lambda rows, of: monitor.listed(rows, of.GET),
    "notifications": lambda rows, of: inbox.narrowed(rows, of.GET.get("view", "")),
    "firings": lambda rows, of: rule_history.narrowed(_of_rule(rows, of.GET), of.GET),
}
"""By the list's name among the exports, what its page makes of its address."""


SHOWN: dict[str, Callable[[Request], set[int]]] = {"workload": workload.people_shown}
"""Of the lists that are worked out, whose lines begin with an id, the ids that the page shows."""


@require_GET
@signed_in
def page(request: Request, name: str) -> HttpResponseBase:
    table, form, now = LISTS.get(name), request.GET.get("format", "csv"), timezone.now()
    if table is None or name not in {**NARROWINGS, **SHOWN} or form not in writing.FORMATS:
        raise Http404
    if table.right and not rights.may(request.user, table.right):
        raise PermissionDenied
    return files.answer(name, form, table.heads, _lines(request, name, table), now=now)


def _lines(request: Request, name: str, table: Table | Computed) -> Iterable[Sequence[Any]]:
    if isinstance(table, Table):
        return table.told(NARROWINGS[name](table.rows(request.user), request))
    shown = SHOWN[name](request)
    return (line for line in table.lines(request.user, {}, now=timezone.now()) if line[0] in shown)


def _of_rule(rows: Any, query: QueryDict) -> Any:
    rule = query.get("rule", "")
    return rows.filter(rule_id=int(rule)) if rule.isdecimal() and len(rule) < 19 else rows.none()
