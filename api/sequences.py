"""/api/task-automation/sequences: follow-up sequences of a team, enrolling contacts in them, changing them."""

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
from api.rules import Name, SkillNeeded, TitleTemplate
from api.tasks import Priority
from automation import programmes
from automation.models import Sequence as SequenceRow
from automation.programmes import BadProgramme, exits, sequences

router = Router(tags=["sequences and campaigns"])

PATH = "/api/task-automation/sequences/"
READ, WRITE, ENROL = scope("rules:read"), scope("rules:write"), scope("tasks:write")

PlainHours = Annotated[float, Field(ge=0, le=8784, allow_inf_nan=False)]
Condition = Annotated[str, StringConstraints(max_length=2000)]
Slip = Literal["anchor", "push"]
Pacing = Literal["at_once", "one_by_one"]
Reenrol = Literal["refuse", "once", "always"]

EXAMPLE: dict[str, Any] = {
    "name": "After the demo",
    "slip": "push",
    "steps": [
        {"title": "Thank {{contact_name}}", "delay": {"kind": "elapsed", "hours": 2}},
        {
            "title": "Call {{contact_name}}",
            "priority": "high",
            "delay": {"kind": "business", "days": 2, "at": "09:00"},
            "wait_for_previous": True,
            "condition": "contact.lead_score > 50",
        },
    ],
}


class DelayIn(In):
    kind: Literal["elapsed", "calendar", "business"] = "elapsed"
    hours: Annotated[float, Field(ge=0, le=87_600, allow_inf_nan=False)] | None = None
    days: Annotated[int, Field(ge=0, le=3650)] | None = None
    at: Annotated[str, StringConstraints(max_length=8)] | None = Field(None, description="Local time, as 09:00")
    outside: Literal["", "as_is", "next", "previous"] = Field("", description="Where it falls outside working time")


class StepIn(In):
    key: Annotated[str, StringConstraints(min_length=1, max_length=40)] = Field(
        UNSET, description="Made when left out; keep it when changing steps, for those under way go by it"
    )
    title: TitleTemplate
    description: Text = ""
    priority: Priority = "medium"
    delay: DelayIn = Field(DelayIn.model_validate({}), description="From enrolment")
    wait_for_previous: bool = Field(False, description="Not before the task of the step before is closed")
    condition: Condition = Field("", description="In CEL; where it is false the step is skipped")
    estimated_hours: Annotated[float, Field(ge=0.01, le=8784, allow_inf_nan=False)] | None = None
    required_skills: list[SkillNeeded] = Field([], max_length=20)
    assign: Annotated[str, StringConstraints(max_length=40)] = Field(
        "owner", description="owner, enroller, best_match, round_robin, unassigned or user:ID"
    )
    reminder_offset_hours: PlainHours | None = None
    due_within_hours: PlainHours | None = Field(None, description="From the step's date until its task is due; 8")


class Exits(In):
    """What ends it early for a contact. What is left out is as usual."""

    replied: bool = UNSET
    meeting: bool = UNSET
    statuses: list[Literal["lead", "active", "inactive", "lost"]] = UNSET
    unsubscribed: bool = UNSET
    complained: bool = UNSET
    bounced: bool = Field(UNSET, description="For good, not for now")
    do_not_contact: bool = UNSET


class SequencePatch(In):
    name: Name = UNSET
    description: Text = UNSET
    steps: list[StepIn] = Field(UNSET, min_length=1, max_length=50)
    slip: Slip = Field(UNSET, description="Whether a late step moves the later ones (push) or not (anchor)")
    pacing: Pacing = Field(UNSET, description="All tasks at once, or each when its time comes")
    exits: Exits = UNSET
    reenrol: Reenrol = Field(UNSET, description="refuse: not while under way; once: once for each contact; always")
    is_active: bool = UNSET


class SequenceIn(SequencePatch):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Name
    description: Text = ""
    steps: list[StepIn] = Field(min_length=1, max_length=50)
    slip: Slip = "anchor"
    pacing: Pacing = "one_by_one"
    exits: Exits = Field(Exits.model_validate({}))
    reenrol: Reenrol = "refuse"
    is_active: bool = True


class CopyIn(In):
    name: Name = Field(UNSET, description="Copy of its name, when left out")


class SequenceOut(Out):
    id: int
    name: str
    description: str
    preset: str = Field(
        description="standard, aggressive or gentle for a ready-made one, which is copied to be changed"
    )
    steps: list[Any]
    slip: str
    pacing: str
    exits: dict[str, Any] = Field(description="All of them, also those left at what is usual")
    reenrol: str
    is_active: bool
    owner_id: int
    team_id: int
    created_at: datetime


def shown(rows: Sequence[SequenceRow]) -> list[SequenceOut]:
    return [_out(row) for row in rows]


def _out(row: SequenceRow) -> SequenceOut:
    columns = {name: getattr(row, name) for name in SequenceOut.model_fields}
    return SequenceOut.model_validate(columns | {"exits": exits.settings_of(row)})


@router.get(PATH, auth=READ, response=Page[SequenceOut])
def list_sequences(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The team's sequences; a ready-made one is there once it was used."""
    rows = SequenceRow.objects.visible_to(caller(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=shown)


@router.post(PATH, auth=WRITE, response={201: SequenceOut})
def create_sequence(request: HttpRequest, payload: SequenceIn) -> Status[SequenceOut]:
    """Makes a sequence of yours, which everybody in the team may enrol contacts in."""
    try:
        return Status(201, _out(sequences.create(caller(request), by=caller(request), **_fields(payload, whole=True))))
    except BadProgramme as bad:
        raise enrolling.unsound(bad) from None


@router.get(PATH + "{int:id}/", auth=READ, response=SequenceOut)
def get_sequence(request: HttpRequest, id: Id) -> SequenceOut:
    """One sequence."""
    return _out(one(SequenceRow.objects.visible_to(caller(request)), id, "sequence"))


@router.put(PATH + "{int:id}/", auth=WRITE, response=SequenceOut)
def replace_sequence(request: HttpRequest, id: Id, payload: SequenceIn) -> SequenceOut:
    """Sets the whole sequence. Those under way finish on the steps they started with, unless they are migrated."""
    return _update(request, id, _fields(payload, whole=True))


@router.patch(PATH + "{int:id}/", auth=WRITE, response=SequenceOut)
def update_sequence(request: HttpRequest, id: Id, payload: SequencePatch) -> SequenceOut:
    """Changes what is sent. Switched off, nobody is enrolled and those under way are held until it is on again."""
    return _update(request, id, _fields(payload, whole=False))


@router.delete(PATH + "{int:id}/", auth=WRITE, response={204: None})
def delete_sequence(request: HttpRequest, id: Id) -> Status[None]:
    """Takes it off the list and ends it for everybody under way; tasks keep their origin."""
    user = caller(request)
    row = enrolling.editable(SequenceRow.objects.visible_to(user), user, id, "sequence")
    programmes.archive(row, by=user, now=timezone.now())
    return Status(204, None)


@router.post(PATH + "{int:id}/copy", auth=WRITE, response={201: SequenceOut})
def copy_sequence(request: HttpRequest, id: Id, payload: CopyIn) -> Status[SequenceOut]:
    """A copy of yours, also of a ready-made one."""
    user = caller(request)
    row = one(SequenceRow.objects.visible_to(user), id, "sequence")
    try:
        return Status(201, _out(sequences.copy(row, owner=user, name=payload.name or "")))
    except BadProgramme as bad:
        raise enrolling.unsound(bad) from None


@router.post(PATH + "{int:id}/preview", auth=scope("tasks:read"), response=PreviewOut)
def preview_sequence(request: HttpRequest, id: Id, payload: PreviewIn) -> PreviewOut:
    """What enrolling these contacts would do: each date, what would be skipped, who is refused. Writes nothing."""
    user = caller(request)
    return enrolling.preview(user, one(SequenceRow.objects.visible_to(user), id, "sequence"), payload)


@router.post(PATH + "{int:id}/enrol", auth=ENROL, response={201: EnrolledOut})
def enrol_in_sequence(request: HttpRequest, id: Id, payload: EnrolIn) -> Status[EnrolledOut]:
    """Enrols contacts, each by itself: those refused are listed with why. More than 100 need `confirm`."""
    user = caller(request)
    return enrolling.enrol(user, one(SequenceRow.objects.visible_to(user), id, "sequence"), payload)


@router.post(PATH + "{int:id}/migrate-preview", auth=READ, response=MigratedOut)
def preview_sequence_migration(request: HttpRequest, id: Id, payload: MigrateIn) -> MigratedOut:
    """What moving those under way to the newest steps would change, step by step. Writes nothing."""
    return enrolling.migrate(
        one(SequenceRow.objects.visible_to(caller(request)), id, "sequence"), payload, dry_run=True
    )


@router.post(PATH + "{int:id}/migrate", auth=WRITE, response=MigratedOut)
def migrate_sequence(request: HttpRequest, id: Id, payload: MigrateIn) -> MigratedOut:
    """Moves those under way to the newest steps. What is done stays done; what is past does not happen any more."""
    user = caller(request)
    row = enrolling.editable(SequenceRow.objects.visible_to(user), user, id, "sequence")
    return enrolling.migrate(row, payload, dry_run=payload.dry_run)


def _fields(payload: SequencePatch, *, whole: bool) -> dict[str, Any]:
    fields = enrolling.payload_of(payload, whole=whole)
    if payload.steps is not None:
        fields["steps"] = [_step(step) for step in payload.steps]
    if payload.exits is not None:
        fields["exits"] = payload.exits.model_dump(exclude_unset=True)
    return fields


def _step(step: StepIn) -> dict[str, Any]:
    """As it is kept: what was left out stays out, so that a default may change without making a new version."""
    return step.model_dump(exclude_defaults=True) | {"delay": step.delay.model_dump(exclude_none=True)}


def _update(request: HttpRequest, id: int, fields: dict[str, Any]) -> SequenceOut:
    user = caller(request)
    row = enrolling.editable(SequenceRow.objects.visible_to(user), user, id, "sequence")
    try:
        return _out(sequences.update(row, by=user, now=timezone.now(), **fields))
    except BadProgramme as bad:
        raise enrolling.unsound(bad) from None
