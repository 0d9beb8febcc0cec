"""Enrolling, previewing and migrating: what the endpoints of sequences and of campaigns share."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from django.db.models import QuerySet
from django.utils import timezone
from ninja.responses import Status
from pydantic import Field

from api.auth import need
from api.errors import Fault, Problem, by_field, invalid
from api.fields import Id, In, Instant, Out, one
from automation import programmes
from automation.models import Campaign, Enrolment
from automation.models import Sequence as SequenceRow
from automation.programmes import BadProgramme, Programme, enrolling, migrating
from automation.programmes.enrolling import Forecast, Prospect, Wish
from crm.models import Contact
from people.models import User

MOST = 1000
MOST_SHOWN = 200

Row = TypeVar("Row", SequenceRow, Campaign)


class When(In):
    start_at: Instant | None = Field(None, description="What days are counted from; now, when left out")
    start_delay_hours: Annotated[float, Field(ge=0, le=8784, allow_inf_nan=False)] = Field(
        0, description="Shifts all dates"
    )
    spread_days: Annotated[int, Field(ge=1, le=250)] = Field(
        1, description="Spreads the starts evenly over this many working days"
    )


class PreviewIn(When):
    contact_ids: list[Id] = Field(min_length=1, max_length=MOST_SHOWN)


class EnrolIn(When):
    contact_ids: list[Id] = Field(min_length=1, max_length=MOST)
    confirm: bool = Field(False, description=f"Needed for more than {enrolling.ASK_ABOVE} contacts")


class ForecastOut(Out):
    step: str = Field(description="Its key")
    title: str
    at: datetime = Field(description="When it happens")
    due_date: datetime = Field(description="When its task is due")
    skipped: str = Field(description="Why it would be passed over, as things stand; empty when it would not")


class RefusedOut(Out):
    contact_id: int
    code: str
    reason: str


class ProspectOut(Out):
    contact_id: int
    name: str
    refused: RefusedOut | None
    steps: list[ForecastOut]


class PreviewOut(Out):
    welcome: int = Field(description="How many would be enrolled")
    refused: int
    contacts: list[ProspectOut]


class EnrolledOne(Out):
    enrolment_id: int
    contact_id: int
    batch_id: int
    started_at: datetime


class EnrolledOut(Out):
    batch_id: int = Field(description="The batch of the whole run, or of the one contact")
    enrolled: list[EnrolledOne]
    refused: list[RefusedOut]


class MigrateIn(In):
    enrolment_ids: list[Id] | None = Field(None, max_length=migrating.MOST, description="All under way, when left out")
    dry_run: bool = False


class ChangeOut(Out):
    step: str
    title: str
    change: str = Field(description="kept, moved, new, passed (its date lies in the past, so it is skipped) or removed")
    before: datetime | None
    after: datetime | None


class MoveOut(Out):
    enrolment_id: int
    contact_id: int
    changes: list[ChangeOut]


class MigratedOut(Out):
    dry_run: bool
    migrated: int
    left: int = Field(description="Still on older steps: send it again")
    enrolments: list[MoveOut]


def editable(rows: QuerySet[Row], user: User, pk: int, what: str) -> Row:
    """The sequence or campaign of the path, if the person may change it."""
    row = one(rows.select_related("team", "owner"), pk, what)
    if isinstance(row, SequenceRow) and row.preset:
        raise Problem(409, "A ready-made sequence stays as it is: copy it, and change the copy.")
    if not programmes.may_edit(user, row):
        need(user, "manage_team", f"change a {what} that is not yours")
    return row


def preview(user: User, programme: Programme, payload: PreviewIn) -> PreviewOut:
    now = timezone.now()
    try:
        found = enrolling.preview(
            programme, payload.contact_ids, owner=user, wish=_wish(payload, now), visible=_visible(user), now=now
        )
    except BadProgramme as bad:
        raise unsound(bad) from None
    refused = sum(prospect.refused is not None for prospect in found)
    return PreviewOut(
        welcome=len(found) - refused, refused=refused, contacts=[_prospect(prospect) for prospect in found]
    )


def enrol(user: User, programme: Programme, payload: EnrolIn) -> Status[EnrolledOut]:
    """Enrols each contact by itself; a run in which nobody was enrolled is a conflict that says why for each."""
    now = timezone.now()
    wish = _wish(payload, now)
    try:
        _ask_first(user, programme, payload)
        outcome = enrolling.enrol_many(
            programme, payload.contact_ids, owner=user, wish=wish, visible=_visible(user), now=now
        )
    except BadProgramme as bad:
        raise unsound(bad) from None
    if not outcome.enrolled:
        raise _nobody(payload.contact_ids, outcome.refused)
    batch = outcome.batch or outcome.enrolled[0].batch
    return Status(
        201,
        EnrolledOut(
            batch_id=batch.pk,
            enrolled=[_enrolled(row) for row in outcome.enrolled],
            refused=[refused for prospect in outcome.refused if (refused := _refused(prospect)) is not None],
        ),
    )


def migrate(programme: Programme, payload: MigrateIn, *, dry_run: bool) -> MigratedOut:
    now = timezone.now()
    act = migrating.preview if dry_run else migrating.migrate
    try:
        moves = act(programme, payload.enrolment_ids, now=now)
        left = migrating.left(programme, payload.enrolment_ids)
    except BadProgramme as bad:
        raise unsound(bad) from None
    return MigratedOut(
        dry_run=dry_run,
        migrated=0 if dry_run else len(moves),
        left=left,
        enrolments=[_move(move) for move in moves],
    )


def unsound(bad: BadProgramme) -> Problem:
    """The problem for a sequence or campaign that cannot be saved or run."""
    return by_field(bad.errors)


def forecasts(found: Sequence[Forecast]) -> list[ForecastOut]:
    return [
        ForecastOut(step=one.step.key, title=one.step.title, at=one.at, due_date=one.due_date, skipped=one.skipped)
        for one in found
    ]


def _wish(payload: When, now: datetime) -> Wish:
    if payload.start_at is not None and payload.start_at < now:
        raise invalid("/start_at", "past", "This lies in the past: leave it out to start now.")
    return Wish.of(
        now, start_at=payload.start_at, delay_hours=payload.start_delay_hours, spread_days=payload.spread_days
    )


def _visible(user: User) -> QuerySet[Contact]:
    """Members enrol the contacts they own, leads and managers the team's."""
    rows: QuerySet[Contact] = Contact.objects.visible_to(user)
    return rows


def _ask_first(user: User, programme: Programme, payload: EnrolIn) -> None:
    asked = len(set(payload.contact_ids))
    if asked <= enrolling.ASK_ABOVE or payload.confirm:
        return
    welcome, refused = enrolling.count(programme, payload.contact_ids, visible=_visible(user))
    message = f"{asked} contacts: {welcome} would be enrolled, {refused} refused. Send confirm: true to go on."
    raise Problem(409, message, errors=[Fault("/confirm", "confirm", message)])


def _nobody(ids: Sequence[int], refused: Sequence[Prospect]) -> Problem:
    faults = [
        Fault(f"/contact_ids/{ids.index(prospect.contact_id)}", prospect.refused.code, str(prospect.refused))
        for prospect in refused
        if prospect.refused is not None
    ]
    unknown = all(fault.code == "unknown" for fault in faults)
    detail = faults[0].message if len(faults) == 1 else "Nobody was enrolled: errors says why for each contact."
    return Problem(422 if unknown else 409, detail, errors=faults)


def _prospect(prospect: Prospect) -> ProspectOut:
    return ProspectOut(
        contact_id=prospect.contact_id,
        name=prospect.name,
        refused=_refused(prospect),
        steps=forecasts(prospect.steps),
    )


def _refused(prospect: Prospect) -> RefusedOut | None:
    if prospect.refused is None:
        return None
    return RefusedOut(contact_id=prospect.contact_id, code=prospect.refused.code, reason=str(prospect.refused))


def _enrolled(row: Enrolment) -> EnrolledOne:
    return EnrolledOne(enrolment_id=row.pk, contact_id=row.contact_id, batch_id=row.batch_id, started_at=row.started_at)


def _move(move: migrating.Move) -> MoveOut:
    return MoveOut(
        enrolment_id=move.enrolment.pk,
        contact_id=move.enrolment.contact_id,
        changes=[
            ChangeOut(step=one.key, title=one.title, change=one.change, before=one.before, after=one.after)
            for one in move.changes
        ],
    )


def payload_of(body: Any, *, whole: bool) -> dict[str, Any]:
    """The fields of a body: all of a whole one, of a patch only what was sent."""
    fields: dict[str, Any] = body.model_dump(exclude_unset=not whole)
    return fields
