"""One person's score: gathered from their assignments of 90 days, computed by the domain, kept a day at a time."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from domain import calendars, scoring
from people.models import Team, User
from performance.models import ScoreSnapshot
from work import capacity
from work.models import Assignment

WINDOW = timedelta(days=90)
BY_HOURS = (
    "due_hours",
    "on_time_hours",
    "late_hours",
    "accuracy_hours",
    "accuracy_by_hours",
    "skill_hours",
    "skill_by_hours",
)


def gather(team: Team, *, now: datetime, users: Iterable[User] | None = None) -> dict[int, scoring.Inputs]:
    """The inputs of people's scores. What was moved away or dropped counts for nobody.

    Two queries for the assignments of the team, whose rate the ranges lean on, and those of the week's hours.
    """
    people = list(users) if users is not None else list(User.objects.active().filter(team=team).select_related("team"))
    weeks = capacity.weeks(people, now=now)
    counted = Assignment.objects.filter(user__team=team, assigned_at__gte=now - WINDOW).exclude(
        outcome__in=(Assignment.MOVED, Assignment.DROPPED)
    )
    team_assigned = team_completed = 0
    rows = counted.order_by("pk").values_list(
        "user", "task", "outcome", "due_date", "ended_at", "estimated_hours", "actual_hours", "skill_match"
    )
    # A task that was reopened counts once, as it was held last.
    held = {(user_id, task_id): rest for user_id, task_id, *rest in rows}
    usual = _median([estimated for *_, estimated, _actual, _match in held.values()])
    sums = {user.pk: _Sums(now, usual) for user in people}
    for (user_id, _), (outcome, due, ended, estimated, actual, match) in held.items():
        done = outcome == Assignment.COMPLETED
        team_assigned += 1
        team_completed += done
        if user_id in sums:
            sums[user_id].add(done, due, ended, estimated, actual, match)
    return {
        user.pk: scoring.Inputs(
            **sums[user.pk].values,
            booked_hours=weeks[user.pk].used_hours,
            capacity_hours=weeks[user.pk].max_hours,
            team_assigned=team_assigned,
            team_completed=team_completed,
        )
        for user in people
    }


def _median(estimates: Iterable[Any]) -> Decimal:
    known = [estimate for estimate in estimates if estimate]
    return median(known) if known else Decimal(1)


class _Sums:
    """Running totals of one person, by the names of `scoring.Inputs`."""

    def __init__(self, now: datetime, usual: Decimal) -> None:
        self.now, self.usual = now, usual
        self.values: dict[str, Any] = dict.fromkeys(
            ("assigned", "completed", "on_time", "with_due", "accuracy_n", "skill_n"), 0
        ) | dict.fromkeys(("accuracy_sum", "skill_sum", *BY_HOURS), Decimal(0))

    def add(self, done: bool, due: Any, ended: Any, estimated: Any, actual: Any, match: Any) -> None:
        hours = scoring.weight(estimated, self.usual)
        self._count(assigned=1)
        if match is not None:
            self._count(skill_sum=match, skill_n=1, skill_hours=hours, skill_by_hours=match * hours)
        if due is not None and (done or due < self.now):
            self._count(due_hours=hours)
        if done:
            self._done(due, ended, hours, scoring.estimate_accuracy(estimated, actual))

    def _done(self, due: Any, ended: Any, hours: Decimal, accuracy: Decimal | None) -> None:
        self._count(completed=1)
        if due is not None and ended <= due:
            self._count(with_due=1, on_time=1, on_time_hours=hours)
        elif due is not None:
            self._count(with_due=1, late_hours=hours)
        if accuracy is not None:
            self._count(accuracy_sum=accuracy, accuracy_n=1, accuracy_hours=hours, accuracy_by_hours=accuracy * hours)

    def _count(self, **more: Any) -> None:
        for name, value in more.items():
            self.values[name] += value


def compute(user: User, *, now: datetime) -> ScoreSnapshot:
    """The person's score now, unsaved."""
    inputs = gather(user.team, now=now, users=[user])[user.pk]
    return snapshot_of(user, inputs, now)


def recompute(user: User, *, now: datetime) -> ScoreSnapshot:
    """Computes and keeps the score; later runs of the same local day replace that day's row."""
    return _keep(compute(user, now=now))


def recompute_team(team: Team, *, now: datetime) -> list[ScoreSnapshot]:
    people = {user.pk: user for user in User.objects.active().filter(team=team).select_related("team")}
    gathered = gather(team, now=now, users=people.values())
    return [_keep(snapshot_of(people[pk], inputs, now)) for pk, inputs in gathered.items()]


def latest(user: User) -> ScoreSnapshot | None:
    return ScoreSnapshot.objects.filter(user=user).order_by("-on").first()


def current(user: User, *, now: datetime) -> dict[str, Any]:
    """The newest kept score, or one computed now for somebody who has none yet, as the API shows it."""
    return as_dict(latest(user) or compute(user, now=now))


def as_dict(snapshot: ScoreSnapshot) -> dict[str, Any]:
    details = snapshot.details
    parts, inputs = details["parts"], details["inputs"]
    return {
        "user_id": snapshot.user_id,
        "performance_score": _number(scoring.shown(snapshot.total)),
        "completion_rate": parts["completion"],
        "estimation_accuracy": parts["estimation"],
        "workload_balance": parts["balance"],
        "skill_utilization": parts["skill"],
        "total_assignments": inputs["assigned"],
        "completed_assignments": inputs["completed"],
        "on_time_rate": details["on_time_rate"],
        "computed_at": snapshot.computed_at,
        "details": {
            "ranges": details["ranges"],
            "provisional": snapshot.provisional,
            "label": snapshot.label or None,
            "reason": details["reason"],
            "policy": details.get("policy", "classic"),
            "window_days": WINDOW.days,
            "inputs": inputs,
        },
    }


def snapshot_of(user: User, inputs: scoring.Inputs, now: datetime) -> ScoreSnapshot:
    policy = user.team.scoring
    score = scoring.POLICIES[policy](inputs)
    zone = calendars.first_zone(user.team.timezone).zone
    on_time = Decimal(100 * inputs.on_time) / inputs.with_due if inputs.with_due else None
    details = {
        "parts": {name: _number(scoring.shown(part)) for name, part in score.parts.items()},
        "ranges": {
            name: None if span is None else [_number(span[0]), _number(span[1])] for name, span in score.ranges.items()
        },
        "policy": policy,
        "reason": score.reason,
        "on_time_rate": _number(scoring.shown(on_time)),
        "inputs": {
            name: float(value) if isinstance(value, Decimal) else value for name, value in asdict(inputs).items()
        },
    }
    total = None if score.total is None else round(score.total, 5)
    return ScoreSnapshot(
        user=user,
        on=now.astimezone(zone).date(),
        total=total,
        provisional=score.provisional,
        label=score.label or "",
        details=details,
        computed_at=now,
    )


def _keep(snapshot: ScoreSnapshot) -> ScoreSnapshot:
    kept, _ = ScoreSnapshot.objects.update_or_create(
        user=snapshot.user,
        on=snapshot.on,
        defaults={
            "total": snapshot.total,
            "provisional": snapshot.provisional,
            "label": snapshot.label,
            "details": snapshot.details,
            "computed_at": snapshot.computed_at,
        },
    )
    return kept


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
