"""What scores are made of, added up by the database: one statement that reads a team's assignments once.

Everything is a whole number there, so SQLite and PostgreSQL come to the same sums to the last digit: estimates and
skill matches in hundredths, hours that weigh something in halves of a hundredth (the median of two estimates may fall
between them), accuracies in hundred-thousandths of a percent.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from people.models import Team
from work.models import Assignment

LEFT_OUT = (Assignment.MOVED, Assignment.DROPPED, Assignment.REOPENED)
"""Outcomes that count for nobody: the task went to somebody else, was no longer needed, or is counted anew."""
HUNDREDTHS, HALVES, ACCURACY = 100, 200, 100_000
FENCE = "LIMIT 9223372036854775807"
"""Keeps both databases from merging a query into the one around it, where each sum would work out its terms anew."""

STATEMENT = f"""
    WITH counted AS {{how}} MATERIALIZED (
        SELECT a.user_id, CAST(ROUND(a.skill_match * 100) AS INTEGER) AS fit,
            CAST(ROUND(a.estimated_hours * 100) AS BIGINT) AS planned,
            CASE WHEN a.outcome = %(completed)s THEN CAST(ROUND(a.actual_hours * 100) AS BIGINT) END AS taken,
            CASE WHEN a.outcome = %(completed)s THEN
                CASE WHEN a.due_date IS NULL THEN 3 WHEN a.ended_at <= a.due_date THEN 1 ELSE 2 END
                WHEN a.due_date < %(now)s THEN 4 ELSE 5 END AS state
        FROM people_user u JOIN work_assignment a ON a.user_id = u.id
        WHERE u.team_id = %(team)s AND a.assigned_at >= %(since)s
            AND a.outcome NOT IN (%(left_out_0)s, %(left_out_1)s, %(left_out_2)s)
    ), estimates AS (
        SELECT planned, COUNT(*) AS tasks, COUNT(CASE WHEN state <= 3 THEN 1 END) AS done FROM counted GROUP BY planned
    ), ranked AS (
        SELECT planned, tasks, done,
            SUM(CASE WHEN planned > 0 THEN tasks ELSE 0 END) OVER (ORDER BY planned) AS up_to,
            SUM(CASE WHEN planned > 0 THEN tasks ELSE 0 END) OVER () AS known
        FROM estimates
    ), team AS MATERIALIZED (
        SELECT SUM(tasks) AS assigned, SUM(done) AS completed,
            CAST(COALESCE(MIN(CASE WHEN planned > 0 AND 2 * up_to >= known THEN planned END)
                + MIN(CASE WHEN planned > 0 AND 2 * up_to > known THEN planned END), {HALVES}) AS INTEGER) AS usual
        FROM ranked
    ), weighed AS (
        SELECT user_id, state, fit,
            CAST(CASE WHEN planned > 0 THEN CASE WHEN 2 * planned < 3 * usual THEN 2 * planned ELSE 3 * usual END
                ELSE usual END AS BIGINT) AS weight,
            CASE WHEN planned > 0 AND taken > 0 THEN
                (CASE WHEN planned < taken THEN planned * 20000000 / taken ELSE taken * 20000000 / planned END + 1) / 2
            END AS accuracy
        FROM counted CROSS JOIN team
        {{only}}
        {FENCE}
    ), people AS (
        SELECT user_id, COUNT(*), COUNT(CASE WHEN state <= 3 THEN 1 END), COUNT(CASE WHEN state = 1 THEN 1 END),
            COUNT(CASE WHEN state <= 2 THEN 1 END), SUM(accuracy), COUNT(accuracy), SUM(fit), COUNT(fit),
            SUM(CASE WHEN state IN (1, 2, 4) THEN weight END), SUM(CASE WHEN state = 1 THEN weight END),
            SUM(CASE WHEN state = 2 THEN weight END), SUM(CASE WHEN accuracy IS NOT NULL THEN weight END),
            SUM(accuracy * weight), SUM(CASE WHEN fit IS NOT NULL THEN weight END), SUM(fit * weight)
        FROM weighed
        GROUP BY user_id
    )
    SELECT team.assigned, team.completed, people.* FROM team LEFT JOIN people ON TRUE
"""  # noqa: S608
"""States: finished on time, late, without a due date; not finished and due, or not due yet.

`usual` is twice the median, the sum of the two estimates in the middle (one of them twice, of an odd number).
"""

ALL = {"how": "", "only": ""}
ONE = {"how": "NOT", "only": "WHERE user_id = %(only)s"}
"""For all, the rows are read once and noted; for one person the few of their own are looked up beside the team's."""

COLUMNS: tuple[tuple[str, int], ...] = (
    ("assigned", 0),
    ("completed", 0),
    ("on_time", 0),
    ("with_due", 0),
    ("accuracy_sum", ACCURACY),
    ("accuracy_n", 0),
    ("skill_sum", HUNDREDTHS),
    ("skill_n", 0),
    ("due_hours", HALVES),
    ("on_time_hours", HALVES),
    ("late_hours", HALVES),
    ("accuracy_hours", HALVES),
    ("accuracy_by_hours", ACCURACY * HALVES),
    ("skill_hours", HALVES),
    ("skill_by_hours", HUNDREDTHS * HALVES),
)
"""Names of `scoring.Inputs`, each with how many of the database's units make one; 0 is a count."""


@dataclass(frozen=True)
class TeamSums:
    """How many tasks the team's people were given and finished, and the sums of each who was given any."""

    assigned: int
    completed: int
    people: dict[int, dict[str, Any]]

    def of(self, pk: int) -> dict[str, Any]:
        return self.people.get(pk) or _named([0] * len(COLUMNS))


def add_up(team: Team, *, since: datetime, now: datetime, only: int | None = None) -> TeamSums:
    """Of all that was assigned since then, whoever held it; of one person alone where asked, beside the team's."""
    parameters = {
        "team": team.pk,
        "since": _stored(since),
        "now": _stored(now),
        "completed": Assignment.COMPLETED,
        "only": only,
        **{f"left_out_{number}": outcome for number, outcome in enumerate(LEFT_OUT)},
    }
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT.format(**(ALL if only is None else ONE)), parameters)
        rows = cursor.fetchall()
    assigned, completed, *_ = rows[0]
    return TeamSums(
        int(assigned or 0),
        int(completed or 0),
        {pk: _named(values) for _, _, pk, *values in rows if pk is not None},
    )


def _named(values: list[Any]) -> dict[str, Any]:
    return {
        name: Decimal(value or 0) / units if units else value
        for (name, units), value in zip(COLUMNS, values, strict=True)
    }


def _stored(instant: datetime) -> Any:
    """An instant as the database keeps it."""
    return connection.ops.adapt_datetimefield_value(instant)
