"""What scores are made of, added up the long way: task by task, in fractions."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from statistics import median

from people.models import Team
from work.models import Assignment

WINDOW = timedelta(days=90)
COUNTS = ("assigned", "completed", "on_time", "with_due", "accuracy_n", "skill_n")
SUMS = ("accuracy_sum", "skill_sum")
HOURS = ("due_hours", "on_time_hours", "late_hours", "accuracy_hours", "skill_hours")
BY_HOURS = ("accuracy_by_hours", "skill_by_hours")


def counted(team: Team, now: datetime) -> list[Assignment]:
    return [
        row
        for row in Assignment.objects.filter(user__team=team)
        if row.assigned_at >= now - WINDOW and row.outcome in ("", "completed")
    ]


def usual(rows: Iterable[Assignment]) -> Fraction:
    """The median of the estimates there are; an hour without any."""
    estimates = [Fraction(row.estimated_hours) for row in rows if row.estimated_hours]
    return median(estimates) if estimates else Fraction(1)


def accuracy(row: Assignment) -> Fraction | None:
    """Half as long and twice as long are both 50; to a hundred-thousandth of a percent, half up."""
    planned, taken = Fraction(row.estimated_hours or 0), Fraction(row.actual_hours or 0)
    if not planned or not taken:
        return None
    exact = 100 * min(planned, taken) / max(planned, taken)
    return Fraction((exact * 100_000 + Fraction(1, 2)).__floor__(), 100_000)


def weight(row: Assignment, usual: Fraction) -> Fraction:
    return min(Fraction(row.estimated_hours), 3 * usual) if row.estimated_hours else usual


def sums(rows: Iterable[Assignment], usual: Fraction, now: datetime) -> dict[str, Fraction]:
    """The sums of one person's rows, by the names of `scoring.Inputs`."""
    found = dict.fromkeys((*COUNTS, *SUMS, *HOURS, *BY_HOURS), Fraction(0))
    for row in rows:
        hours, done = weight(row, usual), row.outcome == "completed"
        found["assigned"] += 1
        found["completed"] += done
        if row.due_date is not None and (done or row.due_date < now):
            found["due_hours"] += hours
        if row.due_date is not None and done:
            late = row.ended_at is None or row.ended_at > row.due_date
            found["with_due"] += 1
            found["on_time"] += not late
            found["late_hours" if late else "on_time_hours"] += hours
        if done and (share := accuracy(row)) is not None:
            found["accuracy_n"] += 1
            found["accuracy_sum"] += share
            found["accuracy_hours"] += hours
            found["accuracy_by_hours"] += share * hours
        if row.skill_match is not None:
            match = Fraction(row.skill_match)
            found["skill_n"] += 1
            found["skill_sum"] += match
            found["skill_hours"] += hours
            found["skill_by_hours"] += match * hours
    return found
