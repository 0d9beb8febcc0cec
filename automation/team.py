"""`TaskAutomationEngine`, `PerformanceCalculator`, `WorkloadBalancer`: the team's half, in the names of its design.

Every method takes a row or its id, reads the row as it stands, and works on the class as on an instance. What cannot be
used is refused with BadArgument.
"""

from decimal import Decimal
from typing import Any

from django.utils import timezone

from assignment import rebalancing
from automation import arguments
from jobs import queue
from people.models import Team, User
from performance import scores
from performance import team as team_figures
from work import capacity, lifecycle
from work.models import Task

ASSIGN_JOB = "automation.tasks.assign_task"


class TaskAutomationEngine:
    """What happens around a task. Each method answers the `automation` object of the HTTP answer as a dict."""

    @classmethod
    def on_task_completed(cls, task: Task | int) -> dict[str, Any]:
        """Completes the task for its assignee if it is open, and answers with the two jobs; they are made once."""
        row = _task(task)
        done = lifecycle.follow_completion(row, now=timezone.now())
        return _answer(
            row,
            done.user_id,
            {"performance_update": str(done.performance_job), "next_task_assignment": str(done.next_task_job)},
        )

    @classmethod
    def on_task_status_changed(cls, task: Task | int, old_status: str, new_status: str) -> dict[str, Any]:
        """A change to done follows completion; any other sets nothing off."""
        lifecycle.parse_status(arguments.text("old_status", old_status, most=20, blank=True))
        new = lifecycle.parse_status(arguments.text("new_status", new_status, most=20, blank=True))
        row = _task(task)
        if new == Task.DONE:
            return cls.on_task_completed(row)
        return _answer(row, row.assignee_id, {})

    @classmethod
    def on_task_created(cls, task: Task | int) -> dict[str, Any]:
        """A task that nobody holds is given to the best person, by a job."""
        row = _task(task)
        if row.assignee_id is not None or not row.is_open:
            return _answer(row, row.assignee_id, {})
        request = queue.Request(ASSIGN_JOB, [row.pk], key=f"task:{row.pk}:v{row.version}:assign", team_id=row.team_id)
        (job_id,) = queue.enqueue(request, now=timezone.now())
        return _answer(row, None, {"task_assignment": str(job_id)})


class PerformanceCalculator:
    """Scores of people and teams."""

    @classmethod
    def calculate_performance_score(cls, user: User | int) -> dict[str, Any]:
        """The person's score with its parts, computed now; `performance_score` is None without enough data."""
        row = _user(user)
        return scores.as_dict(scores.compute(row, now=timezone.now()))

    @classmethod
    def calculate_team_performance(cls, team: Team | int | None = None) -> dict[str, Any]:
        return team_figures.figures(_team(team), now=timezone.now())

    @classmethod
    def identify_high_performers(
        cls, threshold: float = 80, *, team: Team | int | None = None, include_provisional: bool = False
    ) -> list[dict[str, Any]]:
        return team_figures.high_performers(
            _team(team),
            now=timezone.now(),
            threshold=arguments.number("threshold", threshold, most=100),
            include_provisional=include_provisional,
        )

    @classmethod
    def identify_at_risk_performers(
        cls, threshold: float = 50, *, team: Team | int | None = None, include_provisional: bool = False
    ) -> list[dict[str, Any]]:
        return team_figures.at_risk(
            _team(team),
            now=timezone.now(),
            threshold=arguments.number("threshold", threshold, most=100),
            include_provisional=include_provisional,
        )


class WorkloadBalancer:
    """Hours people have left, and moves that even out."""

    @classmethod
    def get_user_available_capacity(cls, user: User | int) -> Decimal:
        """Hours of the current week that are not spoken for."""
        return capacity.week(_user(user), now=timezone.now()).available_capacity

    @classmethod
    def is_user_overloaded(cls, user: User | int) -> bool:
        return capacity.week(_user(user), now=timezone.now()).is_overloaded

    @classmethod
    def suggest_workload_rebalancing(cls, team: Team | int | None = None) -> list[dict[str, Any]]:
        """Moves that end overload, stored with the ids that apply them."""
        moves, _ = rebalancing.suggestions(_team(team), now=timezone.now())
        return [rebalancing.as_dict(move) for move in moves]


def _answer(task: Task, user_id: int | None, jobs: dict[str, str]) -> dict[str, Any]:
    return {"success": True, "task_id": task.pk, "user_id": user_id, "jobs": jobs}


def _task(task: Task | int) -> Task:
    return arguments.row("task", task, Task.objects.select_related("team", "assignee"))


def _user(user: User | int) -> User:
    return arguments.row("user", user, User.objects.select_related("team"))


def _team(team: Team | int | None) -> Team:
    """A team, by row or id; the default team when none is named."""
    return Team.objects.default() if team is None else arguments.row("team", team, Team.objects.all())
