"""The dates of an enrolment's steps: planned before it is confirmed, kept on the rows, moved when something slips."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from automation.models import EnrolmentStep
from automation.programmes import Outline
from crm.models import Contact
from domain import calendars, delays, sequencing
from domain.calendars import Schedule
from domain.delays import Due
from people import hours
from people.models import User

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


def apart(outline: Outline, dues: list[Due], *, after: datetime, schedule: Schedule) -> list[Due]:
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


def shift(rows: Sequence[EnrolmentStep], pause: timedelta) -> None:
    """After a pause: what is planned comes as much later, at the same time of day."""
    for row, due in zip(rows, sequencing.shift([due_of(row) for row in rows], pause), strict=True):
        put(row, due)
    save(rows)


def rezone(rows: Sequence[EnrolmentStep], zone: str, *, now: datetime) -> int:
    """Planned dates keep their wall time when the contact's clock becomes another; how many moved."""
    chosen = calendars.first_zone(zone)
    moved = [row for row in rows if row.due_at > now and row.due_zone != chosen.name]
    for row in moved:
        row.due_zone = chosen.name
        row.due_at = calendars.from_wall(datetime.fromisoformat(row.due_wall), chosen.zone)
    save(moved)
    return len(moved)
