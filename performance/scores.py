"""People's scores: summed from the assignments of 90 days, computed by the domain, kept a day at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import ROUND_05UP, Decimal
from typing import Any

from domain import calendars, scoring
from people.models import Team, User
from performance import snapshots, sums, trends
from performance.models import ScoreSnapshot, TeamScore
from work import capacity

WINDOW = timedelta(days=90)
_KEPT = Decimal("0.00001")
INPUTS = tuple(field.name for field in fields(scoring.Inputs))


def members(team: Team) -> list[User]:
    """The team's active people with their team, which many rows need not bring along each."""
    people = list(User.objects.active().filter(team=team).order_by("pk"))
    for user in people:
        user.team = team
    return people


def gather(team: Team, *, now: datetime, users: Iterable[User] | None = None) -> dict[int, scoring.Inputs]:
    """The inputs of people's scores. What was moved away or dropped counts for nobody.

    One query for the assignments of the team, whose rate the ranges lean on, and those of the week's hours.
    """
    people = list(users) if users is not None else members(team)
    weeks = capacity.weeks(people, now=now)
    only = people[0].pk if len(people) == 1 else None
    found = sums.add_up(team, since=now - WINDOW, now=now, only=only)
    return {
        user.pk: scoring.Inputs(
            **found.of(user.pk),
            booked_hours=weeks[user.pk].used_hours,
            capacity_hours=weeks[user.pk].max_hours,
            team_assigned=found.assigned,
            team_completed=found.completed,
        )
        for user in people
    }


def compute(user: User, *, now: datetime) -> ScoreSnapshot:
    """The person's score now, unsaved."""
    return compute_all(user.team, [user], now=now)[0]


def compute_all(team: Team, people: Iterable[User], *, now: datetime) -> list[ScoreSnapshot]:
    """The scores of people of one team now, unsaved; as many queries for many as for few.

    By the usual policy in a team whose own, written by hand, is none: its scores stop nobody's.
    """
    users = {user.pk: user for user in people}
    gathered = gather(team, now=now, users=users.values())
    policy = team.scoring if team.scoring in scoring.POLICIES else scoring.USUAL_POLICY
    found = scoring.score_all(policy, list(gathered.values()))
    on = local_day(team, now)
    return [
        ScoreSnapshot(
            user=users[pk],
            on=on,
            total=kept(score.total),
            provisional=score.provisional,
            label=score.label or "",
            details=_details(policy, inputs, score),
            computed_at=now,
        )
        for (pk, inputs), score in zip(gathered.items(), found, strict=True)
    ]


def local_day(team: Team, now: datetime) -> date:
    return now.astimezone(calendars.first_zone(team.timezone).zone).date()


def recompute(user: User, *, now: datetime) -> ScoreSnapshot:
    """Computes and keeps the score; later runs of the same local day replace that day's row."""
    row = compute(user, now=now)
    snapshots.keep([row])
    return row


def recompute_team(team: Team, *, now: datetime) -> list[ScoreSnapshot]:
    """Computes and keeps the scores of all active people, and the team's average of them."""
    rows = compute_all(team, members(team), now=now)
    snapshots.keep(rows)
    totals = [row.total for row in rows if row.total is not None]
    snapshots.keep_team(
        TeamScore(
            team=team,
            on=local_day(team, now),
            average=kept(average(totals)),
            people=len(totals),
            computed_at=now,
        )
    )
    return rows


def average(totals: list[Decimal]) -> Decimal | None:
    return sum(totals, Decimal(0)) / len(totals) if totals else None


def latest(user: User) -> ScoreSnapshot | None:
    return ScoreSnapshot.objects.filter(user=user).order_by("-on").first()


def current(user: User, *, now: datetime) -> dict[str, Any]:
    """The newest kept score, or one computed now for somebody who has none yet, as the API shows it; with the trend."""
    shown = as_dict(latest(user) or compute(user, now=now))
    shown["details"]["trend"] = trends.of_person(user, until=local_day(user.team, now))
    return shown


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
            "comparison": details.get("comparison"),
            "provisional": snapshot.provisional,
            "label": snapshot.label or None,
            "reason": details["reason"],
            "policy": details.get("policy", scoring.USUAL_POLICY),
            "window_days": WINDOW.days,
            "inputs": inputs,
        },
    }


def _details(policy: str, inputs: scoring.Inputs, score: scoring.Score) -> dict[str, Any]:
    on_time = Decimal(100 * inputs.on_time) / inputs.with_due if inputs.with_due else None
    return {
        "parts": {name: _number(scoring.shown(part)) for name, part in score.parts.items()},
        "ranges": {
            name: None if span is None else [float(span[0]), float(span[1])] for name, span in score.ranges.items()
        },
        "comparison": score.comparison,
        "policy": policy,
        "reason": score.reason,
        "on_time_rate": _number(scoring.shown(on_time)),
        "inputs": _numbers(inputs),
    }


def _numbers(inputs: scoring.Inputs) -> Mapping[str, float | int]:
    values = ((name, getattr(inputs, name)) for name in INPUTS)
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in values}


def kept(total: Decimal | None) -> Decimal | None:
    """To five decimals, and still on the same side of any threshold of four, or of a half that rounds to the next.

    ROUND_05UP leaves a last digit of neither 0 nor 5 unless the number was exact: 80.0000001 becomes 80.00001.
    """
    return None if total is None else total.quantize(_KEPT, ROUND_05UP)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
