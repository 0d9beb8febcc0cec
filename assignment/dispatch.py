"""Giving one task to somebody: whom a person names, the best, or whose turn it is.

Every choice is kept with its reasons, applied by compare-and-set, and told once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.db import transaction

from assignment import crew, explanations, snapshot
from domain import matching
from notifications import outbox
from notifications.models import Notification
from people.models import User
from work import lifecycle
from work.models import Assignment, Task

MANUAL, OWNER, BEST_MATCH, BATCH, REBALANCE, ROUND_ROBIN = (
    "manual",
    "owner",
    "best_match",
    "batch",
    "rebalance",
    "round_robin",
)
NEXT_TASK = explanations.NEXT_TASK


class Unread(Enum):
    UNREAD = "unread"


UNREAD = Unread.UNREAD


def assign(
    task: Task,
    user: User,
    *,
    by: User | None,
    now: datetime,
    method: str = MANUAL,
    reasons: dict[str, Any] | None = None,
    version: int | None = None,
    match: Decimal | Unread | None = UNREAD,
) -> Assignment | None:
    """Gives the task to somebody and tells them, and whoever had it; None when somebody else changed it meanwhile.

    Raises NotAllowed.

    With `version`, any change of the task since that one counts. `match` is what `skill_match` answers, for those who
    know the skills already.
    """
    former = task.assignee
    with transaction.atomic():
        assignment = lifecycle.assign(
            task,
            user,
            by=by,
            now=now,
            method=method,
            reasons=reasons or {"sentence": _plain_sentence(user, by, method)},
            skill_match=_skill_match(task, user) if match is UNREAD else match,
            expected=task.assignee_id,
            version=version,
        )
        if assignment is not None and by != user:
            tell_assigned([assignment], now=now)
        if assignment is not None and former is not None and former not in (by, user):
            why = f"{user.display_name} has it now. {explanations.plain(assignment)}".strip()
            _tell_former(former, task, key=f"moved:{assignment.pk}", why=why, now=now)
    return assignment


def tell_assigned(assignments: Sequence[Assignment], *, now: datetime, fresh: bool = False) -> None:
    """The notices of assignments: once each, whoever calls this how often. `fresh`: they were made just now."""
    words = (
        outbox.Word(
            assignment.user,
            f"assigned:{assignment.id}",
            f"New task: {assignment.task.title}",
            body=explanations.plain(assignment),
            task=assignment.task,
            path=f"/tasks/{assignment.task_id}",
        )
        for assignment in assignments
    )
    outbox.tell_all(words, kind=Notification.ASSIGNED, now=now, fresh=fresh)


def _tell_former(user: User, task: Task, *, key: str, why: str, now: datetime) -> None:
    """Lets somebody know that a task is no longer theirs, also when they may not see it any more."""
    seen = Task.objects.visible_to(user).filter(pk=task.pk).exists()
    outbox.tell(
        user,
        kind=Notification.MOVED,
        key=key,
        title=f"No longer yours: {task.title}",
        body=why,
        task=task if seen else None,
        path=f"/tasks/{task.pk}" if seen else "/",
        now=now,
    )


def unassign(task: Task, *, by: User | None, now: datetime) -> bool:
    """Puts an open task back into the queue and tells whoever had it; False when nobody did."""
    former = task.assignee
    with transaction.atomic():
        left = lifecycle.unassign(task, by=by, now=now)
        if left and former is not None and former != by:
            last = Assignment.objects.filter(task=task).latest("pk").pk
            why = "It is back in the queue, for whoever fits best."
            _tell_former(former, task, key=f"moved:{last}:queue", why=why, now=now)
    return left


def set_status(task: Task, status: str, *, by: User, now: datetime, outcome: str = "") -> lifecycle.Completion | Task:
    """Moves a task to another status, as `lifecycle.set_status`; whose finished task somebody reopens hears of it."""
    was_open = task.is_open
    with transaction.atomic():
        done = lifecycle.set_status(task, status, by=by, now=now, outcome=outcome)
        if not was_open and task.is_open and task.assignee is not None and task.assignee != by:
            last = Assignment.objects.filter(task=task).latest("pk").pk
            outbox.tell(
                task.assignee,
                kind=Notification.ASSIGNED,
                key=f"assigned:{last}",
                title=f"Yours again: {task.title}",
                body=f"{by.display_name} reopened it.",
                task=task,
                path=f"/tasks/{task.pk}",
                now=now,
            )
    return done


def assign_best(task: Task, *, now: datetime, by: User | None = None, method: str = BEST_MATCH) -> matching.Choice:
    """Finds the best person for a task and assigns it; the choice says why, or why nobody.

    A task that somebody holds stays with them, without a notice, when they are the best. When nobody has the hours
    before it is due, the best person takes it all the same and the reasons say it will be late: a task given late beats
    a task given to nobody.
    """
    team = task.team
    waits_for = snapshot.waits_for(task)
    if waits_for:
        return matching.Choice(code=matching.DEPENDENCY, work_id=task.pk, waits_for=waits_for)
    users = crew.members(team)
    books = crew.Books(team, now)
    everybody = crew.Crew(users, books, anew={task.pk})
    reader = snapshot.Reader(books)
    works = reader.works([snapshot.row_of(task)])
    people = everybody.people(works)
    (work,) = matching.lates_marked(works, people)
    choice = matching.choose_person(work, people, names=reader.names, weights=team.weights)
    if choice.person_id not in (None, task.assignee_id):
        by_id = {user.pk: user for user in users}
        assign(
            task,
            by_id[choice.person_id],
            by=by,
            now=now,
            method=method,
            reasons=reasons_of(choice, {user.pk: user.display_name for user in users}),
        )
    return choice


def round_robin(task: Task, *, now: datetime) -> Assignment | None:
    """Whoever of the skilled waited longest for one; None when nobody has the skills."""
    users = crew.members(task.team)
    books = crew.Books(task.team, now)
    everybody = crew.Crew(users, books)
    (work,) = works = snapshot.Reader(books).works([snapshot.row_of(task)])
    people = everybody.people(works)
    fit = [user for user, person in zip(users, people, strict=True) if matching.may_have(work, person)]
    if not fit:
        return None
    given = Assignment.objects.filter(user__in=fit, method=ROUND_ROBIN).order_by("assigned_at")
    last = dict(given.values_list("user", "assigned_at"))
    chosen = min(fit, key=lambda user: (user.pk in last, last.get(user.pk, now), user.pk))
    sentence = f"{chosen.display_name}: their turn of {len(fit)} who can do it."
    return assign(task, chosen, by=None, now=now, method=ROUND_ROBIN, reasons={"sentence": sentence})


def skill_match(required: Sequence[tuple[int, int]], levels: Mapping[int, int]) -> Decimal | None:
    """0 to 100 for a task that asks for skills; None for one that asks for none, which says nothing of anybody."""
    return Decimal(matching.skill_match(tuple(required), levels)) / 10 if required else None


def _skill_match(task: Task, user: User) -> Decimal | None:
    required = [(need.skill_id, need.min_level) for need in task.skill_levels.all()]
    asked = user.skill_levels.filter(skill_id__in=[pk for pk, _ in required])
    return skill_match(required, dict(asked.values_list("skill", "level")) if required else {})


def reasons_of(choice: matching.Choice, display: dict[int, str]) -> dict[str, Any]:
    """Why a task is whose it is, as it is kept with the assignment."""
    return {"sentence": choice.sentence(display), "late": choice.late, "choice": choice.as_dict()}


def _plain_sentence(user: User, by: User | None, method: str) -> str:
    if method == OWNER:
        return f"{user.display_name} owns the contact."
    if by is None or by == user:
        return f"{user.display_name} took it."
    return f"{by.display_name} gave it to {user.display_name}."
