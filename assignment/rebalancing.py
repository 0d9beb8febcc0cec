"""Moves that take work off the overloaded: suggested, stored with ids, applied one by one."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from assignment import dispatch, snapshot
from assignment.models import Overload, Suggestion
from domain import balancing, calendars
from notifications import outbox
from notifications.models import Notification
from people import hours
from people.models import Team, User, UserSkill
from work import capacity
from work.models import Assignment, Task

KEEP_IF_DUE_WITHIN = timedelta(days=1)
KEEP_AFTER_MOVE = timedelta(days=3)
WARN_OVER, CLEAR_UNDER = 110, 100
"""Percent of a week's hours above which leads are warned of somebody, and below which they are not any more."""


class Stale(Exception):
    """The suggestion no longer fits; the message says why."""


def suggestions(team: Team, *, now: datetime) -> tuple[list[Suggestion], list[dict[str, Any]]]:
    """Works the moves out afresh and stores them; one that still holds keeps its id. Returns (moves, who is stuck)."""
    users = {user.pk: user for user in snapshot.members(team)}
    plan = balancing.rebalance(_loads(list(users.values()), now), names=snapshot.skill_names(team))
    with transaction.atomic():
        standing = {row.task_id: row for row in Suggestion.objects.standing().filter(team=team).select_for_update()}
        kept = [_keep(team, move, standing.pop(move.task_id, None), now) for move in plan.suggestions]
        Suggestion.objects.filter(pk__in=[row.pk for row in standing.values()]).update(state=Suggestion.STALE)
    stuck = [
        {"user_id": one.person_id, "user": users[one.person_id].display_name, "reason": one.reason}
        for one in plan.stuck
    ]
    return kept, stuck


def apply(suggestion: Suggestion, *, by: User, now: datetime) -> Assignment:
    """Moves the task, if it is still where it was and the receiver still has the hours. Raises Stale."""
    task = Task.objects.select_related("team").get(pk=suggestion.task_id)
    receiver = User.objects.select_related("team").get(pk=suggestion.to_user_id)
    room = capacity.week(receiver, now=now)
    if suggestion.state != Suggestion.OPEN:
        raise Stale(f"This suggestion is {suggestion.state} already: ask for new ones.")
    if task.assignee_id != suggestion.from_user_id or task.status != Task.TODO:
        raise Stale("The task was moved, started or finished meanwhile: ask for new suggestions.")
    if room.used_hours + suggestion.hours > room.max_hours:
        raise Stale(f"{receiver.display_name} has no room for it any more: ask for new suggestions.")
    with transaction.atomic():
        mine = Suggestion.objects.filter(pk=suggestion.pk, state=Suggestion.OPEN)
        if not mine.update(state=Suggestion.APPLIED, applied_at=now, applied_by=by):
            raise Stale("Somebody else applied this suggestion first.")
        reasons = {"sentence": f"{suggestion.reason}. Applied by {by.display_name}.", "loads": suggestion.loads}
        assignment = dispatch.assign(task, receiver, by=by, now=now, method=dispatch.REBALANCE, reasons=reasons)
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
    """Gives the task back to whom it came from, unless it was started, moved or finished since. Raises Stale."""
    task = Task.objects.select_related("team").get(pk=suggestion.task_id)
    giver = User.objects.select_related("team").get(pk=suggestion.from_user_id)
    if suggestion.state != Suggestion.APPLIED:
        raise Stale(f"This suggestion is {suggestion.state}: only an applied one can be undone.")
    if task.assignee_id != suggestion.to_user_id or task.status != Task.TODO:
        raise Stale("The task was moved, started or finished meanwhile: assign it by hand.")
    if not giver.is_active or giver.team_id != task.team_id:
        raise Stale(f"{giver.display_name} is not in the team any more: assign the task by hand.")
    with transaction.atomic():
        mine = Suggestion.objects.filter(pk=suggestion.pk, state=Suggestion.APPLIED)
        if not mine.update(state=Suggestion.UNDONE):
            raise Stale("Somebody else undid this first.")
        reasons = {"sentence": f"Moved back by {by.display_name}.", "loads": suggestion.loads}
        assignment = dispatch.assign(task, giver, by=by, now=now, method=dispatch.MANUAL, reasons=reasons)
        if assignment is None:
            raise Stale("The task was moved meanwhile: assign it by hand.")
    return assignment


def tell_leads(team: Team, moves: list[Suggestion], stuck: list[dict[str, Any]], *, now: datetime) -> None:
    """The workload warning to leads and managers, once a local day; only for more than a little too much."""
    people = {user.pk: user for user in snapshot.members(team)}
    over = overloaded(team, list(people.values()), now=now)
    if not over:
        return
    on = now.astimezone(calendars.first_zone(team.timezone).zone).date()
    outbox.tell(
        User.objects.active().filter(team=team, role__in=(User.LEAD, User.MANAGER)),
        kind=Notification.WORKLOAD,
        key=f"overload:{team.pk}:{on}",
        title=f"Overloaded this week: {', '.join(people[pk].display_name for pk in over)}",
        body=f"{len(moves)} moves suggested." + "".join(f" {one['user']}: {one['reason']}." for one in stuck),
        path="/team/workload",
        now=now,
    )


def overloaded(team: Team, users: list[User], *, now: datetime) -> list[int]:
    """Of whom the leads are warned, by id: over 110 % now, or since they were not under 100 % again."""
    used = {pk: week.utilization for pk, week in capacity.weeks(users, now=now).items()}
    begun = [pk for pk, share in used.items() if share is not None and share > WARN_OVER]
    ended = [pk for pk, share in used.items() if share is None or share < CLEAR_UNDER]
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


def _keep(team: Team, move: balancing.Suggestion, row: Suggestion | None, now: datetime) -> Suggestion:
    """The stored row of a move: the one there is when it names the same two people, else a new one."""
    loads = {
        name: None if value is None else float(value)
        for name, value in (
            ("from_before", move.from_before),
            ("from_after", move.from_after),
            ("to_before", move.to_before),
            ("to_after", move.to_after),
        )
    }
    if row is not None and (row.from_user_id, row.to_user_id) == (move.from_id, move.to_id):
        row.loads, row.hours, row.reason = loads, move.hours, move.reason
        row.save(update_fields=["loads", "hours", "reason"])
        return row
    if row is not None:
        Suggestion.objects.filter(pk=row.pk).update(state=Suggestion.STALE)
    return Suggestion.objects.create(
        team=team,
        task_id=move.task_id,
        from_user_id=move.from_id,
        to_user_id=move.to_id,
        hours=move.hours,
        loads=loads,
        reason=move.reason,
        created_at=now,
    )


def _may_move(due: datetime | None, now: datetime, week_end: datetime) -> bool:
    """Not what is due at once, and only work of this week: moving any other changes nothing about its load."""
    return due is None or now + KEEP_IF_DUE_WITHIN <= due < week_end


def _loads(users: list[User], now: datetime) -> list[balancing.Load]:
    """The team's week, with the tasks that may move: not started, not due within a day, not moved in three days."""
    weeks = capacity.weeks(users, now=now)
    plans = hours.schedules(users)
    ends = {user.pk: calendars.week_of(now, plans[user.pk].zone)[1] for user in users}
    usual = capacity.UsualEstimates()
    levels: dict[int, dict[int, int]] = {}
    for user_id, skill_id, level in UserSkill.objects.filter(user__in=users).values_list("user", "skill", "level"):
        levels.setdefault(user_id, {})[skill_id] = level
    moved = set(
        Assignment.objects.filter(
            user__in=users, assigned_at__gt=now - KEEP_AFTER_MOVE, method=dispatch.REBALANCE
        ).values_list("task", flat=True)
    )
    movable: dict[int, list[balancing.Movable]] = {}
    held = Task.objects.filter(assignee__in=users, status=Task.TODO).prefetch_related("skill_levels")
    for task in held:
        if task.pk in moved or not _may_move(task.due_date, now, ends[task.assignee_id]):
            continue
        estimate = task.estimated_hours if task.estimated_hours is not None else usual.of(task.team_id)
        required = tuple((need.skill_id, need.min_level) for need in task.skill_levels.all())
        movable.setdefault(task.assignee_id, []).append(
            balancing.Movable(task.pk, snapshot.quarters(estimate), required)
        )
    return [
        balancing.Load(
            id=user.pk,
            name=user.display_name,
            capacity_q=snapshot.quarters(weeks[user.pk].max_hours),
            booked_q=snapshot.quarters(weeks[user.pk].used_hours),
            skills=levels.get(user.pk, {}),
            tasks=tuple(movable.get(user.pk, ())),
            away=now.astimezone(plans[user.pk].zone).date() in plans[user.pk].days_off,
        )
        for user in users
    ]
