"""/api/exports: every list as a CSV, XLSX or JSON file, with the filters and rights of the list."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Router

from api.auth import caller, need_scope, scope
from api.errors import Problem, invalid
from automation.exports import files, lists, tables

router = Router(tags=["files"])

Format = Literal["csv", "xlsx", "json"]
FILE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The file",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
                    "schema": {"type": "string", "format": "binary"}
                },
                "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
            },
        }
    }
}


@router.get("/api/exports/{list}", auth=scope("files:read"), openapi_extra=FILE)
def export_list(request: HttpRequest, list: str, format: Annotated[Format, Query("csv")]) -> StreamingHttpResponse:
    """A list as you see it: contacts, tasks, activities, unmatched, conflicts, users, skills, teams, workload,
    performance, estimates, reports, rules, firings, sequences, campaigns, batches, enrolments, runs, automation-log,
    jobs, notifications, deliveries, imports, audit, tokens, webhooks, webhook-deliveries, sources, forms; no secrets.

    A token needs the scope that reads the list too, as `contacts:read`. Filters are those of the list, as
    `status=open`. Text that a spreadsheet would run begins with an apostrophe; importing takes it off again.
    """
    asked = {name: str(value) for name, value in request.GET.items() if name != "format"}
    if any("\0" in value for value in asked.values()):
        raise invalid("/" + next(iter(asked)), "nul", "A NUL character cannot be searched for: leave it out.")
    now = timezone.now()
    if list not in lists.LISTS:
        raise Problem(404, f"There is no list of this name: use one of {', '.join(lists.LISTS)}.")
    need_scope(request, lists.LISTS[list].scope)
    try:
        heads, rows = lists.lines(list, caller(request), asked, now=now)
    except lists.NotAllowed as refusal:
        raise Problem(403, str(refusal)) from None
    except tables.BadFilter as bad:
        raise invalid(f"/{bad.name}", "filter", str(bad)) from None
    return files.answer(list, format, heads, rows, now=now)
