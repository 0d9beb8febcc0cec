"""What a page lists, as a file: all of its pages, narrowed by the same address and by the same code.

In files for spreadsheets the heads and sentences are in the viewer's language; states, numbers and instants stay as
programs know them. JSON, and all files of the API, are in English.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase, QueryDict
from django.utils import timezone
from django.utils.translation import get_language, override
from django.views.decorators.http import require_GET

from automation.exports import files
from automation.exports.lists import LISTS
from automation.exports.tables import BadFilter, Computed, Table
from domain.files import writing
from people import rights, speech
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


JSON = "json"
READ_BACK = ("contacts", "tasks")
"""Lists that come back by import, which knows the columns by their heads: these stay as they are."""
SENTENCES = {
    "reports": ("Summary",),
    "firings": ("Reason",),
    "deliveries": ("Reason",),
    "notifications": ("Title", "Text"),
    "webhooks": ("Off because",),
}
"""Of a list the columns in which whole sentences of ours stand."""

SHOWN: dict[str, Callable[[Request], set[int]]] = {"workload": workload.people_shown}
"""Of the lists that are worked out, whose lines begin with an id, the ids that the page shows."""


@require_GET
@signed_in
def page(request: Request, name: str) -> HttpResponseBase:
    table, form, now = LISTS.get(name), request.GET.get("format", "csv"), timezone.now()
    if table is None or form not in writing.FORMATS:
        raise Http404
    if table.right and not rights.may(request.user, table.right):
        raise PermissionDenied
    try:
        heads, lines = table.heads, _lines(request, name, table)
    except BadFilter as wrong:
        raise Http404 from wrong
    if form != JSON and name not in READ_BACK:
        heads, lines = [speech.head(one) for one in table.heads], _said(lines, name, table)
    return files.answer(name, form, heads, lines, now=now)


def _lines(request: Request, name: str, table: Table | Computed) -> Iterable[Sequence[Any]]:
    if isinstance(table, Table) and name in NARROWINGS:
        return table.told(NARROWINGS[name](table.rows(request.user), request))
    if name not in SHOWN:
        asked = {key: str(value) for key, value in request.GET.items() if key != "format"}
        return table.lines(request.user, asked, now=timezone.now())
    shown = SHOWN[name](request)
    return (line for line in table.lines(request.user, {}, now=timezone.now()) if line[0] in shown)


def _said(lines: Iterable[Sequence[Any]], name: str, table: Table | Computed) -> Iterable[Sequence[Any]]:
    """The lines with their sentences in the language that is active now: they are read when the page is long done."""
    places, language = [table.heads.index(one) for one in SENTENCES.get(name, ())], get_language() or "en"
    return (_in(language, line, places) for line in lines) if places else lines


def _in(language: str, line: Sequence[Any], places: Sequence[int]) -> Sequence[Any]:
    with override(language):
        return [speech.said(cell) if at in places and cell else cell for at, cell in enumerate(line)]


def _of_rule(rows: Any, query: QueryDict) -> Any:
    rule = query.get("rule", "")
    return rows.filter(rule_id=int(rule)) if rule.isdecimal() and len(rule) < 19 else rows.none()
