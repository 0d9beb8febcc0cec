"""Follow-up sequences: the three that come ready-made, those a team makes itself, and scheduling one for a contact."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from automation.audited import SEQUENCE
from automation.models import Enrolment, ScheduledTaskBatch, Sequence
from automation.programmes import BadProgramme, enrolling, exits, pausing, steps
from automation.programmes.eligibility import AlreadyEnrolled, Refused
from automation.programmes.steps import Errors
from crm.models import Contact
from domain import sequencing
from domain.sequencing import UnknownSequence
from people.models import Team, User
from work.models import Task

__all__ = ["AlreadyEnrolled", "Refused", "UnknownSequence", "copy", "create", "enrol", "preset", "schedule", "update"]

STEP_TITLES = {
    "standard": "Follow up with {{contact_name}}",
    "aggressive": "Follow up with {{contact_name}}",
    "gentle": "Check in with {{contact_name}}",
}
STEP_PRIORITIES = {"standard": Task.MEDIUM, "aggressive": Task.HIGH, "gentle": Task.LOW}
EDITABLE = frozenset({"name", "description", "is_active", "exits", "reenrol", "slip", "pacing", "steps"})
PRESET_FIXED = "A ready-made sequence stays as it is: copy it, and change the copy."


def enrol(
    contact: Contact,
    sequence_type: str,
    *,
    owner: User,
    now: datetime,
    start_delay_hours: Decimal | int | float = 0,
) -> tuple[ScheduledTaskBatch, list[Task]]:
    """Creates the tasks of a ready-made sequence at once, days counted from now, all of them the owner's.

    Raises AlreadyEnrolled while the same sequence has open tasks for the contact, Refused, UnknownSequence, ValueError.
    """
    first = sequencing.sequence_due_dates(sequence_type, start=now, start_delay_hours=start_delay_hours)[0]
    sequence = preset(contact.team, sequence_type, owner=owner, now=now)
    start = first - timedelta(days=sequencing.PRESETS[sequence_type][0])
    enrolment, tasks = schedule(contact, sequence, owner=owner, start=start, now=now)
    return enrolment.batch, tasks


def schedule(
    contact: Contact, sequence: Sequence, *, owner: User, now: datetime, start: datetime | None = None
) -> tuple[Enrolment, list[Task]]:
    """Enrols the contact; the enrolment, and the tasks that were made at once. Raises as `enrolling.enrol` does."""
    name = ""
    if sequence.preset:
        _refuse_older_batch(contact, sequence.preset)
        name = f"{sequence.name} with {contact.name}"
    enrolment = enrolling.enrol(sequence, contact, owner=owner, start=start, name=name, now=now)
    tasks = Task.objects.filter(enrolment_steps__enrolment=enrolment).order_by("enrolment_steps__number")
    return enrolment, list(tasks.select_related("team"))


def preset(team: Team, sequence_type: str, *, owner: User, now: datetime) -> Sequence:
    """The team's row of a ready-made sequence, made when first asked for. Raises UnknownSequence."""
    if sequence_type not in sequencing.PRESETS:
        raise UnknownSequence(sequence_type)
    known = Sequence.objects.filter(team=team, preset=sequence_type).select_related("team", "owner")
    found: Sequence | None = known.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Sequence.objects.create(
                owner=owner,
                team=team,
                name=f"{sequence_type.capitalize()} follow-up",
                preset=sequence_type,
                pacing=Sequence.AT_ONCE,
                steps=_preset_steps(sequence_type),
                created_at=now,
            )
    except IntegrityError:  # somebody else asked for it first at the same time
        return known.get()


def _preset_steps(sequence_type: str) -> list[dict[str, Any]]:
    days = sequencing.PRESETS[sequence_type]
    return [
        {
            "key": str(number),
            "title": f"{STEP_TITLES[sequence_type]} ({number} of {len(days)})",
            "priority": STEP_PRIORITIES[sequence_type],
            "delay": {"kind": "elapsed", "hours": str(24 * day)},
            "assign": "enroller",
        }
        for number, day in enumerate(days, start=1)
    ]


def _refuse_older_batch(contact: Contact, sequence_type: str) -> None:
    """One that was scheduled before there were enrolments still counts while its tasks are open."""
    for batch in ScheduledTaskBatch.objects.filter(active_key=f"sequence:{sequence_type}:{contact.pk}"):
        if batch.tasks.filter(status__in=Task.OPEN).exists():
            raise AlreadyEnrolled(batch)


def create(owner: User, *, by: User | None = None, **fields: Any) -> Sequence:
    """A new sequence of the owner's team. Raises BadProgramme."""
    sequence = Sequence(owner=owner, team=owner.team, **fields)
    with SEQUENCE.changing(sequence, by=by, now=sequence.created_at):
        return _save(sequence, before=[])


def update(sequence: Sequence, *, by: User | None = None, now: datetime, **fields: Any) -> Sequence:
    """Changes a sequence. Those under way finish on the steps they started with. Raises BadProgramme."""
    if sequence.preset:
        raise BadProgramme({"steps": [PRESET_FIXED]})
    before, was_active = sequence.steps, sequence.is_active
    for name, value in fields.items():
        if name not in EDITABLE:
            raise BadProgramme({name: ["This cannot be changed."]})
        setattr(sequence, name, value)
    with SEQUENCE.changing(sequence, by=by, now=now):
        saved = _save(sequence, before=before if isinstance(before, list) else [])
    if saved.is_active and not was_active:
        pausing.switched_on(saved, now=now)
    return saved


def copy(sequence: Sequence, *, owner: User, name: str = "") -> Sequence:
    """A sequence of the owner's with the same steps, to be changed. Raises BadProgramme."""
    return create(
        owner,
        by=owner,
        name=(name or f"Copy of {sequence.name}")[:120],
        description=sequence.description,
        exits=sequence.exits,
        reenrol=sequence.reenrol,
        slip=sequence.slip,
        pacing=sequence.pacing,
        steps=[{name: value for name, value in step.items() if name != "key"} for step in sequence.steps],
    )


def clean(sequence: Sequence) -> None:
    """Raises ValidationError for steps and exits that the API would refuse: for forms. Keys are made when missing."""
    sequence.fill_in()
    if sequence.preset and sequence.steps != _preset_steps(sequence.preset):
        raise ValidationError({"steps": PRESET_FIXED})
    errors = _errors(sequence)
    if errors:
        raise ValidationError([f"{pointer}: {' '.join(texts)}" for pointer, texts in errors.items()])
    sequence.steps = steps.keyed(sequence.steps)


def _save(sequence: Sequence, *, before: list[Any]) -> Sequence:
    if errors := _errors(sequence):
        raise BadProgramme(errors)
    sequence.steps = steps.keyed(sequence.steps, [step for step in before if isinstance(step, dict)])
    sequence.save()
    return sequence


def _errors(sequence: Sequence) -> Errors:
    errors: Errors = {}
    try:
        sequence.clean_fields(exclude=["steps", "exits"])
    except ValidationError as failure:
        errors |= failure.message_dict
    errors |= steps.check(sequence.steps, team=sequence.team, owner=sequence.owner)
    if faults := exits.check(sequence.exits):
        errors["exits"] = faults
    return errors
