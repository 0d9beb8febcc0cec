"""Moving those under way to the newest steps: what is done stays done, and nothing whose date is past happens now."""

from collections.abc import Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from automation import programmes
from automation.models import Enrolment, EnrolmentStep, Sequence, StepsVersion
from automation.programmes import Outline, Programme, dating, enrolments, exits, outlines
from automation.programmes.steps import Step
from domain.delays import Due

KEPT, MOVED, NEW, PASSED, REMOVED = "kept", "moved", "new", "passed", "removed"
DATE_PASSED = "Its date had passed when the steps were changed."
NO_LONGER = "It is no step any more since the steps were changed."
MOST = 500


@dataclass(frozen=True)
class Change:
    """What becomes of one step that is not done: `before` and `after` are its dates, empty where there is none."""

    key: str
    title: str
    change: str
    before: datetime | None = None
    after: datetime | None = None


@dataclass(frozen=True)
class Move:
    """The changes of one enrolment."""

    enrolment: Enrolment
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class _Plan:
    """The changes with the rows that they write."""

    changes: tuple[Change, ...]
    rows: tuple[EnrolmentStep, ...]
    removed: tuple[int, ...]


def left(programme: Programme, ids: Rows[int] | None = None) -> int:
    """How many are under way on older steps. Raises BadProgramme."""
    return behind(programme, outlines.of(programme), ids).count()


def behind(programme: Programme, outline: Outline, ids: Rows[int] | None = None) -> QuerySet[Enrolment]:
    """Those under way on other steps than these, all or some of them."""
    rows = Enrolment.objects.filter(
        **{programmes.kind_of(programme): programme}, state__in=Enrolment.UNDER_WAY, contact__erased_at__isnull=True
    )
    older = rows.exclude(version__content_hash=programmes.digest(outline)).order_by("pk")
    return older if ids is None else older.filter(pk__in=ids)


def preview(programme: Programme, ids: Rows[int] | None = None, *, now: datetime) -> list[Move]:
    """Each change that the next call of `migrate` would make. Writes nothing. Raises BadProgramme."""
    outline = outlines.of(programme)
    rows = behind(programme, outline, ids).select_related(
        "contact__owner__team", "contact__team", "team", "owner", "version", "sequence", "campaign"
    )
    return [Move(row, _plan(row, outline, now).changes) for row in rows[:MOST]]


def migrate(programme: Programme, ids: Rows[int] | None = None, *, now: datetime) -> list[Move]:
    """Moves up to 500 to the newest steps, each in its own transaction; asking again goes on. Raises BadProgramme."""
    outline = outlines.of(programme)
    version = programmes.freeze(programme, outline, now=now)
    moves: list[Move] = []
    for pk in list(behind(programme, outline, ids).values_list("pk", flat=True)[:MOST]):
        with transaction.atomic():
            rows = exits.locked(Enrolment.objects.filter(pk=pk, state__in=Enrolment.UNDER_WAY))
            moves += [_move(row, outline, version, now) for row in rows]
    return moves


def _move(row: Enrolment, outline: Outline, version: StepsVersion, now: datetime) -> Move:
    plan = _plan(row, outline, now)
    steps = row.steps.filter(state=EnrolmentStep.PLANNED)
    steps.filter(pk__in=plan.removed).update(state=EnrolmentStep.CANCELLED, reason=NO_LONGER, at=now)
    dating.save(step for step in plan.rows if step.pk is not None)
    EnrolmentStep.objects.bulk_create(step for step in plan.rows if step.pk is None)
    passed = [change.key for change in plan.changes if change.change == PASSED]
    steps.filter(key__in=passed).update(state=EnrolmentStep.SKIPPED, reason=DATE_PASSED, at=now)
    exits.save(row, version=version)
    enrolments.advance(row, now=now)
    return Move(row, plan.changes)


def _plan(enrolment: Enrolment, outline: Outline, now: datetime) -> _Plan:
    """What is kept, moved, new, passed and removed. A paused one's clock stands at the pause."""
    clock = enrolment.paused_at or now
    known = {row.key: row for row in enrolment.steps.all()}
    old = programmes.read(enrolment.version.content)
    changes: list[Change] = []
    rows: list[EnrolmentStep] = []
    for number, (step, due) in enumerate(_dated(enrolment, outline, old, known, clock), start=1):
        row = known.get(step.key) or EnrolmentStep(enrolment=enrolment, key=step.key)
        row.number = number
        if due is not None:
            changes.append(_change(row, step, due, clock))
        rows.append(row)
    removed = [row for key, row in known.items() if outline.named(key) is None]
    for number, row in enumerate(removed, start=len(rows) + 1):
        row.number = number
        rows.append(row)
    gone = [row for row in removed if row.state == EnrolmentStep.PLANNED]
    changes += [Change(row.key, _title(old, row.key), REMOVED, before=row.due_at) for row in gone]
    return _Plan(tuple(changes), tuple(rows), tuple(row.pk for row in gone))


def _dated(
    enrolment: Enrolment, outline: Outline, old: Outline, known: Mapping[str, EnrolmentStep], clock: datetime
) -> list[tuple[Step, Due | None]]:
    """Each step with its date, none for what is not planned: the one it had, where its delay is the same.

    Those that come one by one keep their order and the least gap, to what was done last as well. Where tasks are made
    at once, the new dates keep the least gap from those that stand.
    """
    found: dict[str, Due] = {}
    kept: list[str] = []
    for step, due in dating.anew(enrolment, outline, known):
        row, before = known.get(step.key), old.named(step.key)
        if due is not None:
            same = row is not None and before is not None and before.delay == step.delay
            found[step.key] = dating.due_of(row) if same and row is not None else due
            kept += [step.key] if same else []
    ahead = [step for step in outline.steps if step.key in found and found[step.key].instant > clock]
    if outline.pacing == Sequence.ONE_BY_ONE and ahead:
        done = [row.at for row in known.values() if row.state == EnrolmentStep.DONE and row.at is not None]
        spaced = dating.in_order(
            enrolment, outline, ahead, [found[step.key] for step in ahead], after=max(done, default=None)
        )
        found |= {step.key: due for step, due in zip(ahead, spaced, strict=True)}
    elif outline.pacing == Sequence.AT_ONCE:
        new = [step for step in ahead if step.key not in kept]
        stand = [found[step.key].instant for step in ahead if step.key in kept]
        cleared = dating.clear_of_tasks(enrolment, outline, new, [found[step.key] for step in new], and_of=stand)
        found |= {step.key: due for step, due in zip(new, cleared, strict=True)}
    return [(step, found.get(step.key)) for step in outline.steps]


def _change(row: EnrolmentStep, step: Step, due: Due, clock: datetime) -> Change:
    before = row.due_at if row.pk is not None else None
    dating.put(row, due)
    if due.instant <= clock:
        return Change(step.key, step.title, PASSED, before=before)
    word = NEW if before is None else KEPT if before == due.instant else MOVED
    return Change(step.key, step.title, word, before=before, after=due.instant)


def _title(outline: Outline, key: str) -> str:
    step = outline.named(key)
    return step.title if step is not None else key
