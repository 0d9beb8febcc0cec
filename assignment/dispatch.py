"""Giving work out: one task to the best person, the next task to one person.

Every choice is kept with its reasons, applied by compare-and-set, and told once.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from assignment import snapshot
from domain import matching
from notifications import outbox
from notifications.models import Notification
from people.models import User
from work import lifecycle
from work.models import Assignment, Task

MANUAL, OWNER, BEST_MATCH, NEXT_TASK, BATCH, REBALANCE, ROUND_ROBIN = (
    "manual",
    "owner",
    "best_match",
    "next_task",
    "batch",
    "rebalance",
    "round_robin",
)


def assign(
    task: Task,
    user: User,
    *,
    by: User | None,
    now: datetime,
    method: str = MANUAL,
    reasons: dict[str, Any] | None = None,
    version: int | None = None,
) -> Assignment | None:
    """Gives the task to somebody and tells them; None when somebody else changed it meanwhile. Raises NotAllowed.

    With `version`, any change of the task since that one counts.
    """
    with transaction.atomic():
        assignment = lifecycle.assign(
            task,
            user,
            by=by,
            now=now,
            method=method,
            reasons=reasons or {"sentence": _plain_sentence(user, by, method)},
            skill_match=_skill_match(task, user),
            expected=task.assignee_id,
            version=version,
        )
        if assignment is not None and by != user:
            tell_assigned(assignment, now=now)
    return assignment


def tell_assigned(assignment: Assignment, *, now: datetime) -> None:
    """The notice of an assignment: once, whoever calls this how often."""
    outbox.tell(
        assignment.user,
        kind=Notification.ASSIGNED,
        key=f"assigned:{assignment.pk}",
        title=f"New task: {assignment.task.title}",
        body=str(assignment.reasons.get("sentence", "")),
        task=assignment.task,
        path=f"/tasks/{assignment.task_id}",
        now=now,
    )


def unassign(task: Task, *, by: User | None, now: datetime) -> bool:
    return lifecycle.unassign(task, by=by, now=now)


def assign_best(task: Task, *, now: datetime, by: User | None = None, method: str = BEST_MATCH) -> matching.Choice:
    """Finds the best person for a task and assigns it; the choice says why, or why nobody.

    When nobody has the hours before it is due, the best person takes it all the same and the reasons say it will be
    late: a task given late beats a task given to nobody.
    """
    team = task.team
    users = snapshot.members(team)
    names = snapshot.skill_names(team)
    work = snapshot.work(task, now=now)
    people = snapshot.people(users, now=now, works=[work])
    (work,) = matching.lates_marked([work], people)
    choice = matching.choose_person(work, people, names=names)
    if choice.person_id is not None:
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
    users = snapshot.members(task.team)
    work = snapshot.work(task, now=now)
    people = {person.id: person for person in snapshot.people(users, now=now, works=[work])}
    names = snapshot.skill_names(task.team)
    fit = [
        user
        for user in users
        if not people[user.pk].away and matching.missing_skill(work.required, people[user.pk].skills, names) is None
    ]
    if not fit:
        return None
    given = Assignment.objects.filter(user__in=fit, method=ROUND_ROBIN).order_by("assigned_at")
    last = dict(given.values_list("user", "assigned_at"))
    chosen = min(fit, key=lambda user: (user.pk in last, last.get(user.pk, now), user.pk))
    sentence = f"{chosen.display_name}: their turn of {len(fit)} who can do it."
    return assign(task, chosen, by=None, now=now, method=ROUND_ROBIN, reasons={"sentence": sentence})


def next_task(user: User, *, now: datetime) -> dict[str, Any]:
    """Gives somebody the waiting task that is most worth their time, and says why, or why none."""
    users = snapshot.members(user.team)
    if user.pk not in {member.pk for member in users}:
        return {"user_id": user.pk, "assigned": None, "code": "AWAY", "reason": f"{user.display_name} has left."}
    for _ in range(3):  # somebody else may take the chosen task first; then the next best is right
        works = snapshot.offers(user, now=now)
        people = snapshot.people(users, now=now, works=works)
        own = next(person for person in people if person.id == user.pk)
        works = matching.lates_marked(works, people)
        choice = matching.choose_task(own, works, people, names=snapshot.skill_names(user.team))
        sentence = choice.sentence(_titles(choice))
        if choice.work_id is None:
            return {"user_id": user.pk, "assigned": None, "code": choice.code, "reason": sentence}
        task = Task.objects.select_related("team").prefetch_related("skill_levels").get(pk=choice.work_id)
        reasons = {"sentence": sentence, "choice": choice.as_dict()}
        if task.assignee_id is None and assign(task, user, by=None, now=now, method=NEXT_TASK, reasons=reasons):
            return {"user_id": user.pk, "assigned": task.pk, "code": None, "reason": sentence}
    return {"user_id": user.pk, "assigned": None, "code": "TAKEN", "reason": "Others took the tasks first: ask again."}


def _titles(choice: matching.TaskChoice) -> dict[int, str]:
    """Those of the tasks that the sentence names."""
    named = [one.work_id for one in choice.top] + [one.work_id for one in choice.rejected[:3]]
    return dict(Task.objects.filter(pk__in=named).values_list("pk", "title"))


def _skill_match(task: Task, user: User) -> Decimal | None:
    """0 to 100 for a task that asks for skills; None for one that asks for none, which says nothing of anybody."""
    required = [(need.skill_id, need.min_level) for need in task.skill_levels.all()]
    if not required:
        return None
    levels = dict(user.skill_levels.filter(skill_id__in=[pk for pk, _ in required]).values_list("skill", "level"))
    return Decimal(matching.skill_match(tuple(required), levels)) / 10


def reasons_of(choice: matching.Choice, display: dict[int, str]) -> dict[str, Any]:
    """Why a task is whose it is, as it is kept with the assignment."""
    return {"sentence": choice.sentence(display), "late": choice.late, "choice": choice.as_dict()}


def _plain_sentence(user: User, by: User | None, method: str) -> str:
    if method == OWNER:
        return f"{user.display_name} owns the contact."
    if by is None or by == user:
        return f"{user.display_name} took it."
    return f"{by.display_name} gave it to {user.display_name}."
