"""The daily report of a team: made once a local day, told to its leads and managers, and kept as data."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from domain import calendars
from jobs.models import Job
from notifications import outbox
from notifications.models import Notification
from people.models import Team, User
from performance import team as team_figures
from performance.models import DailyReport
from work import capacity
from work.models import Assignment, Task

LISTED = 10
"""So many overdue, waiting or failed things are named; all are counted."""
WEEK = 7


class Reason(NamedTuple):
    """Why nobody has a task: the code of the newest run, and its sentence."""

    code: str
    sentence: str


def make(
    team: Team,
    *,
    now: datetime,
    more: Mapping[str, Any] | None = None,
    why_waiting: Mapping[int, Reason] | None = None,
) -> DailyReport:
    """Today's report of the team, in its zone; made and told once, then the same row.

    `more` is what higher rooms add to the data under names of their own, `why_waiting` says of tasks why nobody has
    them.
    """
    zone = calendars.first_zone(team.timezone).zone
    on = now.astimezone(zone).date()
    made = DailyReport.objects.filter(team=team, on=on).first()
    if made is not None:
        return made
    begins = [calendars.from_wall(datetime.combine(on - timedelta(days=days), time()), zone) for days in range(15)]
    data = {
        "team": team.name,
        "on": on,
        "zone": str(zone),
        "yesterday": {"on": on - timedelta(days=1), **_finished(team, begins[1], begins[0], by_person=True)},
        "week": _finished(team, begins[WEEK], begins[0]),
        "week_before": _finished(team, begins[2 * WEEK], begins[WEEK]),
        "overdue": _overdue(team, on, zone, now),
        "waiting": _waiting(team, why_waiting or {}),
        "workload": capacity.team_status(team, now=now),
        **_weeks(team, now),
        "performance": team_figures.figures(team, now=now),
        "failed_jobs": _failed_jobs(team),
        **(more or {}),
    }
    with transaction.atomic():
        report, fresh = DailyReport.objects.get_or_create(
            team=team, on=on, defaults={"data": _plain(data), "created_at": now}
        )
        if fresh:
            _tell(report, now)
    return report


def _tell(report: DailyReport, now: datetime) -> None:
    outbox.tell(
        User.objects.active().filter(team=report.team, role__in=(User.LEAD, User.MANAGER)).select_related("team"),
        kind=Notification.REPORT,
        key=f"report:{report.pk}",
        title=f"Daily report of {report.team.name}, {report.on:%a} {report.on.day} {report.on:%b}",
        body=summary(report.data),
        path=f"/team/reports/{report.pk}",
        now=now,
    )


def summary(data: Mapping[str, Any]) -> str:
    """A report in two sentences; of one from before there were all these parts, what it has."""
    work = data["workload"]
    over, everybody = work["overloaded_members"], work["total_team_members"]
    told = [f"{over} of 1 person overloaded" if everybody == 1 else f"{over} of {everybody} people overloaded"]
    for name, one, many in (
        ("overdue", "1 task overdue", "tasks overdue"),
        ("waiting", "1 task waiting for somebody", "tasks waiting for somebody"),
    ):
        if name in data:
            count = data[name]["count"]
            told.append(one if count == 1 else f"{count} {many}")
    now = ", ".join(told)
    if "yesterday" not in data:
        return f"{now}."
    day = data["yesterday"]
    if day["finished"] == 1:
        late = "late" if day["late"] else "not late"
        return f"Yesterday 1 task was finished, {late}. Now: {now}."
    return f"Yesterday {day['finished']} tasks were finished, {day['late']} of them late. Now: {now}."


def _finished(team: Team, start: datetime, end: datetime, *, by_person: bool = False) -> dict[str, Any]:
    """What was finished from `start` until before `end`, and still is.

    `undated` had no due date; `hours` are the actual ones, else the estimates.
    """
    # By when assignments ended, of which there is an index: a team's tasks of all times would be many to look at.
    done = Task.objects.filter(
        team=team,
        status=Task.DONE,
        assignments__outcome=Assignment.COMPLETED,
        assignments__ended_at__gte=start,
        assignments__ended_at__lt=end,
    )
    counts = {
        "finished": Count("pk"),
        "on_time": Count("pk", filter=Q(completed_at__lte=F("due_date"))),
        "late": Count("pk", filter=Q(completed_at__gt=F("due_date"))),
        "undated": Count("pk", filter=Q(due_date__isnull=True)),
        "hours": Sum(Coalesce("actual_hours", "estimated_hours")),
    }
    found = done.aggregate(**counts)
    found["hours"] = found["hours"] or Decimal(0)
    if by_person:
        rows = (
            done.filter(assignee__isnull=False).values("assignee").annotate(**counts).order_by("-finished", "assignee")
        )
        lines = list(rows)
        names = _names([line["assignee"] for line in lines])
        found["people"] = [
            {
                "user_id": line["assignee"],
                "name": names[line["assignee"]],
                "finished": line["finished"],
                "late": line["late"],
                "hours": line["hours"] or Decimal(0),
            }
            for line in lines
        ]
    return found


def _overdue(team: Team, on: date, zone: Any, now: datetime) -> dict[str, Any]:
    """Those that are overdue longest first; `days` is how many midnights ago they were due."""
    late = Task.objects.overdue(now).filter(team=team)
    return {
        "count": late.count(),
        "tasks": [
            _line(task) | {"due_date": task.due_date, "days": (on - task.due_date.astimezone(zone).date()).days}
            for task in late.select_related("assignee").order_by("due_date", "pk")[:LISTED]
            if task.due_date is not None
        ],
    }


def _waiting(team: Team, why: Mapping[int, Reason]) -> dict[str, Any]:
    """What nobody has, due first; `codes` counts why not, under an empty code what no run has looked at yet."""
    waiting: QuerySet[Task] = Task.objects.unheld().filter(team=team)
    unknown = Reason("", "")
    codes = Counter(why.get(pk, unknown).code for pk in waiting.values_list("pk", flat=True))
    first = waiting.order_by(F("due_date").asc(nulls_last=True), "pk")[:LISTED]
    return {
        "count": codes.total(),
        "codes": dict(sorted(codes.items())),
        "tasks": [
            _line(task)
            | {"due_date": task.due_date, "code": reason.code, "reason": reason.sentence, "since": task.created_at}
            for task in first
            for reason in [why.get(task.pk, unknown)]
        ],
    }


def _weeks(team: Team, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """Who has more work than hours this week, and who less than half; the fullest first."""
    people = {user.pk: user for user in User.objects.active().filter(team=team).select_related("team")}
    weeks = capacity.weeks(people.values(), now=now).values()
    lines = [
        {
            "user_id": week.user_id,
            "name": people[week.user_id].display_name,
            "used_hours": week.used_hours,
            "max_hours": week.max_hours,
            "utilization": week.utilization,
        }
        for week in sorted(weeks, key=lambda week: (-(week.utilization or 0), week.user_id))
    ]
    over = {week.user_id for week in weeks if week.is_overloaded}
    return {
        "overloaded": [line for line in lines if line["user_id"] in over],
        "underutilized": [
            line
            for line in lines
            if line["utilization"] is not None and line["utilization"] < team_figures.UNDERUTILIZED
        ],
    }


def _failed_jobs(team: Team) -> dict[str, Any]:
    dead = Job.objects.filter(team_id=team.pk, state=Job.DEAD)
    return {
        "count": dead.count(),
        "jobs": [
            {"job_id": str(pk), "name": name.rpartition(".")[2].replace("_", " "), "error": error[:255]}
            for pk, name, error in dead.order_by("-created_at").values_list("pk", "name", "error")[:LISTED]
        ],
    }


def _line(task: Task) -> dict[str, Any]:
    holder = task.assignee
    return {
        "task_id": task.pk,
        "title": task.title,
        "user_id": task.assignee_id,
        "name": holder.display_name if holder else "",
    }


def _names(ids: list[int]) -> dict[int, str]:
    return {user.pk: user.display_name for user in User.objects.filter(pk__in=ids)}


def _plain(value: Any) -> Any:
    """As JSON keeps it: hours and percentages as numbers with two decimals, days and instants in ISO."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal | float):
        return round(float(value), 2)
    return value.isoformat() if isinstance(value, date) else value
