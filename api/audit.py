"""/api/audit: who changed what, before and after; for managers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from api.auth import caller, need, scope
from api.fields import Id, Instant, Out
from api.paging import Cursor, Limit, Page, page
from people.models import Change

router = Router(tags=["people"])

Kind = Literal[
    "rule",
    "sequence",
    "campaign",
    "task",
    "member",
    "team",
    "skill",
    "token",
    "source",
    "form",
    "contact",
    "webhook",
    "busy_times",
    "calendar_push",
]


class AuditLineOut(Out):
    id: int
    at: datetime
    actor_id: int | None = Field(description="null for the product itself, and for the command line")
    kind: str
    subject_id: str
    subject: str = Field(description="Its name then")
    verb: str = Field(description="created, changed, deleted, or a word of the kind, such as revoked or paused")
    before: dict[str, Any] = Field(description="What differs, as it was")
    after: dict[str, Any] = Field(description="And as it was then; of a secret only that it is set")


def shown(rows: Sequence[Change]) -> list[AuditLineOut]:
    return [AuditLineOut.model_validate(row) for row in rows]


@router.get("/api/audit", auth=scope("team:read"), response=Page[AuditLineOut])
def list_changes(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    kind: Annotated[Kind | None, Query(None)],
    subject_id: Annotated[Id | None, Query(None, description="The id of the rule, the task and so on")],
    actor_id: Annotated[Id | None, Query(None)],
    since: Annotated[Instant | None, Query(None)],
    until: Annotated[Instant | None, Query(None, description="Up to this instant, itself left out")],
) -> dict[str, Any]:
    """Who changed what in your team, newest first."""
    user = caller(request)
    need(user, "manage_team", "read who changed what")
    wanted = {
        "kind": kind,
        "subject_id": None if subject_id is None else str(subject_id),
        "actor_id": actor_id,
        "at__gte": since,
        "at__lt": until,
    }
    rows = Change.objects.visible_to(user).filter(
        **{name: value for name, value in wanted.items() if value is not None}
    )
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))
