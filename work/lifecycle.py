"""The life of a task: the only writer of its status and of who holds it.

Every verb is one transaction that ends in facts: an Assignment row, a TASK_* activity, jobs enqueued by name, and for
what a person did a line of the audit log. Whatever follows (scores, the next task, chained rules) leaves from these.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from crm.models import Activity
from domain import checklists
from jobs import announcing, bell, queue
from jobs.rows import insert_new
from people import audit, rights
from people.models import Skill, Team, User
from work import announced, corrections, finishing, ties
from work.audited import TASK
from work.models import Assignment, Task, TaskSkill

SOURCE = "nextmove"
AT_CREATION = "owner"
"""The method of what goes to its owner as it is made: part of making it, which is told by whatever made it."""
REOPENED = "reopened"
MOST_SAID = 10_000
"""Characters of a comment."""
NEXT_TASK_JOB = "automation.tasks.assign_next_task_for_user"


class NotOpen(Exception):
    """The task is finished; the message says how."""


class NotAllowed(Exception):
    """The person may not do this to the task; the message says who may."""


class Excluded(NotAllowed):
    """The person must not have this task; the message says what to change."""


class UnknownStatus(ValueError):
    """No such status; the message lists those there are."""


class UnknownOutcome(ValueError):
    """No such outcome; the message lists those there are."""


class NotDone(Exception):
    """The task is not completed, so nothing can have come of it; the message says what to do."""


class Changed(Exception):
    """Somebody else changed the task since it was read."""


@dataclass(frozen=True)
class Requirement:
    """A skill that a task needs, and the least level."""

    skill: Skill
    min_level: int = 1


@dataclass(frozen=True)
class Completion:
    """What completing a task set off. `user_id` is the assignee's; the job ids can be asked for at once."""

    task: Task
    activity_id: int
    user_id: int
    performance_job: uuid.UUID
    next_task_job: uuid.UUID


def parse_status(text: str) -> str:
    """A status in any case of letters, spaces or hyphens for underscores. Raises UnknownStatus."""
    word = text.strip().lower().replace(" ", "_").replace("-", "_")
    known = [status for status, _ in Task.STATUSES]
    if word not in known:
        raise UnknownStatus(f"There is no status {text!r}: use one of {', '.join(known)}.")
    return word


def parse_outcome(text: str) -> str:
    """What came of a task, in any case of letters, or "" for nothing said. Raises UnknownOutcome."""
    word = text.strip().lower().replace(" ", "_").replace("-", "_")
    known = [outcome for outcome, _ in Task.OUTCOMES]
    if word and word not in known:
        raise UnknownOutcome(f"There is no outcome {text!r}: use one of {', '.join(known)}, or none.")
    return word


def create(
    team: Team,
    *,
    title: str,
    now: datetime,
    by: User | None = None,
    required_skills: Iterable[Requirement] = (),
    **fields: Any,
) -> Task:
    """A new task, nobody's yet. Raises ValidationError naming the fields; IntegrityError for a taken origin key."""
    needs = list(required_skills)
    task = Task(team=team, title=title, created_at=now, **fields)
    task.fill_in()
    task.clean_fields(exclude=["origin_key", "once_key"])
    with transaction.atomic():
        task.save(force_insert=True)
        TaskSkill.objects.bulk_create(
            TaskSkill(task=task, skill=need.skill, min_level=need.min_level) for need in needs
        )
        announced.tell(task, _record(task, Activity.TASK_CREATED, by, now))
        if by is not None and not task.origin_key:  # the firing, series or enrolment tells of those it made
            skills = {need.skill.name: need.min_level for need in needs}
            TASK.record(task, audit.CREATED, by=by, now=now, after=TASK.facts(task) | {"required_skills": skills})
    return task


EDITABLE = frozenset(
    {
        "title",
        "description",
        "priority",
        "due_date",
        "reminder_offset_hours",
        "contact",
        "owner",
        "estimated_hours",
        "actual_hours",
        "notes",
        "pinned",
    }
)


def edit(task: Task, *, by: User | None, now: datetime, **fields: Any) -> Task:
    """Changes what may be edited. One that a person edited is no longer closed by itself (see `close`).

    Hours corrected once it is done are scored (`corrections.follow`). Raises ValidationError, and TypeError for what
    only verbs may change.
    """
    refused = set(fields) - EDITABLE
    if refused:
        raise TypeError(f"{', '.join(sorted(refused))}: changed by its own verb only")
    with transaction.atomic():
        kept = Task.objects.select_for_update(no_key=True).get(pk=task.pk)
        before, contact_id = TASK.facts(kept), kept.contact_id
        revise(kept, fields, by=by, now=now)
        kept.fill_in()
        kept.clean_fields(exclude=["origin_key", "once_key"])
        _check_holder(kept, fields, moved=kept.contact_id != contact_id)
        kept.save()
        corrections.follow(kept, now=now)
        if by is not None:
            TASK.record(kept, audit.CHANGED, by=by, now=now, before=before, after=TASK.facts(kept))
    return kept


def tick(task: Task, place: int, words: str, *, done: bool, by: User, now: datetime) -> Task:
    """Marks one item of the task's checklist (see `domain.checklists`), whatever else of it was changed meanwhile.

    Raises checklists.Gone when the item is not there any more.
    """
    with transaction.atomic():
        kept = Task.objects.select_for_update(no_key=True).get(pk=task.pk)
        description = checklists.ticked(kept.description, place, words, done=done)
        return edit(kept, by=by, now=now, description=description)


def revise(task: Task, fields: Mapping[str, Any], *, by: User | None, now: datetime) -> None:
    """Gives a task what was edited, in memory, and what follows from that whoever edits it.

    A priority that is named is the person's own from then on, also where it is the one that the score gave. Of a date
    that is moved stays how it was chosen, marked as `moved`: what best times bring is counted by what was drawn.
    """
    derived_date, estimate = task.due_date, task.estimated_hours
    for name, value in fields.items():
        setattr(task, name, value)
    if task.due_date != derived_date:  # a person's own date follows no calendar
        task.due_spec, task.due_wall, task.due_zone = None, "", ""
        task.timing = {**task.timing, "moved": True} if task.timing else None
    if "priority" in fields:
        task.priority_source = ""
    if "estimated_hours" in fields and _differs(task.estimated_hours, estimate):
        task.estimated_at = now  # what is learned from estimates asks whether they stood before the work
    if by is not None:
        task.edited_at = now
    task.version += 1


def _differs(said: Any, estimate: Decimal | None) -> bool:
    """As the column will have it: programs may say hours as floats. What is no number is refused with the others."""
    column: Any = Task._meta.get_field("estimated_hours")
    try:
        return bool(column.to_python(said) != estimate)
    except ValidationError:
        return True


def assign(
    task: Task,
    user: User,
    *,
    by: User | None,
    now: datetime,
    method: str,
    reasons: dict[str, Any] | None = None,
    skill_match: Decimal | None = None,
    expected: int | None = None,
    version: int | None = None,
) -> Assignment | None:
    """Gives an open task to somebody, if the one who holds it is still `expected` (a user id; None for nobody).

    With `version`, only if nothing else of the task has changed since. Returns None when somebody else was faster.
    Raises NotAllowed across teams, for someone who left, and (as Excluded) for someone who must not have it.
    """
    if user.team_id != task.team_id or not user.is_active:
        raise NotAllowed(f"{user.display_name} is not an active member of the task's team: choose someone who is.")
    with transaction.atomic():
        rows = Task.objects.filter(pk=task.pk, status__in=Task.OPEN, assignee_id=expected)
        if version is not None:
            rows = rows.filter(version=version)
        if not rows.update(assignee=user, version=F("version") + 1):
            return None
        # Asked under the row's lock, which whoever excludes somebody takes too: of the two, the second sees the first.
        if why := ties.obstacle(task, user):
            raise Excluded(why)
        if expected is not None:
            finishing.end_assignment(task, Assignment.MOVED, now=now)
        if method != AT_CREATION:
            _tell(task, by, now, before={"assignee_id": expected}, after={"assignee_id": user.pk})
        task.assignee = user
        assignment = Assignment.objects.create(
            task=task,
            user=user,
            by=by,
            method=method,
            reasons=reasons or {},
            assigned_at=now,
            due_date=task.due_date,
            estimated_hours=task.estimated_hours,
            skill_match=skill_match,
        )
        given = _record(task, Activity.TASK_ASSIGNED, by, now, user_id=user.pk, method=method)
        announced.tell(task, given, user_id=user.pk, method=method)
    return assignment


def comment(task: Task, text: str, *, by: User, now: datetime) -> Activity:
    """Writes down what somebody says of a task, in its history. Raises ValidationError for nothing or too much."""
    text = text.strip()
    if not 0 < len(text) <= MOST_SAID:
        raise ValidationError({"text": [f"Write from 1 to {MOST_SAID:,} characters."]})
    return _record(task, Activity.TASK_COMMENTED, by, now, note=text)


def leave_waiting(task: Task, *, code: str, why: str, now: datetime) -> None:
    """Records that a task was meant for somebody and stays nobody's, with the code of the rule that forbids it."""
    _record(task, Activity.TASK_ASSIGNED, None, now, user_id=None, method="unassigned", code=code, note=why)


def unassign(task: Task, *, by: User | None, now: datetime) -> bool:
    """Puts an open task back into the queue, unpinned; False when nobody held it."""
    after = {"assignee_id": None, "status": Task.TODO, "pinned": False}
    with transaction.atomic():
        held = Task.objects.filter(pk=task.pk, status__in=Task.OPEN, assignee__isnull=False)
        before = held.select_for_update(no_key=True).values(*after).first()
        if before is None:
            return False
        held.update(**after, version=F("version") + 1)
        finishing.end_assignment(task, Assignment.MOVED, now=now)
        left = _record(task, Activity.TASK_ASSIGNED, by, now, user_id=None, method="unassigned")
        announced.tell(task, left, user_id=None, method="unassigned")
        _tell(task, by, now, before=before, after=after)
        task.assignee, task.status, task.pinned = None, Task.TODO, False
    return True


def complete(
    task: Task, *, by: User, now: datetime, actual_hours: Decimal | None = None, notes: str = "", outcome: str = ""
) -> Completion:
    """Finishes an open task and enqueues the two jobs that follow.

    `outcome` is one of Task.OUTCOMES, or nothing. A manager who completes a task that nobody holds becomes its
    assignee. The compare-and-set lets one of several callers win. Raises NotAllowed, NotOpen, UnknownOutcome, and
    ValidationError for hours that can't be.
    """
    if not rights.may_complete(by, task):
        raise NotAllowed("Only its assignee or a manager of the team may complete this task.")
    if not task.is_open:
        raise NotOpen(why_closed(task))
    actual_hours, outcome = corrections.checked(actual_hours), parse_outcome(outcome)
    holder = task.assignee_id or by.pk
    with transaction.atomic(), announcing.together():
        if task.assignee_id is None and assign(task, by, by=by, now=now, method="completed") is None:
            raise NotOpen("Somebody else took this task meanwhile: look at it again.")
        if not finishing.finish(task, holder, now=now, actual_hours=actual_hours, notes=notes.strip(), outcome=outcome):
            task.refresh_from_db()
            raise NotOpen(why_closed(task))
        _end_as_completed(task, holder, by, now)
        said = {"outcome": outcome} if outcome else {}
        activity = _record(task, Activity.TASK_COMPLETED, by, now, user_id=holder, **said)
        announced.tell(task, activity, user_id=holder)
        _tell_of_completion(task, by, now, actual_hours=actual_hours, notes=notes.strip(), outcome=outcome)
        task.status, task.completed_at, task.outcome = Task.DONE, now, outcome
        return _completion(task, activity, holder, now)


def say_outcome(task: Task, outcome: str, *, by: User, now: datetime) -> Task:
    """Says what came of a completed task, or says it anew; "" takes back what was said. Said again, nothing changes.

    Whoever may complete the task may say it. Raises NotAllowed, NotDone, UnknownOutcome, Changed.
    """
    if not rights.may_complete(by, task):
        raise NotAllowed("Only its assignee or a manager of the team may say what came of this task.")
    outcome = parse_outcome(outcome)
    if task.status != Task.DONE:
        raise NotDone("This task is not completed: complete it, and say the outcome as you do.")
    if outcome == task.outcome:
        return task
    with transaction.atomic():
        mine = Task.objects.filter(pk=task.pk, status=Task.DONE, outcome=task.outcome)
        if not mine.update(outcome=outcome, version=F("version") + 1):
            raise Changed("Somebody else changed this task meanwhile: look at it again.")
        _record(task, Activity.TASK_OUTCOME, by, now, outcome=outcome, was=task.outcome)
        _tell(task, by, now, before={"outcome": task.outcome}, after={"outcome": outcome})
        task.outcome = outcome
    return task


def follow_completion(task: Task, *, now: datetime) -> Completion:
    """The completion of a task, whoever finished it: done here if it is open, read if it was done before.

    A row set to done past the verbs gets its facts and its jobs now. Asking again answers the same jobs.
    Raises NotAllowed for an open task that nobody holds.
    """
    if task.is_open:
        if task.assignee is None:
            raise NotAllowed("Nobody holds this task: assign it, or let a manager complete it.")
        return complete(task, by=task.assignee, now=now)
    if task.status != Task.DONE:
        raise NotOpen(why_closed(task))
    with transaction.atomic():
        Task.objects.select_for_update().get(pk=task.pk)  # two callers at once would both find no activity
        done = Activity.objects.filter(task_id=task.pk, activity_type=Activity.TASK_COMPLETED).order_by("-pk").first()
        holder = task.assignee_id or task.owner_id
        if holder is None:
            raise NotAllowed("This finished task has neither assignee nor owner: nobody's score is concerned.")
        if done is None:
            done = _record(task, Activity.TASK_COMPLETED, None, now, user_id=holder)
            announced.tell(task, done, user_id=holder)
            _end_as_completed(task, holder, None, now)
        return _completion(task, done, done.data.get("user_id", holder), now)


def set_status(task: Task, status: str, *, by: User, now: datetime, outcome: str = "") -> Completion | Task:
    """Moves a task to another status; `done` is `complete`, with its outcome. Reopening a finished one gives it back to
    its assignee, if they are still there.

    Raises UnknownStatus, NotAllowed, Changed, and what `complete` raises.
    """
    status = parse_status(status)
    if status == Task.DONE:
        return complete(task, by=by, now=now, outcome=outcome)
    if not rights.may_edit_task(by, task):
        raise NotAllowed("Only its assignee, its owner or a manager of the team may change this task.")
    old = task.status
    if status == old:
        return task
    with transaction.atomic():
        changes: dict[str, Any] = {"status": status, "completed_at": None}
        if status == Task.IN_PROGRESS and task.started_at is None:
            changes["started_at"] = now
        if status not in Task.OPEN:
            changes["once_key"] = None
        else:
            changes["edited_at"] = now  # somebody is at it: it no longer closes by itself
        reopened = status in Task.OPEN and old not in Task.OPEN
        if reopened:
            changes |= {"chase_at": task.due_date, "chased_for": task.due_date, "outcome": ""}
            if task.assignee is not None and not task.assignee.is_active:  # left since: it waits for others
                changes["assignee"] = None
        mine = Task.objects.filter(pk=task.pk, status=old)
        if not mine.update(**changes, version=F("version") + 1):
            raise Changed("Somebody else changed this task meanwhile: look at it again.")
        for name, value in changes.items():
            setattr(task, name, value)
        _follow_assignment(task, old, status, by, now)
        changed = _record(task, Activity.TASK_STATUS_CHANGED, by, now, old_status=old, new_status=status)
        if reopened:
            announced.tell(task, changed, user_id=task.assignee_id, method=REOPENED)
        _tell(task, by, now, before={"status": old}, after={"status": status})
    return task


def close(task: Task, *, reason: str, now: datetime) -> bool:
    """Makes a task obsolete that is no longer needed, for a reason people read, if nobody has touched it.

    One that was started, edited or blocked stays with the reason as its banner, and the answer is False; so it is for
    a finished one, which stays as it is. Asking again changes nothing more.
    """
    with transaction.atomic():
        untouched = Task.objects.filter(
            pk=task.pk, status=Task.TODO, edited_at__isnull=True, started_at__isnull=True, completed_at__isnull=True
        )
        closed: dict[str, Any] = {"status": Task.OBSOLETE, "close_reason": reason[:255], "once_key": None}
        if not untouched.update(**closed, version=F("version") + 1):
            Task.objects.open().filter(pk=task.pk).exclude(banner=reason[:255]).update(
                banner=reason[:255], version=F("version") + 1
            )
            return False
        finishing.end_assignment(task, Assignment.DROPPED, now=now)
        _record(
            task,
            Activity.TASK_STATUS_CHANGED,
            None,
            now,
            old_status=Task.TODO,
            new_status=Task.OBSOLETE,
            reason=reason[:255],
        )
        for name, value in closed.items():
            setattr(task, name, value)
    return True


def release_work_of(user: User, by: User | None, now: datetime) -> None:
    """When somebody leaves: what they have not started returns to the queue; started work stays for the lead to see."""
    for task in Task.objects.filter(assignee=user, status__in=(Task.TODO, Task.BLOCKED)):
        unassign(task, by=by, now=now)


def _check_holder(task: Task, fields: dict[str, Any], *, moved: bool) -> None:
    """Whether whoever holds the task, or nobody, goes with what was edited; `moved` to another contact, or to none."""
    if fields.get("pinned"):
        task.clean()
    if moved and task.contact is not None and task.assignee is not None and task.is_open:
        ties.check_contact(task.assignee, task.contact)


def _follow_assignment(task: Task, old: str, status: str, by: User, now: datetime) -> None:
    """Ends the assignment of a task that is dropped; opens a new one for a task that is taken up again."""
    if status not in Task.OPEN:
        finishing.end_assignment(task, Assignment.DROPPED, now=now)
        return
    if old in Task.OPEN:
        return
    Assignment.objects.filter(task=task, outcome=Assignment.COMPLETED).update(outcome=Assignment.REOPENED)
    if task.assignee_id is not None:
        last = Assignment.objects.filter(task=task, user_id=task.assignee_id).order_by("-pk").first()
        Assignment.objects.create(
            task=task,
            user_id=task.assignee_id,
            by=by,
            method=REOPENED,
            reasons=last.reasons if last else {},
            assigned_at=now,
            due_date=task.due_date,
            estimated_hours=task.estimated_hours,
            skill_match=last.skill_match if last else None,
        )


def _end_as_completed(task: Task, holder: int, by: User | None, now: datetime) -> None:
    """Closes the assignment; a task given to somebody past the verbs has none, and counts all the same."""
    if not finishing.end_assignment(task, Assignment.COMPLETED, now=now):
        row = Task.objects.get(pk=task.pk)
        Assignment.objects.create(
            task=row,
            user_id=holder,
            by=by,
            method="by_hand",
            assigned_at=row.created_at,
            due_date=row.due_date,
            estimated_hours=row.estimated_hours,
            actual_hours=row.actual_hours,
            ended_at=now,
            outcome=Assignment.COMPLETED,
        )


def _completion(task: Task, activity: Activity, user_id: int, now: datetime) -> Completion:
    """Enqueues the two jobs of a completion; their ids follow from the activity, so asking twice makes no twins."""
    performance_job, next_task_job = queue.enqueue(
        _follow_up(corrections.SCORE_JOB, activity, "score", task, user_id),
        _follow_up(NEXT_TASK_JOB, activity, "next", task, user_id),
        now=now,
    )
    return Completion(task, activity.pk, user_id, performance_job, next_task_job)


def _follow_up(name: str, activity: Activity, what: str, task: Task, user_id: int) -> queue.Request:
    """Keyed by the activity, so completing again after reopening is a new effect."""
    return queue.Request(name, [user_id], key=f"activity:{activity.pk}:{what}", team_id=task.team_id, user_id=user_id)


def _record(task: Task, kind: str, by: User | None, now: datetime, **data: Any) -> Activity:
    activity = Activity(
        team_id=task.team_id,
        contact_id=task.contact_id,
        task_id=task.pk,
        actor=by,
        activity_type=kind,
        occurred_at=now,
        received_at=now,
        source=SOURCE,
        origin=Activity.SYSTEM,
        data=data,
        # Only a completion and what came of it can start something; the rest is for the record, and wakes nobody.
        processed_at=None if kind in (Activity.TASK_COMPLETED, Activity.TASK_OUTCOME) else now,
    )
    ((activity.pk,),) = insert_new([activity])
    if activity.processed_at is None:
        transaction.on_commit(lambda: bell.ring(task.team_id), robust=True)
    return activity


def _tell(task: Task, by: User | None, now: datetime, *, before: audit.Facts, after: audit.Facts) -> None:
    """A line of the audit log for what a person did; of what the product does by itself the ledger has the facts."""
    if by is not None:
        TASK.record(task, audit.CHANGED, by=by, now=now, before=before, after=after)


def _tell_of_completion(
    task: Task, by: User, now: datetime, *, actual_hours: Decimal | None, notes: str, outcome: str
) -> None:
    before: audit.Facts = {"status": task.status}
    after: audit.Facts = {"status": Task.DONE}
    if outcome:
        before, after = before | {"outcome": ""}, after | {"outcome": outcome}
    if actual_hours is not None:
        before, after = before | {"actual_hours": task.actual_hours}, after | {"actual_hours": actual_hours}
    _tell(task, by, now, before=before, after=after | ({"added_notes": notes} if notes else {}))


def why_closed(task: Task) -> str:
    """That a task is finished, and what to do about it."""
    if task.status == Task.DONE and task.completed_at is not None:
        return f"This task was completed at {task.completed_at:%Y-%m-%d %H:%M} UTC already: reopen it first."
    return f"This task is {task.get_status_display().lower()}: reopen it first."
