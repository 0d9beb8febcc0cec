"""/api/activities: telling Nextmove what happened, one by one or a thousand at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pydantic
from django.http import HttpRequest
from django.utils import timezone
from ninja import Body, Query, Router
from ninja.responses import Status
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.auth import caller, scope
from api.errors import Fault, FaultOut, Problem, faults, invalid
from api.fields import Id, In, Instant, Out
from api.paging import Cursor, Limit, Page, page
from crm import intake, replies
from crm.models import Activity, Contact
from domain import calendars

router = Router(tags=["activities"])

MOST = 1000
EXAMPLE: dict[str, Any] = {
    "contact_email": "ada@example.com",
    "activity_type": "email_clicked",
    "source_key": "msg-81:click:1",
}

OWN_RECORDS = {
    Activity.STATUS_CHANGED: "change the contact's status with PATCH /api/contacts/{id}",
    Activity.OPTED_IN: "let the contact in again with POST /api/contacts/{id}/opt-in",
    Activity.CONTACT_MERGED: "merge contacts with POST /api/contacts/{id}/merge",
    Activity.CONTACT_PARTED: "part contacts with POST /api/contacts/{id}/unmerge",
    Activity.CONTACT_ERASED: "erase the contact with POST /api/contacts/{id}/erase",
    Activity.TASK_CREATED: "make the task with POST /api/tasks",
    Activity.TASK_ASSIGNED: "assign the task with POST /automation/tasks/{id}/assign",
    Activity.TASK_COMPLETED: "complete the task with POST /automation/tasks/{id}/complete",
    Activity.TASK_COMMENTED: "comment on the task's page, /tasks/{id}",
    Activity.TASK_OUTCOME: "say what came of the task with PUT /automation/tasks/{id}/outcome",
    Activity.TASK_STATUS_CHANGED: "change the task's status with PUT /automation/tasks/{id}/status",
}
"""What is written down where it is done, so that it is never told without having happened: how to do each."""


def _tellable(kind: str) -> str:
    instead = OWN_RECORDS.get(kind.lower())
    if instead is not None:
        # The text is a variable of its template, for it holds braces.
        raise PydanticCustomError("reserved", "{words}", {"words": f"Nextmove itself records {kind}: {instead}."})
    return kind


class ActivityIn(In):
    """What happened to a contact, named by contact_id, contact_external_id, contact_email or contact_phone."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    contact_id: Id | None = None
    contact_email: Annotated[str, StringConstraints(max_length=254)] = ""
    contact_external_id: Annotated[str, StringConstraints(max_length=200)] = ""
    contact_phone: Annotated[str, StringConstraints(max_length=40)] = Field(
        "", description="With its country's code, or as it is dialled in the team's country"
    )
    activity_type: Annotated[str, StringConstraints(min_length=1, max_length=60), AfterValidator(_tellable)] = Field(
        description="Any word, also one of your own, but those that Nextmove records itself, such as status_changed"
    )
    occurred_at: Instant | None = Field(None, description="Now, when left out")
    source: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "api"
    source_key: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="The sender's id of the event: the same one again is a duplicate. Made here when left out"
    )
    data: dict[str, Any] = {}
    origin: Literal["live", "import"] = Field(
        "live", description="Import for what happened elsewhere: rules take no notice unless they say so"
    )


class RejectedOut(Out):
    index: int = Field(description="Its place in the list")
    errors: list[FaultOut]


class RecordedOut(Out):
    accepted: int
    duplicates: int = Field(description="Known under their source_key already; nothing was changed")
    rejected: list[RejectedOut]


class ActivityOut(Out):
    id: int
    contact_id: int | None
    task_id: int | None
    actor_id: int | None
    activity_type: str
    occurred_at: datetime
    received_at: datetime
    source: str
    source_key: str
    origin: str
    signal: str
    data: Any
    processed_at: datetime | None


def shown(rows: Sequence[Activity]) -> list[ActivityOut]:
    return [ActivityOut.model_validate(row) for row in rows]


@router.get("/api/activities", auth=scope("activities:read"), response=Page[ActivityOut])
def list_activities(
    request: HttpRequest,
    limit: Limit,
    cursor: Cursor,
    contact_id: Annotated[Id | None, Query(None)],
    task_id: Annotated[Id | None, Query(None)],
    activity_type: Annotated[str | None, Query(None, max_length=60)],
) -> dict[str, Any]:
    """What happened to the contacts you may see, newest first."""
    rows = Activity.objects.visible_to(caller(request))
    if contact_id is not None:
        rows = rows.filter(contact_id=contact_id)
    if task_id is not None:
        rows = rows.filter(task_id=task_id)
    if activity_type is not None:
        rows = rows.filter(activity_type=activity_type)
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-occurred_at", "-id"))


BODY = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/ActivityIn"},
                        {"type": "array", "maxItems": MOST, "items": {"$ref": "#/components/schemas/ActivityIn"}},
                    ]
                }
            }
        }
    }
}


@router.post("/api/activities", auth=scope("activities:write"), response={202: RecordedOut}, openapi_extra=BODY)
def record_activities(request: HttpRequest, payload: Annotated[Any, Body(...)]) -> Status[RecordedOut]:
    """Takes one activity or a list of up to 1,000. Of a list, what is sound is kept and the rest is named with why."""
    user = caller(request)
    alone = not isinstance(payload, list)
    said = [payload] if alone else payload
    if len(said) > MOST:
        raise invalid("", "too_long", f"At most {MOST} activities at once: send the rest with the next request.")
    items, rejected = _read(said)
    now, zone = timezone.now(), calendars.first_zone(user.team.timezone).zone
    recorded = intake.record(
        user.team,
        [_judged(item, now=now, zone=zone) for item in items.values()],
        now=now,
        visible=Contact.objects.visible_to(user),
    )
    places = list(items)
    for refused in recorded.rejected:
        rejected[places[refused.index]] = [Fault(**vars(fault)) for fault in refused.errors]
    if alone and rejected:
        raise Problem(422, "Nothing was recorded: correct what is listed under errors.", errors=rejected[0])
    return Status(202, outcome(recorded, rejected))


def _judged(item: intake.Incoming, *, now: datetime, zone: ZoneInfo) -> intake.Incoming:
    """A reply whose headers show that a machine wrote it, told as what it is: as inbound mail is."""
    if item.activity_type != Activity.EMAIL_REPLIED:
        return item
    reply = replies.told(item.data, received_at=item.occurred_at or now, zone=zone)
    if not reply.automatic:
        return item
    found = {"automatic": reply.reason, **({"until": reply.until.isoformat()} if reply.until else {})}
    return replace(
        item, activity_type=Activity.EMAIL_AUTO_REPLIED, signal=Activity.MACHINE, data={**found, **item.data}
    )


def outcome(recorded: intake.Recorded, rejected: dict[int, list[Fault]]) -> RecordedOut:
    return RecordedOut(
        accepted=len(recorded.accepted) + recorded.own,
        duplicates=recorded.duplicates,
        rejected=[
            RejectedOut(index=index, errors=[FaultOut(**vars(fault)) for fault in found])
            for index, found in sorted(rejected.items())
        ],
    )


def _read(said: Sequence[Any]) -> tuple[dict[int, intake.Incoming], dict[int, list[Fault]]]:
    items: dict[int, intake.Incoming] = {}
    rejected: dict[int, list[Fault]] = {}
    for index, one in enumerate(said):
        try:
            items[index] = intake.Incoming(**ActivityIn.model_validate(one).model_dump())
        except pydantic.ValidationError as error:
            rejected[index] = faults({**fault, "loc": ("item", *fault["loc"])} for fault in error.errors())
    return items, rejected
