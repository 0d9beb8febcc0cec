"""/api/task-automation/campaigns: campaigns with their steps, and enrolling contacts in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import ConfigDict, Field, StringConstraints

from api import enrolling
from api.auth import caller, scope
from api.enrolling import EnrolIn, EnrolledOut, MigratedOut, MigrateIn, PreviewIn, PreviewOut
from api.fields import UNSET, Id, In, Out, Text, one
from api.paging import Cursor, Limit, Page, page
from api.rules import Name
from api.sequences import Condition, Exits, Reenrol
from api.tasks import Priority
from automation import programmes
from automation.models import AutomationStep, Campaign
from automation.programmes import BadProgramme, campaigns, exits

router = Router(tags=["sequences and campaigns"])

PATH = "/api/task-automation/campaigns/"
READ, WRITE = scope("rules:read"), scope("rules:write")

EXAMPLE: dict[str, Any] = {
    "name": "Spring",
    "steps": [
        {"message_type": "task", "name": "Call {{contact_name}}", "delay_days": 1},
        {"message_type": "wait", "delay_days": 4},
        {"message_type": "task", "name": "Follow up call", "body": "Ask what they think of it", "delay_days": 3},
    ],
}


class CampaignStepIn(In):
    id: Id | None = Field(None, description="Of a step that is there already, to keep it the same step")
    message_type: Literal["task", "email", "sms", "wait"] = "task"
    name: Annotated[str, StringConstraints(max_length=255)] = Field("", description="The title of its task")
    body: Text = Field("", description="The description of its task")
    delay_days: Annotated[float, Field(ge=0, le=3650, allow_inf_nan=False)] = Field(
        0, description="From the step before, or from enrolment"
    )
    condition: Condition = Field("", description="In CEL; where it is false the step is skipped")
    priority: Priority = "medium"
    settings: dict[str, Any] = Field(
        {},
        description="wait_for_previous, assign, required_skills, estimated_hours, reminder_offset_hours, "
        "due_within_hours",
    )


class CampaignPatch(In):
    name: Name = UNSET
    description: Text = UNSET
    steps: list[CampaignStepIn] = Field(UNSET, max_length=50, description="In order; they replace those there are")
    exits: Exits = UNSET
    reenrol: Reenrol = UNSET
    is_active: bool = UNSET


class CampaignIn(CampaignPatch):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Name
    description: Text = ""
    steps: list[CampaignStepIn] = Field([], max_length=50)
    exits: Exits = Field(Exits.model_validate({}))
    reenrol: Reenrol = "refuse"
    is_active: bool = True


class CampaignStepOut(Out):
    id: int
    message_type: str
    name: str
    body: str
    delay_days: float
    order: int
    condition: str
    priority: str
    settings: Any


class CampaignOut(Out):
    id: int
    name: str
    description: str
    steps: list[CampaignStepOut]
    exits: dict[str, Any] = Field(description="All of them, also those left at what is usual")
    reenrol: str
    is_active: bool
    owner_id: int
    team_id: int
    created_at: datetime


def shown(rows: Sequence[Campaign]) -> list[CampaignOut]:
    """Campaigns with their steps: one query more, whatever their number."""
    by_campaign: dict[int, list[CampaignStepOut]] = {}
    for step in AutomationStep.objects.filter(campaign__in=rows):
        by_campaign.setdefault(step.campaign_id, []).append(CampaignStepOut.model_validate(step))
    columns = set(CampaignOut.model_fields) - {"steps", "exits"}
    return [
        CampaignOut.model_validate(
            {name: getattr(row, name) for name in columns}
            | {"steps": by_campaign.get(row.pk, []), "exits": exits.settings_of(row)}
        )
        for row in rows
    ]


def _out(row: Campaign) -> CampaignOut:
    return shown([row])[0]


@router.get(PATH, auth=READ, response=Page[CampaignOut])
def list_campaigns(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The team's campaigns with their steps."""
    rows = Campaign.objects.visible_to(caller(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=shown)


@router.post(PATH, auth=WRITE, response={201: CampaignOut})
def create_campaign(request: HttpRequest, payload: CampaignIn) -> Status[CampaignOut]:
    """Makes a campaign of yours. A step whose channel is not set up is refused, saying why."""
    try:
        return Status(201, _out(campaigns.create(caller(request), by=caller(request), **_fields(payload, whole=True))))
    except BadProgramme as bad:
        raise enrolling.unsound(bad) from None


@router.get(PATH + "{int:id}/", auth=READ, response=CampaignOut)
def get_campaign(request: HttpRequest, id: Id) -> CampaignOut:
    """One campaign with its steps."""
    return _out(one(Campaign.objects.visible_to(caller(request)), id, "campaign"))


@router.put(PATH + "{int:id}/", auth=WRITE, response=CampaignOut)
def replace_campaign(request: HttpRequest, id: Id, payload: CampaignIn) -> CampaignOut:
    """Sets the whole campaign. Those under way finish on the steps they started with, unless they are migrated."""
    return _update(request, id, _fields(payload, whole=True))


@router.patch(PATH + "{int:id}/", auth=WRITE, response=CampaignOut)
def update_campaign(request: HttpRequest, id: Id, payload: CampaignPatch) -> CampaignOut:
    """Changes what is sent. Switched off, nobody is enrolled and those under way are held until it is on again."""
    return _update(request, id, _fields(payload, whole=False))


@router.delete(PATH + "{int:id}/", auth=WRITE, response={204: None})
def delete_campaign(request: HttpRequest, id: Id) -> Status[None]:
    """Takes it off the list and ends it for everybody under way; tasks keep their origin."""
    user = caller(request)
    row = enrolling.editable(Campaign.objects.visible_to(user), user, id, "campaign")
    programmes.archive(row, by=user, now=timezone.now())
    return Status(204, None)


@router.post(PATH + "{int:id}/preview", auth=scope("tasks:read"), response=PreviewOut)
def preview_campaign(request: HttpRequest, id: Id, payload: PreviewIn) -> PreviewOut:
    """What enrolling these contacts would do: each date, what would be skipped, who is refused. Writes nothing."""
    user = caller(request)
    return enrolling.preview(user, one(Campaign.objects.visible_to(user), id, "campaign"), payload)


@router.post(PATH + "{int:id}/enrol", auth=scope("tasks:write"), response={201: EnrolledOut})
def enrol_in_campaign(request: HttpRequest, id: Id, payload: EnrolIn) -> Status[EnrolledOut]:
    """Enrols contacts, each by itself: those refused are listed with why. More than 100 need `confirm`."""
    user = caller(request)
    return enrolling.enrol(user, one(Campaign.objects.visible_to(user), id, "campaign"), payload)


@router.post(PATH + "{int:id}/migrate-preview", auth=READ, response=MigratedOut)
def preview_campaign_migration(request: HttpRequest, id: Id, payload: MigrateIn) -> MigratedOut:
    """What moving those under way to the newest steps would change, step by step. Writes nothing."""
    return enrolling.migrate(one(Campaign.objects.visible_to(caller(request)), id, "campaign"), payload, dry_run=True)


@router.post(PATH + "{int:id}/migrate", auth=WRITE, response=MigratedOut)
def migrate_campaign(request: HttpRequest, id: Id, payload: MigrateIn) -> MigratedOut:
    """Moves those under way to the newest steps. What is done stays done; what is past does not happen any more."""
    user = caller(request)
    row = enrolling.editable(Campaign.objects.visible_to(user), user, id, "campaign")
    return enrolling.migrate(row, payload, dry_run=payload.dry_run)


def _fields(payload: CampaignPatch, *, whole: bool) -> dict[str, Any]:
    fields = enrolling.payload_of(payload, whole=whole)
    fields.pop("steps", None)
    if payload.steps is not None:
        fields["rows"] = [step.model_dump() for step in payload.steps]
    if payload.exits is not None:
        fields["exits"] = payload.exits.model_dump(exclude_unset=True)
    return fields


def _update(request: HttpRequest, id: int, fields: dict[str, Any]) -> CampaignOut:
    user = caller(request)
    row = enrolling.editable(Campaign.objects.visible_to(user), user, id, "campaign")
    try:
        return _out(campaigns.update(row, by=user, now=timezone.now(), **fields))
    except BadProgramme as bad:
        raise enrolling.unsound(bad) from None
