"""The dates of an enrolment's steps: planned before it is confirmed, kept on the rows, moved when something slips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from automation.models import Enrolment, EnrolmentStep
from automation.programmes import Outline
from automation.programmes.steps import Step
from crm.models import Contact
from domain import delays, sequencing
from domain.calendars import Schedule
from domain.delays import Due
from people import hours
from people.models import User
from work.models import Task

ON_TIME = timedelta(minutes=15)
"""A step that runs within this of its date is on time: the sweep's own seconds push nothing."""


def schedule_for(contact: Contact, owner: User, known: hours.TeamHours) -> Schedule:
    """The working time and clock that count: the contact's zone, the hours of its owner, else of whoever enrols it."""
    holder = contact.owner if contact.owner is not None and contact.owner.is_active else owner
    return known.of(contact=contact, user=holder).schedule


def plan(outline: Outline, *, start: datetime, schedule: Schedule) -> list[Due]:
    """The date of each step for somebody who starts at `start`."""
    return sequencing.plan(
        outline.steps, start=start, schedule=schedule, slip=outline.slip, least_gap=outline.least_gap
    )


def due_of(row: EnrolmentStep) -> Due:
    return Due(row.due_at, datetime.fromisoformat(row.due_wall), row.due_zone)


def put(row: EnrolmentStep, due: Due) -> None:
    """Sets the columns, without saving."""
    row.due_at, row.due_wall, row.due_zone = due.instant, due.wall.isoformat(), due.zone


def save(rows: Iterable[EnrolmentStep]) -> None:
    EnrolmentStep.objects.bulk_update(list(rows), ["due_at", "due_wall", "due_zone", "number"])


def after_step(
    outline: Outline, rows: Sequence[EnrolmentStep], place: int, *, schedule: Schedule, now: datetime
) -> timedelta:
    """Moves the dates of the planned rows after the one that happened now, as late as it was; by how much days slip.

    On time only the least gap is kept. Dates that were made at once stay: their tasks have them already.
    """
    known = {step.key: step for step in outline.steps}
    later = [row for row in rows[place + 1 :] if row.state == EnrolmentStep.PLANNED and row.key in known]
    if not later:
        return timedelta()
    late = now - rows[place].due_at
    slipped = late > ON_TIME
    concerned = [known[row.key] for row in (rows[place], *later)]
    moved = sequencing.repush(
        concerned if slipped else [sequencing.Step(step.delay) for step in concerned],
        [due_of(row) for row in (rows[place], *later)],
        index=0,
        happened=now,
        now=now,
        schedule=schedule,
        slip=outline.slip if slipped else "anchor",
        least_gap=outline.least_gap,
    )
    for row, due in zip(later, moved, strict=True):
        put(row, due)
    save(later)
    return late if slipped and outline.slip == "push" else timedelta()


def _apart(outline: Outline, dues: list[Due], *, after: datetime, schedule: Schedule) -> list[Due]:
    """The dates, none within the least gap after something that was done at `after`."""
    plain = [sequencing.Step(), *(sequencing.Step(step.delay) for step in outline.steps)]
    just_before = delays.at_instant(after - timedelta(microseconds=1), schedule.zone)
    return sequencing.repush(
        plain,
        [just_before, *dues],
        index=0,
        happened=after,
        now=min([after, *(due.instant for due in dues)]),
        schedule=schedule,
        slip="anchor",
        least_gap=outline.least_gap,
    )


def in_order(
    enrolment: Enrolment, outline: Outline, steps: Sequence[Step], dues: list[Due], *, after: datetime | None
) -> list[Due]:
    """The dates of these steps, each the least gap after the one before it, and the first after `after`."""
    schedule = schedule_for(enrolment.contact, enrolment.owner, hours.TeamHours(enrolment.team))
    before = after or dues[0].instant - outline.least_gap
    return _apart(replace(outline, steps=tuple(steps)), dues, after=before, schedule=schedule)


def clear_of_tasks(
    enrolment: Enrolment, outline: Outline, steps: Sequence[Step], dues: list[Due], *, and_of: list[datetime]
) -> list[Due]:
    """The dates of these steps, each the least gap from the tasks that stand and from these instants."""
    if not steps:
        return []
    tasks = Task.objects.filter(enrolment_steps__enrolment=enrolment, status__in=(*Task.OPEN, Task.DONE))
    taken = [*and_of, *(at for task in tasks if (at := task.completed_at or task.due_date) is not None)]
    schedule = schedule_for(enrolment.contact, enrolment.owner, hours.TeamHours(enrolment.team))
    return sequencing.clear_of(taken, steps, dues, schedule=schedule, least_gap=outline.least_gap)


def shift(outline: Outline, rows: Sequence[EnrolmentStep], pause: timedelta, *, schedule: Schedule) -> None:
    """After a pause: what is planned comes as much later, at the same time of day."""
    steps = [outline.named(row.key) or sequencing.Step() for row in rows]
    dates = [due_of(row) for row in rows]
    moved = sequencing.shift(steps, dates, pause, schedule=schedule, least_gap=outline.least_gap)
    for row, due in zip(rows, moved, strict=True):
        put(row, due)
    save(rows)


def shifted(step: sequencing.HasDelay, instant: datetime, pause: timedelta, *, schedule: Schedule) -> datetime:
    """The same for one date that has no row."""
    (moved,) = sequencing.shift([step], [delays.at_instant(instant, schedule.zone)], pause, schedule=schedule)
    return moved.instant


def anew(enrolment: Enrolment, outline: Outline, known: Mapping[str, EnrolmentStep]) -> list[tuple[Step, Due | None]]:
    """Each step of the outline with its date, none for what is not planned any more, counted again from the start.

    Where steps count from the one before, from the last that was done; and none too soon after that one.
    """
    schedule = schedule_for(enrolment.contact, enrolment.owner, hours.TeamHours(enrolment.team))
    settled = [step.key in known and known[step.key].state != EnrolmentStep.PLANNED for step in outline.steps]
    dues = plan(outline, start=enrolment.started_at, schedule=schedule)
    last = max((place for place, done in enumerate(settled) if done), default=None)
    if last is not None:
        happened = known[outline.steps[last].key].at or enrolment.started_at
        rest = replace(outline, steps=outline.steps[last + 1 :])
        if any(step.from_previous for step in rest.steps):
            dues[last + 1 :] = plan(rest, start=happened, schedule=schedule)
        if not outline.at_once(outline.steps[last]):
            dues[last + 1 :] = _apart(rest, dues[last + 1 :], after=happened, schedule=schedule)
    return [(step, None if done else due) for step, due, done in zip(outline.steps, dues, settled, strict=True)]


def rederive(enrolment: Enrolment, outline: Outline, *, now: datetime) -> int:
    """Dates to come that follow the calendar, after a zone, working hours or holidays changed; how many moved."""
    if not any(delays.follows_the_calendar(step.delay) for step in outline.steps):
        return 0
    known = {row.key: row for row in enrolment.steps.all()}
    moved = []
    for step, due in anew(enrolment, outline, known):
        row = known.get(step.key)
        if row is not None and due is not None and row.due_at > now and due.instant > now and due != due_of(row):
            put(row, due)
            moved.append(row)
    save(moved)
    return len(moved)
