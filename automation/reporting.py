"""What automation and assignment add to a team's daily report."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from assignment import rebalancing, ungiven
from assignment.models import Suggestion
from automation.models import TaskAutomationRule
from people.models import Team, User
from performance import reports
from performance.models import DailyReport
from work.models import Task

LISTED = 50
"""So many moves are named; all of them stand where suggestions are listed."""


def make(team: Team, *, now: datetime) -> DailyReport:
    """Today's report of the team, with the moves that would end overload; made once, then the same row."""
    moves, stuck = rebalancing.suggestions(team, now=now)
    more = {
        "suggestions": _named(moves[:LISTED]),
        "more_suggestions": max(0, len(moves) - LISTED),
        "stuck": stuck,
        "paused_rules": _paused(team),
    }
    why = {task_id: reports.Reason(*reason) for task_id, reason in ungiven.why(team).items()}
    return reports.make(team, now=now, more=more, why_waiting=why)


def _named(moves: Sequence[Suggestion]) -> list[dict[str, Any]]:
    titles = dict(Task.objects.filter(pk__in=[move.task_id for move in moves]).values_list("pk", "title"))
    ids = {pk for move in moves for pk in (move.from_user_id, move.to_user_id)}
    people = {user.pk: user.display_name for user in User.objects.filter(pk__in=ids)}
    return [
        rebalancing.as_dict(move)
        | {
            "title": titles[move.task_id],
            "from_name": people[move.from_user_id],
            "to_name": people[move.to_user_id],
        }
        for move in moves
    ]


def _paused(team: Team) -> list[dict[str, Any]]:
    """Rules that switched themselves off; they stay on the list until somebody has looked at them."""
    rules = (
        TaskAutomationRule.objects.filter(team=team, archived_at__isnull=True).exclude(paused_reason="").order_by("pk")
    )
    return [
        {"rule_id": pk, "name": name, "reason": reason}
        for pk, name, reason in rules.values_list("pk", "name", "paused_reason")
    ]
