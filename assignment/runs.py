"""Giving out a team's work all at once: a plan, kept with its reasons, and carried out task by task.

A run gives out what nobody holds. One that replans looks at what people hold and have not started as well, and moves
it where that is worth more than its stickiness: for a lead who asks for it, never by itself.

One run of a team is carried out at a time. Each task is given by compare-and-set in a transaction of its own, so a run
that is killed leaves only whole steps; the next one finds the rest and goes on with it. Nothing here is in one long
transaction, as on SQLite nobody else could write meanwhile.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q

from assignment import crew, dispatch, explanations, snapshot
from assignment.models import Decision, Run
from domain import matching
from domain.matching import rules
from jobs import pruning
from people.models import Team, User
from work import lifecycle
from work.models import Task

if TYPE_CHECKING:
    from domain.matching.planning import TeamPlan

HOLD = timedelta(minutes=5)
"""How long a run may stand still before others think it was killed."""
_TRIES = 3
KEEP, KEEP_UNGIVEN = timedelta(days=90), timedelta(days=1)
TAKEN, CHANGED, LEFT = "TAKEN", "CHANGED", "LEFT"
WHY_SKIPPED = {
    TAKEN: "Somebody took it meanwhile.",
    CHANGED: "It was changed meanwhile.",
    LEFT: "Whoever was to get it has left.",
    matching.DEPENDENCY: "It waits for another task again.",
    rules.ACCESS: "Whoever was to get it must not have it any more.",
}
"""Of what a plan meant for somebody who did not get it."""
WITH_TASK = ("task__team", "to_user__team")


class Busy(Exception):
    """Another run of the team is being carried out; the message says since when."""


class NotThis(Exception):
    """This run can't be carried out or undone any more; the message says why."""


class Stale(NotThis):
    """Other runs have given out work since this one was planned: it would promise the same hours again."""


def run(
    team: Team,
    *,
    now: datetime,
    dry_run: bool = False,
    replan: bool = False,
    by: User | None = None,
    key: str | None = None,
) -> Run:
    """Plans the team's work and, unless it is a dry run, carries the plan out.

    What a killed run has left is carried out first. The same `key` never makes a second run. Raises Busy.
    """
    if not dry_run:
        _finish_what_was_left(team, now=now)
    made = Run.objects.filter(key=key).first() if key else None
    if dry_run:
        return made or plan(team, now=now, replan=replan, by=by, key=key)
    if made is not None and made.state not in (Run.PLANNED, Run.APPLYING):
        return made
    for _ in range(_TRIES):
        made = made or plan(team, now=now, replan=replan, by=by, key=key)
        try:
            return apply(made, now=now)
        except Stale:
            made.delete()  # another run was faster, and this plan knows nothing of what it gave
            made = None
        except Busy:
            if made.state == Run.PLANNED:
                made.delete()
            raise
    raise Busy("Other runs of this team are being carried out one after the other: wait until they have ended.")


def plan(team: Team, *, now: datetime, replan: bool = False, by: User | None = None, key: str | None = None) -> Run:
    """Works out who gets what and keeps it; changes no task."""
    before = _that_gave(team)  # asked first: what is given from here on makes the plan stale
    users, held = crew.members(team), snapshot.movable(team) if replan else []
    rows = {row.pk: row for row in (*snapshot.waiting(team), *held)}
    books = crew.Books(team, now)
    everybody = crew.Crew(users, books, anew={row.pk for row in held})
    reader = snapshot.Reader(books)
    works = reader.works(list(rows.values()))
    people = everybody.people(works)
    found = _planned(works, people, names=reader.names, weights=team.weights)
    decisions = _Decisions(rows, {user.pk: user.display_name for user in users})
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
            input_hash=_hash_of(works, people, team.weights),
            given_before=before,
            replan=replan,
        )
        Decision.objects.bulk_create(decisions.of(made, [*found.decisions, *_held_back(team, rows)]), batch_size=500)
    return made


def apply(run: Run, *, now: datetime) -> Run:
    """Gives each task to whom the run chose, unless it was changed meanwhile. Raises Busy, NotThis or Stale."""
    if run.state not in (Run.PLANNED, Run.APPLYING):
        raise NotThis(f"This run is {run.state} already: make a new one.")
    planned = run.state == Run.PLANNED
    _hold(run, Run.APPLYING, now=now)
    if planned and _that_gave(run.team) != run.given_before:  # under the hold nobody else's run can end
        Run.objects.filter(pk=run.pk).update(state=Run.PLANNED, held_until=None)
        run.state = Run.PLANNED
        raise Stale("Work was given out since this was planned, so its hours may be spoken for: make a new plan.")
    open_ones = run.decisions.filter(state=Decision.PLANNED, to_user__isnull=False)
    for decision in open_ones.select_related(*WITH_TASK).prefetch_related("task__skill_levels").order_by("position"):
        give(decision, now=now)
    _end(run, Run.DONE, now=now)
    return run


def _that_gave(team: Team) -> int:
    return Run.objects.filter(team=team, given__gt=0).count()


def undo(run: Run, *, by: User | None, now: datetime) -> dict[str, Any]:
    """Takes back what the run gave, but for tasks that were started, moved or edited since. Raises Busy or NotThis."""
    if run.state == Run.UNDONE:
        raise NotThis("This run was undone already.")
    if run.state == Run.PLANNED:
        raise NotThis("This run changed nothing: there is nothing to undo.")
    _hold(run, Run.UNDOING, now=now)
    given = run.decisions.filter(state=Decision.APPLIED).select_related("task", "from_user__team")
    kept = [decision.task_id for decision in given.order_by("position") if not _take_back(decision, by=by, now=now)]
    _end(run, Run.UNDONE, now=now)
    return {**as_dict(run), "kept": kept}


def summary(run: Run) -> dict[str, Any]:
    """A run in numbers: what became of its decisions, and why nobody gets some, by code."""
    left = run.decisions.filter(Q(to_user=None) | Q(state=Decision.SKIPPED))
    codes = dict(left.order_by("code").values_list("code").annotate(Count("pk")))
    return {
        "run_id": str(run.pk),
        "team_id": run.team_id,
        "state": run.state,
        "gap": run.gap,
        "assigned": run.decisions.count() - sum(codes.values()),
        "unassigned": codes,
    }


def as_dict(run: Run, *, dry_run: bool | None = None) -> dict[str, Any]:
    """The run with each decision, as the API shows it."""
    decisions = list(run.decisions.order_by("position"))
    given = [one for one in decisions if one.to_user_id is not None and one.state != Decision.SKIPPED]
    left = [one for one in decisions if one.to_user_id is None or one.state == Decision.SKIPPED]
    return {
        "run_id": str(run.pk),
        "team_id": run.team_id,
        "state": run.state,
        "dry_run": run.state == Run.PLANNED if dry_run is None else dry_run,
        "replan": run.replan,
        "value": run.value,
        "bound": run.bound,
        "gap": run.gap,
        "passes": run.passes,
        "solver": run.solver,
        "version": run.version,
        "fault": run.fault,
        "input_hash": run.input_hash,
        "assigned": [
            {
                "task_id": one.task_id,
                "user_id": one.to_user_id,
                "from_user_id": one.from_user_id,
                "reason": one.reasons.get("sentence", ""),
            }
            for one in given
        ],
        "unassigned": [{"task_id": one.task_id, "code": one.code, "reason": why_not(one)} for one in left],
    }


def why_not(decision: Decision) -> str:
    """Why nobody got the task by this run."""
    skipped = WHY_SKIPPED.get(decision.code) if decision.state == Decision.SKIPPED else None
    return skipped or str(decision.reasons.get("sentence", ""))


def prune(*, now: datetime) -> int:
    """Deletes runs of long ago, and of those before yesterday what they gave to nobody; assignments stay."""
    pruning.prune(Decision.objects.filter(to_user=None, run__created_at__lt=now - KEEP_UNGIVEN))
    old = Run.objects.filter(created_at__lt=now - KEEP).exclude(state__in=Run.UNDER_WAY)
    pruning.prune(Decision.objects.filter(run__in=old))
    return pruning.prune(old)


def _planned(
    works: Sequence[matching.Work],
    people: Sequence[matching.Person],
    *,
    names: Mapping[int, str],
    weights: matching.Weights,
) -> "TeamPlan":
    # Here, not above: numbers and solver are loaded by whoever makes plans, not by every process.
    from assignment import solver
    from domain.matching import exact, planning

    with solver.Solver() as asked:
        prove = asked if exact.available() else None
        return planning.plan(works, people, names=names, weights=weights, prove=prove)


def _hash_of(works: Iterable[matching.Work], people: Iterable[matching.Person], weights: matching.Weights) -> str:
    """The same for the same input, in whatever order it comes."""
    rows: list[dict[str, object]] = [vars(work) for work in sorted(works, key=lambda work: work.id)]
    crew_in_order = sorted(people, key=lambda person: person.id)
    rows += [{**asdict(person), "skills": sorted(person.skills.items())} for person in crew_in_order]
    text = [repr(weights), *(repr({name: _in_order(part) for name, part in row.items()}) for row in rows)]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()


def _in_order(part: object) -> object:
    return sorted(part) if isinstance(part, frozenset) else part


def _held_back(team: Team, rows: dict[int, snapshot.Row]) -> Iterator[matching.Choice]:
    """What is not ready is nobody's turn: it is told what it waits for."""
    for task_id, waits_for in snapshot.held_back(team).items():
        if task_id not in rows:
            yield matching.Choice(code=matching.DEPENDENCY, work_id=task_id, waits_for=waits_for)


class _Decisions:
    """A plan's choices as rows: what changes and why, and who gets nothing."""

    def __init__(self, rows: dict[int, snapshot.Row], display: dict[int, str]) -> None:
        self.rows, self.display = rows, display

    def of(self, run: Run, choices: Iterable[matching.Choice]) -> Iterator[Decision]:
        for position, choice in enumerate(choices):
            row = self.rows.get(choice.work_id)
            holder = row.assignee_id if row is not None else None
            # Whoever holds a task keeps it when that is best, and when the plan has nobody for it.
            if holder is None or choice.person_id not in (None, holder):
                yield self._row(run, position, choice, row, holder)

    def _row(
        self, run: Run, position: int, choice: matching.Choice, row: snapshot.Row | None, holder: int | None
    ) -> Decision:
        return Decision(
            run=run,
            position=position,
            task_id=choice.work_id,
            task_version=row.version if row is not None else 0,
            from_user_id=holder,
            to_user_id=choice.person_id,
            code=choice.code or "",
            reasons=self._reasons(choice, holder),
        )

    def _reasons(self, choice: matching.Choice, holder: int | None) -> dict[str, Any]:
        """Why nobody gets a task is told anew each hour, in a sentence. What is given keeps all its reasons."""
        if choice.person_id is None:
            return {"sentence": choice.sentence(self.display)}
        reasons = dispatch.reasons_of(choice, self.display)
        if holder is not None:
            name = self.display.get(holder)
            reasons[explanations.MOVED] = f"Moved from {name}." if name else "Moved from somebody who left."
            reasons["sentence"] = f"{reasons[explanations.MOVED]} {reasons['sentence']}"
        return reasons


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
    given = run.decisions.filter(state=Decision.APPLIED).count() if state == Run.DONE else run.given
    Run.objects.filter(pk=run.pk).update(state=state, held_until=None, ended_at=now, given=given)
    run.state, run.ended_at, run.given = state, now, given


def give(decision: Decision, *, now: datetime) -> bool:
    """One step: the task and what became of the decision, in one transaction; False when it was void by now."""
    task, user = decision.task, decision.to_user
    assert user is not None
    with transaction.atomic():
        if not Decision.objects.filter(pk=decision.pk, state=Decision.PLANNED).update(state=Decision.APPLIED):
            return False
        code = _changed(decision, task, user)
        if code is None:
            code = _assigned(task, user, decision.reasons, now)
        if code is not None:
            Decision.objects.filter(pk=decision.pk).update(state=Decision.SKIPPED, code=code)
            return False
        kept = {"sentence": decision.reasons.get("sentence", "")}  # the assignment has them all
        Decision.objects.filter(pk=decision.pk).update(task_version=decision.task_version + 1, reasons=kept)
    return True


def _assigned(task: Task, user: User, reasons: dict[str, Any], now: datetime) -> str | None:
    """Why the task could not be given, if it could not."""
    try:
        assignment = dispatch.assign(
            task, user, by=None, now=now, method=dispatch.BATCH, reasons=reasons, version=task.version
        )
    except lifecycle.Excluded:  # kept off since, by a row that was written by hand
        return rules.ACCESS
    return None if assignment is not None else TAKEN


def _changed(decision: Decision, task: Task, user: User) -> str | None:
    """What has happened since the plan that makes it void, if anything."""
    if task.assignee_id != decision.from_user_id or not task.is_open:
        return TAKEN
    if task.version != decision.task_version:
        return CHANGED
    if snapshot.waits_for(task):  # what it waited for was reopened, which leaves the task itself as it was
        return matching.DEPENDENCY
    # Read anew, under a lock: who leaves during a run gives back what they hold, and is given nothing after that.
    still = User.objects.active().filter(pk=user.pk, team=task.team_id).select_for_update(no_key=True)
    return None if still.exists() else LEFT


def _take_back(decision: Decision, *, by: User | None, now: datetime) -> bool:
    task = decision.task
    with transaction.atomic():
        as_given = Task.objects.filter(
            pk=task.pk, status=Task.TODO, assignee_id=decision.to_user_id, version=decision.task_version
        )
        if not as_given.update(version=F("version")):  # takes the row's lock, so that nobody starts it meanwhile
            return False
        giver = decision.from_user
        if giver is not None and giver.is_active and giver.team_id == task.team_id:
            reasons = {"sentence": "A plan was undone: the task is back where it was."}
            try:
                dispatch.assign(task, giver, by=by, now=now, method=dispatch.BATCH, reasons=reasons)
            except lifecycle.Excluded:  # kept off since
                return False
        else:
            dispatch.unassign(task, by=by, now=now)
        Decision.objects.filter(pk=decision.pk).update(state=Decision.UNDONE)
    return True
