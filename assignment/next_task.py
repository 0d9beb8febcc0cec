"""The next task for one person: what a fresh plan has for them, else what is most worth their time."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from assignment import crew, dispatch, offers, runs, snapshot
from assignment.models import Decision, Run
from domain import matching
from people.models import User
from work.models import Task

FRESH = timedelta(hours=1)
"""Plans are made every hour: one of before says little of today's work."""


def give(user: User, *, now: datetime) -> dict[str, Any]:
    """Gives the person a waiting task, and says which and why, or why none."""
    users = crew.members(user.team)
    if user.pk not in {member.pk for member in users}:
        return _none(user, "AWAY", f"{user.display_name} has left.")
    books = crew.Books(user.team, now)
    everybody, reader = crew.Crew(users, books), snapshot.Reader(books)

    def match(task: Task) -> Decimal | None:
        return dispatch.skill_match(reader.asked.get(task.pk, ()), everybody.levels.get(user.pk, {}))

    planned = _planned(user, everybody, reader)
    if planned is not None:
        return _given(user, planned.task_id, planned.reasons["sentence"])
    for _ in range(3):  # somebody else may take the chosen task first; then the next best is right
        choice = _choose(user, everybody, reader)
        named = _named(choice)
        sentence = choice.sentence({pk: task.title for pk, task in named.items()})
        if choice.work_id is None:
            return _none(user, choice.code, sentence)
        task = named.get(choice.work_id)
        reasons = {"sentence": sentence, "choice": choice.as_dict()}
        if (
            task is not None
            and task.assignee_id is None
            and dispatch.assign(
                task, user, by=None, now=now, method=dispatch.NEXT_TASK, reasons=reasons, match=match(task)
            )
        ):
            return _given(user, task.pk, sentence)
    return _none(user, "TAKEN", "Others took the tasks first: ask again.")


def _choose(user: User, everybody: crew.Crew, reader: snapshot.Reader) -> matching.TaskChoice:
    weights = user.team.weights
    works = offers.to(user, everybody, reader, weights)
    people = everybody.people(works)
    own = next(person for person in people if person.id == user.pk)
    works = matching.lates_marked(works, people)
    return matching.choose_task(own, works, people, names=reader.names, weights=weights)


def _planned(user: User, everybody: crew.Crew, reader: snapshot.Reader) -> Decision | None:
    """Their first ready task of the team's newest plan, now theirs; None when there is none that still fits."""
    newest = Run.objects.filter(team=user.team_id, created_at__gte=reader.now - FRESH).order_by("-created_at").first()
    if newest is None or newest.replan or newest.state not in (Run.PLANNED, Run.APPLYING):
        return None
    if Task.objects.waiting().filter(team=user.team_id, created_at__gt=newest.created_at).exists():
        return None  # work came in that it knows nothing of
    theirs = newest.decisions.filter(to_user=user, state=Decision.PLANNED).select_related(*runs.WITH_TASK)
    for decision in theirs.prefetch_related("task__skill_levels").order_by("position"):
        works = reader.works([snapshot.row_of(decision.task)])
        (own,) = everybody.people(works, [user])
        work = replace(works[0], late=bool(decision.reasons.get("late")))
        ready = not snapshot.waits_for(decision.task)
        if ready and matching.rejection(work, own, {}) is None and runs.give(decision, now=reader.now):
            return decision
    return None


def _given(user: User, task_id: int, reason: str) -> dict[str, Any]:
    return {"user_id": user.pk, "assigned": task_id, "code": None, "reason": reason}


def _none(user: User, code: str | None, reason: str) -> dict[str, Any]:
    return {"user_id": user.pk, "assigned": None, "code": code, "reason": reason}


def _named(choice: matching.TaskChoice) -> dict[int, Task]:
    """The tasks that the sentence names, the chosen one among them."""
    named = [one.work_id for one in choice.top] + [one.work_id for one in choice.rejected[:3]]
    return Task.objects.in_bulk(named)
