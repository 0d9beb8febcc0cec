"""The life of an import: uploaded and read, mapped, compared, carried out part by part, cancelled, forgotten.

Each part is one transaction that also moves the cursor, so whatever is killed goes on where it was and doubles nothing.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import QuerySet

from crm.files import outcomes
from crm.files.models import Import, ImportPart, no_counts
from crm.files.outcomes import Importer, Outcome
from domain.files import cells, headers, reading
from domain.files.sheets import Row, Sheet, TooLarge, Unreadable
from jobs import announcing, queue, running
from jobs.models import Job
from jobs.rows import insert_new
from people import audit
from people.models import User

log = logging.getLogger("nextmove.files")

PART = 500
AT_ONCE = 2_000
"""Rows that are read and compared while somebody waits; more become jobs."""
SMALL = 1024 * 1024
MOST_SHOWN = 200
"""Faults, and rows of a difference, that are kept to be looked at; all are counted."""
LONGEST_SHOWN = 200
KEEP_ROWS = timedelta(days=7)
KEEP = timedelta(days=90)
READ_JOB, CHECK_JOB, RUN_JOB = (f"automation.tasks.{name}_import" for name in ("read", "check", "run"))
STOPPED = {
    READ_JOB: "Its reading was stopped: upload it again.",
    CHECK_JOB: "The comparison failed: try it again.",
    RUN_JOB: "It stopped on the way: run it again, and it goes on.",
}
"""What people read of an import whose job was given up or cancelled."""
IMPORT = audit.Kind("import", (), name_of=str)

_importers: dict[str, Importer] = {}
_after: list[Callable[[Import, datetime], None]] = []


def register(kind: str, importer: Importer) -> None:
    """Adds what a room makes of rows of this kind."""
    _importers[kind] = importer


def after_done(step: Callable[[Import, datetime], None]) -> None:
    """Adds what a higher room does when an import is done, in the transaction of its last part."""
    if step not in _after:
        _after.append(step)


class WrongState(Exception):
    """The import is at another point of its life; the message says at which, and what to do."""


def importer_of(kind: str) -> Importer:
    return _importers[kind]


def upload(
    data: bytes,
    *,
    by: User,
    kind: str,
    now: datetime,
    file_name: str = "",
    options: Mapping[str, Any] | None = None,
    encoding: str = "",
    delimiter: str = "",
) -> Import:
    """Keeps a file that can be read, with the columns as they were recognised. Raises Unreadable, TooLarge.

    A small one is read at once, another by a job.
    """
    sheet = reading.opened(data, encoding=encoding, delimiter=delimiter)
    row = Import(
        team_id=by.team_id,
        by=by,
        kind=kind,
        state=Import.READING,
        file_name=cells.plain(file_name)[-200:] if cells.can_be_kept(file_name) else "",
        format=sheet.format,
        encoding=sheet.encoding,
        delimiter=sheet.delimiter,
        columns=sheet.columns,
        mapping=headers.recognised(sheet.columns, importer_of(kind).fields),
        options=dict(options or {}),
        created_at=now,
    )
    if len(data) <= SMALL:
        parts = [_part(row, number, rows) for number, rows in enumerate(_in_parts(sheet))]
        row.state, row.rows = Import.READ, sum(len(part.rows) for part in parts)
        with transaction.atomic():
            row.save(force_insert=True)
            ImportPart.objects.bulk_create(parts)
        return row
    row.content = data
    with transaction.atomic():
        row.save(force_insert=True)
        _enqueue(READ_JOB, row, now)
    return row


def read(pk: uuid.UUID) -> str:
    """Reads the rows of a kept file; the state it is in then. Done twice, it is done once: parts have their numbers."""
    row = Import.objects.filter(pk=pk, state=Import.READING).first()
    if row is not None and row.content is not None:
        _read_all(row)
    return str(Import.objects.values_list("state", flat=True).get(pk=pk))


def _read_all(row: Import) -> None:
    mine = Import.objects.filter(pk=row.pk, state=Import.READING)
    rows = 0
    try:
        sheet = reading.opened(bytes(row.content or b""), encoding=row.encoding, delimiter=row.delimiter)
        for number, part in enumerate(_in_parts(sheet)):
            rows += len(part)
            if not _read_part(mine, _part(row, number, part), rows):
                return
    except (Unreadable, TooLarge) as failure:
        if mine.update(state=Import.FAILED, error=str(failure), content=None, rows=0):
            row.parts.all().delete()
        return
    with transaction.atomic():
        running.next_step()
        mine.update(state=Import.READ, content=None, rows=rows)


def _read_part(mine: QuerySet[Import], part: ImportPart, rows: int) -> bool:
    """Keeps it, with how many rows were read by now; False when it is not to be read any more."""
    with transaction.atomic():
        running.next_step()
        insert_new([part])
        return bool(mine.update(rows=rows))


def _in_parts(sheet: Sheet) -> Iterator[list[Row]]:
    while part := list(islice(sheet.rows, PART)):
        yield part


def _part(of: Import, number: int, rows: Sequence[Row]) -> ImportPart:
    return ImportPart(of=of, number=number, rows=[[row.line, row.cells, row.faults] for row in rows])


def samples(row: Import, *, most: int = 3) -> dict[str, list[str]]:
    """The first cells of each column that hold something, for whoever chooses what the columns are."""
    first = row.parts.order_by("number").first()
    found: dict[str, list[str]] = {column: [] for column in row.columns}
    for one in _rows(first) if first is not None else ():
        for column, text in zip(row.columns, one.cells, strict=True):
            if text and len(found[column]) < most:
                found[column].append(text[:LONGEST_SHOWN])
    return found


def change(row: Import, *, mapping: Mapping[str, str | None] | None = None, options: Mapping[str, Any]) -> Import:
    """Another mapping or other options, before it runs; what was compared is void. Raises Unreadable, WrongState."""
    fields: dict[str, Any] = {"options": row.options | dict(options)}
    if mapping is not None:
        fields["mapping"] = headers.chosen(row.columns, importer_of(row.kind).fields, mapping)
    return _moved(row, (Import.READ, Import.CHECKED), Import.READ, "changed", difference=[], checked_at=None, **fields)


def check(row: Import, *, now: datetime) -> Import:
    """Begins the comparison of every row with what is there, which writes nothing of it. Raises WrongState, Unreadable.

    Of few rows it is done when this returns.
    """
    _check_mapping(row)
    with transaction.atomic():
        cleared = {"next_part": 0, "done_rows": 0, "counts": no_counts(), "faults": [], "difference": []}
        row = _moved(row, (Import.READ, Import.CHECKED), Import.CHECKING, "compared", round=row.round + 1, **cleared)
        if row.rows > AT_ONCE:
            _enqueue(CHECK_JOB, row, now)
            return row
    return compare(row.pk, row.round, now=now)


def compare(pk: uuid.UUID, round: int, *, now: datetime) -> Import:
    """Compares all rows, one part after the other, and keeps what it found. Writes only the import itself."""
    row = Import.objects.select_related("by__team", "team").get(pk=pk)
    mine = Import.objects.filter(pk=pk, state=Import.CHECKING, round=round)
    job = outcomes.Job(row, row.by, now)
    memory: dict[str, Any] = {}
    counts, done = no_counts(), 0
    faults: list[Any] = []
    difference: list[Any] = []
    for part in _one_by_one(row):
        planned = importer_of(row.kind).plan(job, _rows(part), memory)
        _count(planned, counts, faults)
        difference += [_shown(one) for one in planned if one.verdict != Import.UNCHANGED][
            : MOST_SHOWN - len(difference)
        ]
        done += len(part.rows)
        with transaction.atomic():
            running.next_step()
            if not mine.update(done_rows=done):
                return Import.objects.get(pk=pk)  # cancelled, or begun anew
    mine.update(state=Import.CHECKED, counts=counts, faults=faults, difference=difference, checked_at=now)
    return Import.objects.get(pk=pk)


def _one_by_one(row: Import) -> Iterator[ImportPart]:
    """The parts in their order, each by a query of its own: one that reads on while others write may itself not write
    on SQLite, and holds all that was read.
    """
    number = 0
    while part := row.parts.filter(number=number).first():
        yield part
        number += 1


def run(row: Import, *, now: datetime) -> Import:
    """Begins to carry it out; one that failed goes on where it stopped. Running or done already, it stays as it is.

    Raises WrongState, Unreadable.
    """
    if row.state in (Import.RUNNING, Import.DONE):
        return row
    _check_mapping(row)
    goes_on = row.state == Import.FAILED and row.started_at is not None
    cleared = (
        {} if goes_on else {"next_part": 0, "done_rows": 0, "counts": no_counts(), "faults": [], "started_at": now}
    )
    states = (Import.READ, Import.CHECKED, *([Import.FAILED] if goes_on else []))
    with transaction.atomic():
        row = _moved(row, states, Import.RUNNING, "run", round=row.round + 1, error="", **cleared)
        _enqueue(RUN_JOB, row, now)
    return row


def carry_on(pk: uuid.UUID, part: int, *, now: datetime) -> bool:
    """Carries out one part and has the next one done; False when another did, or it was cancelled.

    All imports of a team take turns: rows that two files name are made once.
    """
    with transaction.atomic():
        turns = Import.objects.filter(state=Import.RUNNING, team__in=Import.objects.filter(pk=pk).values("team"))
        running = {one.pk: one for one in turns.select_for_update(of=("self",), no_key=True).order_by("pk")}
        row = running.get(pk)
        if row is None or row.next_part != part:
            return False
        found = row.parts.filter(number=part).first()
        if found is None:
            _finish(row, now)
            return True
        done = _carried_out(outcomes.Job(row, row.by, now), _rows(found))
        _count(done, row.counts, row.faults)
        row.next_part, row.done_rows = part + 1, row.done_rows + len(found.rows)
        row.save(update_fields=["next_part", "done_rows", "counts", "faults"])
        if row.done_rows >= row.rows:
            _finish(row, now)
        else:
            _enqueue(RUN_JOB, row, now)
    return True


def _carried_out(job: outcomes.Job, rows: Sequence[Row]) -> list[Outcome]:
    """All at one go; should that fail, one by one, and only the bad one is refused."""
    importer = importer_of(job.of.kind)
    try:
        return _attempt(importer, job, rows)
    except OperationalError:
        raise
    except Exception:
        log.exception("a part of import %s cannot be carried out at one go: its rows are, one by one", job.of.pk)
    done: list[Outcome] = []
    for row in rows:
        try:
            done += _attempt(importer, job, [row])
        except OperationalError:
            raise
        except Exception:
            log.exception("line %s of import %s cannot be carried out", row.line, job.of.pk)
            bad = Outcome(row.line, Import.REFUSED)
            done.append(bad.refuse("", "It could not be saved, and is logged: enter it by hand."))
    return done


def _attempt(importer: Importer, job: outcomes.Job, rows: Sequence[Row]) -> list[Outcome]:
    with transaction.atomic(), announcing.together():
        planned = importer.plan(job, rows, {})
        importer.carry_out(job, planned)
    return planned


def _finish(row: Import, now: datetime) -> None:
    row.state, row.finished_at, row.difference = Import.DONE, now, []
    row.save(update_fields=["state", "finished_at", "difference"])
    row.parts.all().delete()
    figures = {"file": row.file_name, "kind": row.kind, "rows": row.rows, **row.counts}
    IMPORT.record(row, audit.CREATED, by=row.by, now=now, after=figures)
    for step in _after:
        step(row, now)


def cancel(row: Import, *, now: datetime) -> Import:
    """Ends it where it is; what was carried out stays, the rest of the file is forgotten. Raises WrongState."""
    if row.state == Import.CANCELLED:
        return row
    states = [state for state, _ in Import.STATES if state not in (Import.DONE, Import.CANCELLED)]
    with transaction.atomic():
        row = _moved(row, states, Import.CANCELLED, "cancelled", finished_at=now, difference=[], content=None)
        row.parts.all().delete()
    return row


def give_up(job: Job, now: datetime) -> None:  # noqa: ARG001 (told to all who follow jobs that are over)
    """A job that was given up or cancelled leaves its import with its rows: it can go on from where it stopped."""
    if job.name in STOPPED:
        stuck = Import.objects.filter(pk=uuid.UUID(str(job.args[0])), state__in=Import.BUSY)
        stuck.filter(state=Import.CHECKING).update(state=Import.READ, error=STOPPED[CHECK_JOB])
        stuck.filter(state=Import.READING).update(state=Import.FAILED, error=STOPPED[READ_JOB])
        stuck.update(state=Import.FAILED, error=STOPPED[RUN_JOB])


def take_up_again(job: Job, now: datetime) -> None:  # noqa: ARG001 (told to all who follow jobs that run again)
    """Such a job that is to run after all finds its import as it left it, unless somebody went on or ended it since."""
    if job.name in STOPPED:
        pk, *step = job.args
        where: dict[str, dict[str, Any]] = {
            READ_JOB: {"state": Import.FAILED, "content__isnull": False},
            CHECK_JOB: {"state": Import.READ, "round": step[0] if step else None},
            RUN_JOB: {"state": Import.FAILED, "next_part": step[0] if step else None},
        }
        busy = {READ_JOB: Import.READING, CHECK_JOB: Import.CHECKING, RUN_JOB: Import.RUNNING}[job.name]
        stopped = Import.objects.filter(pk=uuid.UUID(str(pk)), error=STOPPED[job.name], **where[job.name])
        stopped.update(state=busy, error="")


def forget_old(*, now: datetime) -> int:
    """Cancels what nobody ran within a week, and deletes what ended 90 days ago; how many were deleted."""
    for row in Import.objects.filter(created_at__lt=now - KEEP_ROWS, finished_at=None).exclude(state=Import.RUNNING):
        cancel(row, now=now)
    return Import.objects.filter(finished_at__lt=now - KEEP).delete()[0]


def _check_mapping(row: Import) -> None:
    if lacking := importer_of(row.kind).check_mapping({name for name in row.mapping.values() if name}):
        raise Unreadable(lacking)


def _moved(row: Import, states: Sequence[str], to: str, verb: str, **fields: Any) -> Import:
    """By compare-and-set, from one of the states."""
    if not Import.objects.filter(pk=row.pk, state__in=states).update(state=to, **fields):
        now_at = Import.objects.get(pk=row.pk)
        raise WrongState(
            f"The import is {now_at.get_state_display().lower()} and cannot be {verb} now: "
            f"{'wait until that is done' if now_at.is_busy else 'upload the file again'}."
        )
    return Import.objects.select_related("by__team", "team").defer("content").get(pk=row.pk)


def _enqueue(name: str, row: Import, now: datetime) -> None:
    """The next step, under a key that says which."""
    args: dict[str, list[Any]] = {
        READ_JOB: [str(row.pk)],
        CHECK_JOB: [str(row.pk), row.round],
        RUN_JOB: [str(row.pk), row.next_part],
    }
    key = f"import:{row.pk}:{row.round}:{name.rpartition('.')[2]}:{row.next_part}"
    queue.enqueue(queue.Request(name, args[name], key=key, team_id=row.team_id, user_id=row.by_id), now=now)


def _rows(part: ImportPart) -> list[Row]:
    return [Row(line, texts, faults) for line, texts, faults in part.rows]


def _count(done: Sequence[Outcome], counts: dict[str, int], faults: list[Any]) -> None:
    for one in done:
        counts[one.verdict] += 1
        room = max(0, MOST_SHOWN - len(faults))
        faults += [{"line": one.line, **vars(fault)} for fault in one.faults[:room]]


def _shown(one: Outcome) -> dict[str, Any]:
    changes = {name: [_brief(before), _brief(after)] for name, (before, after) in one.changes.items()}
    return {
        "line": one.line,
        "verdict": one.verdict,
        "id": one.id,
        "name": one.name[:LONGEST_SHOWN],
        "changes": changes,
    }


def _brief(value: Any) -> Any:
    said = cells.written(value)
    return said[:LONGEST_SHOWN] if isinstance(said, str) else said
