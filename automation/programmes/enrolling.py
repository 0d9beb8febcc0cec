"""Enrolling contacts: who may be, on which dates, one or many; and the same looked at beforehand, writing nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from automation import arguments, programmes
from automation.models import Enrolment, EnrolmentStep, ScheduledTaskBatch
from automation.programmes import Outline, Programme, campaigns, dating, enrolments, exits, outlines, stepping, steps
from automation.programmes.eligibility import AlreadyEnrolled, Refused, refusals
from automation.programmes.steps import Step
from crm.models import Contact
from domain import calendars
from domain.conditions import ConditionFailed
from people import hours
from people.models import User

ASK_ABOVE = 100
"""More contacts than this at once are enrolled only when somebody says so."""


@dataclass(frozen=True)
class Forecast:
    """One step of somebody who would be enrolled: when its task appears, when that is due, or why there is none."""

    step: Step
    at: datetime
    due_date: datetime
    skipped: str = ""


@dataclass(frozen=True)
class Prospect:
    """One contact that was asked for: its steps to come, or why it is refused."""

    contact_id: int
    name: str = ""
    refused: Refused | None = None
    steps: tuple[Forecast, ...] = ()


@dataclass
class Outcome:
    """What a bulk run did: the enrolments, the refused, and the batch that holds the run together."""

    enrolled: list[Enrolment] = field(default_factory=list)
    refused: list[Prospect] = field(default_factory=list)
    batch: ScheduledTaskBatch | None = None


@dataclass(frozen=True)
class Wish:
    """When those enrolled together start: at an instant, later by some hours, spread over working days."""

    start: datetime
    spread_days: int = 1

    @classmethod
    def of(
        cls, now: datetime, *, start_at: datetime | None = None, delay_hours: float = 0, spread_days: int = 1
    ) -> "Wish":
        return cls((start_at or now) + timedelta(hours=delay_hours), spread_days)

    def starts(self, count: int, schedule: calendars.Schedule) -> list[datetime]:
        """One start for each, in order: as many a day as evenly go, on working days, at the same time of day."""
        if self.spread_days <= 1:
            return [self.start] * count
        local = self.start.astimezone(schedule.zone).date()
        working = calendars.is_working_day(schedule, local)
        days = [
            self.start if day == 0 and working else calendars.add_working_days(schedule, self.start, day)
            for day in range(self.spread_days)
        ]
        return [days[place * self.spread_days // count] for place in range(count)]


def enrol(
    programme: Programme,
    contact: Contact,
    *,
    owner: User,
    now: datetime,
    start: datetime | None = None,
    name: str = "",
    parent: ScheduledTaskBatch | None = None,
) -> Enrolment:
    """Enrols one contact, days counted from `start` (now, unless said), and does what is due at once.

    The contact is judged as it stands, its row held meanwhile; the unique key decides between two at a time. Raises
    AlreadyEnrolled, Refused, programmes.BadProgramme.
    """
    outline = outlines.of(programme)
    version = programmes.freeze(programme, outline, now=now)
    key = _active_key(programme, contact)
    try:
        with transaction.atomic():
            contact = _held(contact)
            _let_go_if_finished(key, now)
            if (refusal := refusals(programme, outline, [contact]).get(contact.pk)) is not None:
                raise refusal
            batch = _batch(programme, contact, owner=owner, name=name, parent=parent, now=now)
            enrolment = Enrolment.objects.create(
                **{programmes.kind_of(programme): programme},
                team_id=contact.team_id,
                contact=contact,
                owner=owner,
                version=version,
                batch=batch,
                started_at=start or now,
                active_key=key,
                created_at=now,
            )
            _plan(enrolment, outline)
            enrolments.advance(enrolment, now=now)
    except IntegrityError:
        holder = Enrolment.objects.filter(active_key=key).first() if key else None
        if holder is None:
            raise
        raise AlreadyEnrolled(holder.batch, holder) from None
    return enrolment


def enrol_many(
    programme: Programme,
    contact_ids: Sequence[int],
    *,
    owner: User,
    wish: Wish,
    visible: QuerySet[Contact],
    now: datetime,
) -> Outcome:
    """Enrols each by itself: one that is refused is listed with why, and the others go on.

    The contacts are asked in the order given, those named twice once; running it again enrols nobody twice.
    """
    outline = outlines.of(programme)
    asked = _asked(programme, outline, contact_ids, visible)
    outcome = Outcome()
    for prospect, contact, start in _with_starts(programme, asked, wish):
        if contact is None:
            outcome.refused.append(prospect)
            continue
        if outcome.batch is None and len(asked) > 1:
            outcome.batch = _bulk_batch(programme, owner=owner, now=now)
        try:
            made = enrol(programme, contact, owner=owner, start=start, parent=outcome.batch, now=now)
        except Refused as refusal:
            outcome.refused.append(Prospect(contact.pk, contact.name, refusal))
        else:
            outcome.enrolled.append(made)
    if outcome.batch is not None and not outcome.enrolled:
        outcome.batch.delete()
        outcome.batch = None
    return outcome


def preview(
    programme: Programme,
    contact_ids: Sequence[int],
    *,
    owner: User,
    wish: Wish,
    visible: QuerySet[Contact],
    now: datetime,
) -> list[Prospect]:
    """What `enrol_many` would do, with every date, as things stand now. Writes nothing."""
    outline = outlines.of(programme)
    known = hours.TeamHours(programme.team)
    result = []
    for prospect, contact, start in _with_starts(programme, _asked(programme, outline, contact_ids, visible), wish):
        if contact is None:
            result.append(prospect)
            continue
        schedule = dating.schedule_for(contact, owner, known)
        dues = [due.instant for due in dating.plan(outline, start=start, schedule=schedule)]
        forecast = tuple(
            _forecast(programme, outline, step, at, contact, now) for step, at in zip(outline.steps, dues, strict=True)
        )
        result.append(Prospect(contact.pk, contact.name, steps=forecast))
    return result


def count(programme: Programme, contact_ids: Sequence[int], *, visible: QuerySet[Contact]) -> tuple[int, int]:
    """How many of the contacts would be enrolled, and how many refused."""
    asked = _asked(programme, outlines.of(programme), contact_ids, visible)
    welcome = sum(prospect.refused is None for prospect, _ in asked)
    return welcome, len(asked) - welcome


def forecast_of(enrolment: Enrolment) -> list[Forecast]:
    """The steps of an enrolment that are still to come."""
    outline = programmes.read(enrolment.version.content)
    found = []
    for row in enrolment.steps.filter(state=EnrolmentStep.PLANNED).order_by("number"):
        step = outline.named(row.key)
        if step is not None:
            due = stepping.due_date(step, row.due_at, at_once=outline.at_once(step), now=row.due_at)
            found.append(Forecast(step, row.due_at, due))
    return found


def _asked(
    programme: Programme, outline: Outline, contact_ids: Sequence[int], visible: QuerySet[Contact]
) -> list[tuple[Prospect, Contact | None]]:
    """Each contact once in the order given, with its row where it may be enrolled."""
    ids = list(dict.fromkeys(contact_ids))
    among = visible.filter(team_id=programme.team_id).select_related("team", "owner__team")
    rows = among.in_bulk([pk for pk in ids if abs(pk) <= arguments.MOST_ID])
    refused = refusals(programme, outline, rows.values())
    result: list[tuple[Prospect, Contact | None]] = []
    for pk in ids:
        contact = rows.get(pk)
        if contact is None:
            result.append((Prospect(pk, refused=_unknown(pk)), None))
        elif (refusal := refused.get(pk)) is not None and not _may_have_ended(refusal):
            result.append((Prospect(pk, contact.name, refusal), None))
        else:
            result.append((Prospect(pk, contact.name), contact))
    return result


def _may_have_ended(refusal: Refused) -> bool:
    """Enrolled, with nothing left to do: enrolling again notes that it ended."""
    holder = refusal.enrolment if isinstance(refusal, AlreadyEnrolled) else None
    return holder is not None and _is_over(holder)


def _is_over(enrolment: Enrolment) -> bool:
    planned = enrolment.steps.filter(state=EnrolmentStep.PLANNED).exists()
    return enrolment.state == Enrolment.ACTIVE and not planned and not enrolments.has_open_tasks(enrolment)


def _with_starts(
    programme: Programme, asked: Sequence[tuple[Prospect, Contact | None]], wish: Wish
) -> list[tuple[Prospect, Contact | None, datetime]]:
    """Starts are spread over those that may be enrolled, so the refused leave no gaps."""
    welcome = sum(contact is not None for _, contact in asked)
    starts = iter(wish.starts(welcome, hours.team_schedule(programme.team)))
    return [(prospect, contact, next(starts) if contact is not None else wish.start) for prospect, contact in asked]


def _forecast(
    programme: Programme, outline: Outline, step: Step, at: datetime, contact: Contact, now: datetime
) -> Forecast:
    at_once = outline.at_once(step)
    due = stepping.due_date(step, at, at_once=at_once, now=at)
    appears = now if at_once else at
    if step.channel != steps.TASK:
        return Forecast(step, appears, due, campaigns.cannot_send(step.channel, programme.team))
    try:
        skipped = stepping.skipped_because(step, contact, programme.team, at, None, now=now)
    except ConditionFailed as failure:
        skipped = str(failure)
    return Forecast(step, appears, due, skipped)


def _held(contact: Contact) -> Contact:
    """The contact as it stands, its row held against opt-outs, merges and erasures, which each write it.

    Not against rows that point to it: whoever makes a task of an enrolment holds that one, which is asked for next.
    """
    rows = Contact.objects.select_for_update(of=("self",), no_key=True).select_related("team", "owner__team")
    found = rows.filter(pk=contact.pk).first()
    if found is None:
        raise _unknown(contact.pk)
    return found


def _unknown(pk: int) -> Refused:
    return Refused("unknown", f"There is no contact {pk} that you may enrol.")


def _active_key(programme: Programme, contact: Contact) -> str | None:
    """What is unique while the enrolment is under way; nothing, where contacts may be in it as often as asked."""
    if programme.reenrol == programme.ALWAYS:
        return None
    return f"{programmes.kind_of(programme)}:{programme.pk}:{contact.pk}"


def _let_go_if_finished(key: str | None, now: datetime) -> None:
    """One whose tasks are all closed has ended, though nobody has looked since."""
    if key is None:
        return
    for enrolment in exits.locked(Enrolment.objects.filter(active_key=key)):
        if _is_over(enrolment):
            enrolments.advance(enrolment, now=now)


def _batch(
    programme: Programme,
    contact: Contact,
    *,
    owner: User,
    name: str,
    parent: ScheduledTaskBatch | None,
    now: datetime,
) -> ScheduledTaskBatch:
    return ScheduledTaskBatch.objects.create(
        **{programmes.kind_of(programme): programme},
        owner=owner,
        team_id=contact.team_id,
        name=(name or f"{programme.name} with {contact.name}")[:200],
        kind=programmes.kind_of(programme),
        contact=contact,
        parent=parent,
        created_at=now,
    )


def _bulk_batch(programme: Programme, *, owner: User, now: datetime) -> ScheduledTaskBatch:
    return ScheduledTaskBatch.objects.create(
        **{programmes.kind_of(programme): programme},
        owner=owner,
        team_id=programme.team_id,
        name=f"{programme.name}, many at once"[:200],
        kind=ScheduledTaskBatch.BULK,
        created_at=now,
    )


def _plan(enrolment: Enrolment, outline: Outline) -> None:
    schedule = dating.schedule_for(enrolment.contact, enrolment.owner, hours.TeamHours(enrolment.team))
    rows = []
    for number, (step, due) in enumerate(
        zip(outline.steps, dating.plan(outline, start=enrolment.started_at, schedule=schedule), strict=True), start=1
    ):
        row = EnrolmentStep(enrolment=enrolment, key=step.key, number=number)
        dating.put(row, due)
        rows.append(row)
    EnrolmentStep.objects.bulk_create(rows)
