"""Two contacts become one: in a sequence or campaign that both are under way in, the one that is further goes on.

What the absorbed one is enrolled in ends where the survivor's opt-out would have ended it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from automation import programmes
from automation.models import Enrolment, EnrolmentStep, ScheduledTaskBatch
from automation.programmes import exits
from crm import traces
from crm.merge import OPT_OUTS, Merging
from work import retiring
from work.models import Task

Kept = dict[str, Any]
REASON = "The contact was merged with one that is further in it."


def unite(one: Merging) -> Kept:
    """Ends the twins and gives the keys of what goes on to the survivor. Answers what `part` takes."""
    ended = [_end(enrolment, one.now, reason) for enrolment, reason in _refused(one)]
    ended += [_end(enrolment, one.now, REASON) for enrolment in _shorter(one)]
    ended_batches = [_end_batch(batch, one.now, REASON) for batch in _shorter_batches(one)]
    return {
        "enrolments": ended,
        "batches": ended_batches,
        "undo": _forget_undo(one),
        "enrolment_keys": _pass_keys(Enrolment.objects.filter(contact=one.absorbed), one),
        "batch_keys": _pass_keys(ScheduledTaskBatch.objects.filter(contact=one.absorbed), one),
    }


def part(kept: Kept, *, now: datetime) -> None:
    """Puts back what nobody has touched since: keys first, for those that ended want theirs again."""
    _revert(Enrolment, kept["undo"])
    _revert(Enrolment, kept["enrolment_keys"])
    _revert(ScheduledTaskBatch, kept["batch_keys"])
    for ended in kept["enrolments"]:
        _resume(ended, now)
    for ended in kept["batches"]:
        _resume_batch(ended, now)


def _refused(one: Merging) -> Iterable[tuple[Enrolment, str]]:
    """What the absorbed one is under way in and the survivor had opted out of, which it had not, with why it ends."""
    new = [
        kind for column, kind in OPT_OUTS.items() if getattr(one.survivor, column) and not getattr(one.absorbed, column)
    ]
    under_way = Enrolment.objects.filter(contact=one.absorbed, state__in=Enrolment.UNDER_WAY)
    for enrolment in exits.locked(under_way) if new else ():
        wanted = exits.settings_of(programmes.of(enrolment))
        if kind := next((kind for kind in new if wanted.get(kind)), None):
            yield enrolment, exits.REASONS[kind]


def _shorter(one: Merging) -> Iterable[Enrolment]:
    """Of each programme that both are under way in, all but the one with the most steps done, else the oldest."""
    by_programme: dict[tuple[int | None, int | None], list[Enrolment]] = defaultdict(list)
    under_way = Enrolment.objects.filter(contact__in=(one.survivor, one.absorbed), state__in=Enrolment.UNDER_WAY)
    for enrolment in under_way.select_for_update().order_by("pk"):
        by_programme[enrolment.sequence_id, enrolment.campaign_id].append(enrolment)
    for twins in by_programme.values():
        if len({enrolment.contact_id for enrolment in twins}) > 1:
            yield from sorted(twins, key=_by_distance)[1:]


def _by_distance(enrolment: Enrolment) -> tuple[int, datetime, int]:
    done = EnrolmentStep.objects.filter(enrolment=enrolment, state=EnrolmentStep.DONE)
    finished = done.filter(task__isnull=True).count() + done.filter(task__completed_at__isnull=False).count()
    return -(finished * 1000 + done.count()), enrolment.started_at, enrolment.pk


def _end(enrolment: Enrolment, now: datetime, reason: str) -> Kept:
    trace = traces.change(
        enrolment,
        state=Enrolment.EXITED,
        reason=reason,
        ended_at=now,
        next_step_at=None,
        paused_at=None,
        resume_at=None,
        undo_until=None,
        active_key=None,
    )
    steps = {
        str(step.pk): traces.change(step, state=EnrolmentStep.CANCELLED, reason=reason, at=now)
        for step in enrolment.steps.filter(state=EnrolmentStep.PLANNED)
    }
    return {"pk": enrolment.pk, "trace": trace, "steps": steps, "batch": _end_batch(enrolment.batch, now, reason)}


def _resume(ended: Kept, now: datetime) -> None:
    enrolment = Enrolment.objects.select_for_update().filter(pk=ended["pk"]).first()
    if enrolment is None or not traces.stands(enrolment, ended["trace"]):
        return
    traces.revert(enrolment, ended["trace"], unique=("active_key",))
    _revert(EnrolmentStep, ended["steps"])
    _resume_batch(ended["batch"], now)


def _shorter_batches(one: Merging) -> Iterable[ScheduledTaskBatch]:
    """Groups of tasks of one sequence that no enrolment stands behind: the one with more of them finished goes on."""
    for batch in ScheduledTaskBatch.objects.filter(contact=one.absorbed, active_key__endswith=f":{one.absorbed.pk}"):
        key = _passed(batch.active_key, one)
        twin = ScheduledTaskBatch.objects.filter(active_key=key).first()
        if twin is not None:
            yield max(twin, batch, key=lambda row: (row.tasks.open().count(), row.pk))  # type: ignore[attr-defined]


def _end_batch(batch: ScheduledTaskBatch, now: datetime, reason: str) -> Kept:
    """Lets go of the group's key and closes its tasks; those that somebody has touched stay open with a banner."""
    trace = traces.change(batch, active_key=None, ended_at=batch.ended_at or now, next_run_at=None)
    tasks = [retiring.retire(task, reason=reason, now=now) for task in batch.tasks.filter(status__in=Task.OPEN)]
    return {"pk": batch.pk, "trace": trace, "tasks": tasks}


def _resume_batch(ended: Kept, now: datetime) -> None:
    batch = ScheduledTaskBatch.objects.filter(pk=ended["pk"]).first()
    if batch is not None:
        traces.revert(batch, ended["trace"], unique=("active_key",))
    for task in ended["tasks"]:
        retiring.take_up(task, now=now)


def _passed(key: str | None, one: Merging) -> str | None:
    """The same key for the survivor."""
    return key and key.removesuffix(f":{one.absorbed.pk}") + f":{one.survivor.pk}"


def _pass_keys(rows: Any, one: Merging) -> Kept:
    """What is under way keeps the survivor from the same again, unless the survivor's own does."""
    changed = {}
    for row in rows.filter(active_key__endswith=f":{one.absorbed.pk}").order_by("pk"):
        key = _passed(row.active_key, one)
        taken = type(row).objects.filter(active_key=key).exists()
        changed[str(row.pk)] = traces.change(row, active_key=None if taken else key)
    return changed


def _forget_undo(one: Merging) -> Kept:
    """What an undo would restore names the absorbed contact: what ended for it just before the merge stays ended."""
    ended = Enrolment.objects.filter(contact=one.absorbed, undo_until__gt=one.now)
    return {str(row.pk): traces.change(row, undo_until=None) for row in ended}


def _revert(model: Any, changed: Kept) -> None:
    for row in model.objects.filter(pk__in=[int(pk) for pk in changed]):
        unique = ("active_key",) if hasattr(row, "active_key") else ()
        traces.revert(row, changed[str(row.pk)], unique=unique)
