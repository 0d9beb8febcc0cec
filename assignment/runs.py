"""Giving out all of a team's waiting work at once: a plan, kept with its reasons, and carried out task by task.

One run of a team is carried out at a time. Each task is given by compare-and-set in a transaction of its own, so a run
that is killed leaves only whole steps; the next one finds the rest and goes on with it. Nothing here is in one long
transaction, as on SQLite nobody else could write meanwhile.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F

from assignment import dispatch, snapshot
from assignment.models import Decision, Run
from domain import matching
from people.models import Team, User
from work import lifecycle
from work.models import Task

if TYPE_CHECKING:
    from domain.matching.planning import TeamPlan

HOLD = timedelta(minutes=5)
"""How long a run may stand still before others think it was killed."""
KEEP, KEEP_UNGIVEN = timedelta(days=90), timedelta(days=1)
TAKEN, CHANGED, LEFT = "TAKEN", "CHANGED", "LEFT"


class Busy(Exception):
    """Another run of the team is being carried out; the message says since when."""


class NotThis(Exception):
    """This run can't be carried out or undone any more; the message says why."""


def run(
    team: Team, *, now: datetime, dry_run: bool = False, by: User | None = None, key: str | None = None
) -> dict[str, Any]:
    """Plans the team's waiting work and, unless it is a dry run, carries the plan out; the answer shows both.

    What a killed run has left is carried out first. The same `key` never makes a second run. Raises Busy.
    """
    if not dry_run:
        _finish_what_was_left(team, now=now)
    made = Run.objects.filter(key=key).first() if key else None
    if made is None:
        made = plan(team, now=now, by=by, key=key)
    if not dry_run and made.state in (Run.PLANNED, Run.APPLYING):
        apply(made, now=now)
    return as_dict(made, dry_run=dry_run)


def plan(team: Team, *, now: datetime, by: User | None = None, key: str | None = None) -> Run:
    """Works out who gets what and keeps it; changes no task."""
    users, rows = snapshot.members(team), snapshot.waiting(team)
    works = snapshot.works(rows, snapshot.required(rows), team=team, now=now)
    people = snapshot.people(users, now=now, works=works)
    found = _planned(works, people, names=snapshot.skill_names(team))
    versions = {row.pk: row.version for row in rows}
    display = {user.pk: user.display_name for user in users}
    with transaction.atomic():
        made = Run.objects.create(
            key=key,
            team=team,
            by=by,
            created_at=now,
            value=found.value,
            bound=found.bound,
            passes=found.passes,
            solver=found.solver,
            version=found.version,
            fault=found.fault[:255],
            input_hash=_hash_of(works, people),
        )
        Decision.objects.bulk_create(
            (_decision(made, position, choice, versions, display) for position, choice in enumerate(found.decisions)),
            batch_size=500,
        )
    return made


def apply(run: Run, *, now: datetime) -> Run:
    """Gives each task to whom the run chose, unless it was changed meanwhile. Raises Busy or NotThis."""
    if run.state not in (Run.PLANNED, Run.APPLYING):
        raise NotThis(f"This run is {run.state} already: make a new one.")
    _hold(run, Run.APPLYING, now=now)
    open_ones = run.decisions.filter(state=Decision.PLANNED, to_user__isnull=False)
    pending = open_ones.select_related("task__team", "to_user__team").prefetch_related("task__skill_levels")
    for decision in pending.order_by("position"):
        _give(decision, now=now)
    _end(run, Run.DONE, now=now)
    return run


def undo(run: Run, *, by: User | None, now: datetime) -> dict[str, Any]:
    """Takes back what the run gave, but for tasks that were started, moved or edited since. Raises Busy or NotThis."""
    if run.state == Run.UNDONE:
        raise NotThis("This run was undone already.")
    if run.state == Run.PLANNED:
        raise NotThis("This run changed nothing: there is nothing to undo.")
    _hold(run, Run.UNDOING, now=now)
    given = run.decisions.filter(state=Decision.APPLIED).select_related("task")
    kept = [decision.task_id for decision in given.order_by("position") if not _take_back(decision, by=by, now=now)]
    _end(run, Run.UNDONE, now=now)
    return {**as_dict(run), "kept": kept}


def as_dict(run: Run, *, dry_run: bool | None = None) -> dict[str, Any]:
    """The run as API, command line and log show it."""
    decisions = list(run.decisions.order_by("position"))
    given = [one for one in decisions if one.to_user_id is not None and one.state != Decision.SKIPPED]
    left = [one for one in decisions if one.to_user_id is None or one.state == Decision.SKIPPED]
    return {
        "run_id": str(run.pk),
        "team_id": run.team_id,
        "state": run.state,
        "dry_run": run.state == Run.PLANNED if dry_run is None else dry_run,
        "value": run.value,
        "bound": run.bound,
        "gap": run.gap,
        "passes": run.passes,
        "solver": run.solver,
        "version": run.version,
        "fault": run.fault,
        "input_hash": run.input_hash,
        "assigned": [
            {"task_id": one.task_id, "user_id": one.to_user_id, "reason": one.reasons.get("sentence", "")}
            for one in given
        ],
        "unassigned": [
            {"task_id": one.task_id, "code": one.code, "reason": one.reasons.get("sentence", "")} for one in left
        ],
    }


def prune(*, now: datetime) -> int:
    """Deletes runs of long ago, and of those before yesterday what they gave to nobody; assignments stay."""
    Decision.objects.filter(to_user=None, run__created_at__lt=now - KEEP_UNGIVEN).delete()
    deleted, _ = Run.objects.filter(created_at__lt=now - KEEP).exclude(state__in=Run.UNDER_WAY).delete()
    return deleted


def _planned(works: Sequence[matching.Work], people: Sequence[matching.Person], *, names: dict[int, str]) -> "TeamPlan":
    # Here, not above: numbers and solver are loaded by whoever makes plans, not by every process.
    from domain.matching import engine, planning

    return planning.plan(works, people, names=names, prove=engine.prover())


def _hash_of(works: Iterable[matching.Work], people: Iterable[matching.Person]) -> str:
    """The same for the same input, in whatever order it comes."""
    text = [repr(one) for one in sorted(works, key=lambda work: work.id)]
    for person in sorted(people, key=lambda person: person.id):
        parts = {**asdict(person), "skills": sorted(person.skills.items())}
        text.append(repr({name: sorted(part) if isinstance(part, frozenset) else part for name, part in parts.items()}))
    return hashlib.sha256("\n".join(text).encode()).hexdigest()


def _decision(
    run: Run, position: int, choice: matching.Choice, versions: dict[int, int], display: dict[int, str]
) -> Decision:
    return Decision(
        run=run,
        position=position,
        task_id=choice.work_id,
        task_version=versions[choice.work_id],
        to_user_id=choice.person_id,
        code=choice.code or "",
        # Why nobody gets a task is told anew each hour: the sentence is enough. What is given keeps all its reasons.
        reasons=dispatch.reasons_of(choice, display) if choice.person_id else {"sentence": choice.sentence(display)},
    )


def _finish_what_was_left(team: Team, *, now: datetime) -> None:
    """Goes on with a run that was killed; raises Busy when it is being carried out."""
    left = Run.objects.filter(team=team, state__in=Run.UNDER_WAY).first()
    if left is None:
        return
    if left.state == Run.APPLYING:
        apply(left, now=now)
    else:
        undo(left, by=left.by, now=now)


def _hold(run: Run, state: str, *, now: datetime) -> None:
    """Makes the run ours: the index lets one of a team be under way, the update one process.

    Two at once, should one be very slow, do no harm: each step is claimed by itself.
    """
    mine = Run.objects.filter(pk=run.pk, state=run.state)
    free = mine.filter(held_until__lt=now) if run.state in Run.UNDER_WAY else mine
    try:
        with transaction.atomic():
            held = free.update(state=state, held_until=now + HOLD)
    except IntegrityError:
        held = 0
    if not held:
        raise Busy("Another run of this team is being carried out: wait until it has ended, a few minutes at most.")
    run.state = state


def _end(run: Run, state: str, *, now: datetime) -> None:
    Run.objects.filter(pk=run.pk).update(state=state, held_until=None, ended_at=now)
    run.state, run.ended_at = state, now


def _give(decision: Decision, *, now: datetime) -> None:
    """One step: the task and what became of the decision, in one transaction."""
    task, user = decision.task, decision.to_user
    assert user is not None
    with transaction.atomic():
        if not Decision.objects.filter(pk=decision.pk, state=Decision.PLANNED).update(state=Decision.APPLIED):
            return
        code = _changed(decision, task, user)
        if code is None:
            assignment = dispatch.assign(
                task, user, by=None, now=now, method=dispatch.BATCH, reasons=decision.reasons, version=task.version
            )
            code = None if assignment is not None else TAKEN
        if code is not None:
            Decision.objects.filter(pk=decision.pk).update(state=Decision.SKIPPED, code=code)
        else:
            kept = {"sentence": decision.reasons.get("sentence", "")}  # the assignment has them all
            Decision.objects.filter(pk=decision.pk).update(task_version=decision.task_version + 1, reasons=kept)


def _changed(decision: Decision, task: Task, user: User) -> str | None:
    """What has happened since the plan that makes it void, if anything."""
    if task.assignee_id is not None or not task.is_open:
        return TAKEN
    if task.version != decision.task_version:
        return CHANGED
    return None if user.is_active and user.team_id == task.team_id else LEFT


def _take_back(decision: Decision, *, by: User | None, now: datetime) -> bool:
    task = decision.task
    with transaction.atomic():
        as_given = Task.objects.filter(
            pk=task.pk, status=Task.TODO, assignee_id=decision.to_user_id, version=decision.task_version
        )
        if not as_given.update(version=F("version")):  # takes the row's lock, so that nobody starts it meanwhile
            return False
        lifecycle.unassign(task, by=by, now=now)
        Decision.objects.filter(pk=decision.pk).update(state=Decision.UNDONE)
    return True
