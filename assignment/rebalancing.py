"""Moves that take work off the overloaded: suggested, stored with ids, applied one by one."""

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q

from assignment import crew, dispatch, loads, snapshot
from assignment.models import Overload, Suggestion
from domain import balancing, calendars
from notifications import outbox
from notifications.models import Notification
from people.models import Team, User
from work import capacity, lifecycle
from work.models import Assignment, Task

WARN_OVER, CLEAR_UNDER = 110, 100
"""Percent of a week's hours above which leads are warned of somebody, and below which they are not any more."""
REASON_CHARS = 255
PERCENTS = ("from_before", "from_after", "to_before", "to_after")


class Stale(Exception):
    """The suggestion no longer fits; the message says why."""


def suggestions(team: Team, *, now: datetime) -> tuple[list[Suggestion], list[dict[str, Any]]]:
    """Works the moves out afresh and stores them; one that still holds keeps its id. Returns (moves, who is stuck).

    The moves come in the order in which their loads hold. Of two who ask at once, the second waits for the first.
    """
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        users = {user.pk: user for user in crew.members(team)}
        weeks = loads.weeks(team, list(users.values()), now=now)
        plan = balancing.rebalance(weeks.loads.values(), names=snapshot.skill_names(team))
        kept = _kept(team, plan.suggestions, now)
    stuck = [
        {"user_id": one.person_id, "user": users[one.person_id].display_name, "reason": one.reason}
        for one in plan.stuck
    ]
    return kept, stuck


def apply(suggestion: Suggestion, *, by: User, now: datetime) -> Assignment:
    """Moves the task, if it may still move and the receiver still has the hours. Raises Stale.

    Both people are locked meanwhile, so of two moves at once the second sees what the first has left.
    """
    with transaction.atomic():
        giver, receiver = _locked(suggestion.from_user_id, suggestion.to_user_id)
        task = Task.objects.select_related("team").get(pk=suggestion.task_id)
        state = Suggestion.objects.values_list("state", flat=True).get(pk=suggestion.pk)
        if state != Suggestion.OPEN:
            raise Stale(f"This suggestion is {state} already: ask for new ones.")
        if (obstacle := _obstacle(suggestion, task, giver, receiver, now)) is not None:
            raise Stale(f"{obstacle}: ask for new suggestions.")
        Suggestion.objects.filter(pk=suggestion.pk).update(state=Suggestion.APPLIED, applied_at=now, applied_by=by)
        reasons = {"sentence": f"{suggestion.reason}. Applied by {by.display_name}.", "loads": suggestion.loads}
        assignment = _give(task, receiver, by=by, now=now, method=dispatch.REBALANCE, reasons=reasons)
        if assignment is None:
            raise Stale("The task was moved meanwhile: ask for new suggestions.")
    return assignment


def apply_all(team: Team, *, by: User, now: datetime) -> dict[str, Any]:
    """Applies the suggestions that stand, in the order in which they were worked out; what does not fit says why."""
    applied, refused = [], []
    for suggestion in Suggestion.objects.standing().filter(team=team).order_by("pk"):
        try:
            apply(suggestion, by=by, now=now)
        except Stale as stale:
            refused.append({"id": suggestion.pk, "reason": str(stale)})
        else:
            applied.append(suggestion.pk)
    return {"applied": applied, "refused": refused}


def undo(suggestion: Suggestion, *, by: User, now: datetime) -> Assignment:
    """Gives the task back to whom it came from, unless it was started, moved or finished since. Raises Stale.

    It goes back however full their week is: that is how it was.
    """
    with transaction.atomic():
        giver, receiver = _locked(suggestion.from_user_id, suggestion.to_user_id)
        task = Task.objects.select_related("team").get(pk=suggestion.task_id)
        state = Suggestion.objects.values_list("state", flat=True).get(pk=suggestion.pk)
        if state != Suggestion.APPLIED:
            raise Stale(f"This suggestion is {state}: only an applied one can be undone.")
        if task.assignee_id != receiver.pk or task.status != Task.TODO:
            raise Stale("The task was moved, started or finished meanwhile: assign it by hand.")
        if not giver.is_active or giver.team_id != task.team_id:
            raise Stale(f"{giver.display_name} is not in the team any more: assign the task by hand.")
        Suggestion.objects.filter(pk=suggestion.pk).update(state=Suggestion.UNDONE)
        reasons = {"sentence": f"Moved back by {by.display_name}.", "loads": suggestion.loads}
        assignment = _give(task, giver, by=by, now=now, method=dispatch.MANUAL, reasons=reasons)
        if assignment is None:
            raise Stale("The task was moved meanwhile: assign it by hand.")
    return assignment


def _locked(giver_id: int, receiver_id: int) -> tuple[User, User]:
    """Both people, held until the transaction ends; always in the order of ids, so that nobody waits in a circle."""
    pair = User.objects.filter(pk__in=(giver_id, receiver_id)).select_related("team").order_by("pk")
    people = {user.pk: user for user in pair.select_for_update(no_key=True, of=("self",))}
    return people[giver_id], people[receiver_id]


def _obstacle(suggestion: Suggestion, task: Task, giver: User, receiver: User, now: datetime) -> str | None:
    """What has changed since the suggestion was made, so that it must not be applied; None when nothing has."""
    if task.assignee_id != giver.pk or task.status != Task.TODO:
        return "The task was moved, started or finished meanwhile"
    if not receiver.is_active or receiver.team_id != task.team_id:
        return f"{receiver.display_name} is not in the team any more"
    weeks = loads.weeks(receiver.team, [giver, receiver], now=now)
    if not weeks.loads[giver.pk].over:
        return f"{giver.display_name} is not overloaded any more"
    if task.pk in weeks.kept:
        return f"The task stays where it is ({weeks.kept[task.pk]})"
    movable = next((one for one in weeks.loads[giver.pk].tasks if one.work.id == task.pk), None)
    if movable is None:
        return "The task is not due this week any more"
    if _stored(movable.hours) != suggestion.hours:
        return f"The task takes {float(movable.hours):g} h now, not {float(suggestion.hours):g}"
    refusal = balancing.refusal(movable, weeks.loads[receiver.pk], names=snapshot.skill_names(task.team))
    return None if refusal is None else f"{receiver.display_name} {refusal}"


def _give(task: Task, user: User, **how: Any) -> Assignment | None:
    """As `dispatch.assign`. Raises Stale for somebody who must not have the task any more."""
    try:
        return dispatch.assign(task, user, **how)
    except lifecycle.Excluded as refusal:
        raise Stale(str(refusal)) from None


def tell_leads(team: Team, moves: list[Suggestion], stuck: list[dict[str, Any]], *, now: datetime) -> None:
    """Warns leads and managers of whoever has come over 110 %, once until that has ended."""
    people = {user.pk: user for user in crew.members(team)}
    with transaction.atomic():
        known = set(Overload.objects.filter(user__in=people).values_list("user", flat=True))
        fresh = [pk for pk in overloaded(team, list(people.values()), now=now) if pk not in known]
        if not fresh:
            return
        on = now.astimezone(calendars.first_zone(team.timezone).zone).date()
        about = [one for one in moves if one.from_user_id in fresh]
        outbox.tell(
            User.objects.active().filter(team=team, role__in=(User.LEAD, User.MANAGER)).select_related("team"),
            kind=Notification.WORKLOAD,
            # Nobody begins to be overloaded twice, so whoever is named first tells one warning of a day from another.
            key=f"overload:{team.pk}:{on}:{fresh[0]}",
            title=f"Overloaded this week: {', '.join(people[pk].display_name for pk in fresh)}",
            body=f"{len(about)} {'move' if len(about) == 1 else 'moves'} suggested."
            + "".join(f" {one['user']}: {one['reason']}." for one in stuck if one["user_id"] in fresh),
            path="/team/workload",
            now=now,
        )


def overloaded(team: Team, users: list[User], *, now: datetime) -> list[int]:
    """Of whom the leads are warned, by id: over 110 % now, or since they were not under 100 % again.

    A week without hours, such as one away, is no percentage: it begins nothing, and ends it when no work is left.
    """
    used = capacity.weeks(users, now=now)
    begun = [pk for pk, week in used.items() if week.utilization is not None and week.utilization > WARN_OVER]
    ended = [
        pk
        for pk, week in used.items()
        if not week.used_hours or (week.utilization is not None and week.utilization < CLEAR_UNDER)
    ]
    with transaction.atomic():
        Overload.objects.filter(user__team=team).filter(Q(user__in=ended) | ~Q(user__in=list(used))).delete()
        Overload.objects.bulk_create([Overload(user_id=pk, since=now) for pk in begun], ignore_conflicts=True)
    return sorted(Overload.objects.filter(user__in=users).values_list("user", flat=True))


def as_dict(suggestion: Suggestion) -> dict[str, Any]:
    """A suggestion as API and Python show it; loads in percent of the week."""
    return {
        "id": suggestion.pk,
        "task_id": suggestion.task_id,
        "from_user_id": suggestion.from_user_id,
        "to_user_id": suggestion.to_user_id,
        "hours": float(suggestion.hours),
        "loads": suggestion.loads,
        "reason": suggestion.reason,
        "state": suggestion.state,
    }


def _kept(team: Team, moves: Iterable[balancing.Suggestion], now: datetime) -> list[Suggestion]:
    """The stored rows of these moves: those there are that name the same two people, and new ones; others end."""
    standing = {row.task_id: row for row in Suggestion.objects.standing().filter(team=team).select_for_update()}
    rows = []
    for move in moves:
        row = standing.get(move.task_id)
        if row is not None and (row.from_user_id, row.to_user_id) == (move.from_id, move.to_id):
            del standing[move.task_id]
        else:
            row = Suggestion(team=team, task_id=move.task_id, created_at=now)
            row.from_user_id, row.to_user_id = move.from_id, move.to_id
        percents = {name: getattr(move, name) for name in PERCENTS}
        row.loads = {name: None if value is None else float(value) for name, value in percents.items()}
        row.hours, row.reason = _stored(move.hours), move.reason[:REASON_CHARS]
        rows.append(row)
    Suggestion.objects.filter(pk__in=[row.pk for row in standing.values()]).update(state=Suggestion.STALE)
    Suggestion.objects.bulk_update([row for row in rows if row.pk is not None], ["loads", "hours", "reason"])
    Suggestion.objects.bulk_create([row for row in rows if row.pk is None])
    return rows


def _stored(hours: Decimal) -> Decimal:
    """As the column keeps it."""
    return hours.quantize(Decimal("0.01"), ROUND_HALF_UP)
