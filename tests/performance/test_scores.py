"""Scores as the formula says, from what people really held."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from automation import tasks
from domain import scoring
from jobs.models import Job
from notifications.models import Notification
from people.models import Team, User
from performance import reports, scores, snapshots
from performance import team as team_figures
from performance.models import DailyReport, ScoreSnapshot, TeamScore
from tests import builders
from work import lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def member() -> User:
    return builders.make_user()


def held(
    user: User, *, done: bool, estimated: float = 4, actual: float = 4, match: float | None = None, **more: object
) -> None:
    task = builders.make_task(user, created_at=NOW - timedelta(days=3), estimated_hours=estimated)
    assignment = Assignment.objects.get(task=task)
    if done:
        task.status, task.actual_hours = "done", actual
        assignment.outcome, assignment.ended_at, assignment.actual_hours = "completed", NOW, Decimal(str(actual))
    assignment.skill_match = None if match is None else Decimal(str(match))
    for name, value in more.items():
        setattr(assignment, name, value)
    task.save()
    assignment.save()


def test_each_part(member: User) -> None:
    held(member, done=True, estimated=4, actual=8, match=100)
    held(member, done=True, estimated=4, actual=4, match=50)
    held(member, done=False, estimated=10)
    answer = scores.as_dict(scores.compute(member, now=NOW))
    assert (answer["completion_rate"], answer["estimation_accuracy"]) == (66.7, 75.0)
    assert (answer["workload_balance"], answer["skill_utilization"]) == (75.0, 75.0)
    assert (answer["total_assignments"], answer["completed_assignments"]) == (3, 2)
    exact = Decimal("0.35") * Decimal(200) / 3 + Decimal("0.25") * 75 + Decimal("0.2") * 75 + Decimal("0.2") * 75
    assert answer["performance_score"] == float(round(exact, 1))
    assert answer["details"]["provisional"]


def test_the_fair_policy_weighs_hours_and_knows_late_from_on_time(member: User) -> None:
    """Hours 4 on time, 8 late, 4 not done and past due, 4 not due yet; the 40 h task counts as three usual ones."""
    Team.objects.filter(pk=member.team_id).update(scoring="fair")
    member.refresh_from_db()
    past, ahead = NOW - timedelta(hours=1), NOW + timedelta(days=9)
    held(member, done=True, estimated=4, actual=4, match=100, due_date=NOW)
    held(member, done=True, estimated=40, actual=20, match=50, due_date=past)
    held(member, done=False, estimated=4, due_date=past)
    held(member, done=False, estimated=4, due_date=ahead)
    answer = scores.as_dict(scores.compute(member, now=NOW))
    assert answer["details"]["policy"] == "fair"
    assert answer["completion_rate"] == 50.0  # (4 + 12 / 2) / (4 + 12 + 4)
    assert answer["estimation_accuracy"] == 62.5  # (100 * 4 + 50 * 12) / 16
    assert answer["skill_utilization"] == 62.5
    assert answer["workload_balance"] == 28.6  # 8 of 40 hours: 100 * 0.2 / 0.7


def test_moved_dropped_and_old_work_counts_for_nobody(member: User) -> None:
    held(member, done=True)
    held(member, done=False, outcome="moved", ended_at=NOW)
    held(member, done=False, outcome="dropped", ended_at=NOW)
    held(member, done=True, assigned_at=NOW - timedelta(days=91))
    assert scores.as_dict(scores.compute(member, now=NOW))["total_assignments"] == 1


def test_a_policy_that_is_none_stops_nobody(member: User) -> None:
    Team.objects.filter(pk=member.team_id).update(scoring="fairer")
    other = builders.make_user()
    done = tasks.recalculate_team_performance()["teams"]
    assert done[str(member.team_id)] == done[str(other.team_id)] == {"scores": 1}
    row = scores.latest(member)
    assert row is not None
    assert scores.as_dict(row)["details"]["policy"] == "classic"


def test_without_data_there_is_no_score(member: User) -> None:
    answer = scores.as_dict(scores.compute(member, now=NOW))
    assert answer["performance_score"] is None
    assert answer["details"]["reason"] == "not enough data"


def test_one_row_a_local_day_and_the_newest_is_current(member: User) -> None:
    held(member, done=True)
    scores.recompute(member, now=NOW)
    held(member, done=False)
    scores.recompute(member, now=NOW + timedelta(hours=1))
    assert ScoreSnapshot.objects.get().details["inputs"]["assigned"] == 2
    scores.recompute(member, now=NOW + timedelta(days=1))
    assert ScoreSnapshot.objects.count() == 2
    assert scores.current(member, now=NOW)["computed_at"] == NOW + timedelta(days=1)


def test_lists_are_strict_and_leave_the_provisional_out(member: User) -> None:
    for _ in range(6):
        held(member, done=True)
    newcomer = builders.make_user(team=member.team)
    held(newcomer, done=True)
    scores.recompute_team(member.team, now=NOW)
    ScoreSnapshot.objects.filter(user=member).update(total=Decimal("80.00001"))
    assert [one["user_id"] for one in team_figures.high_performers(member.team, now=NOW)] == [member.pk]
    ScoreSnapshot.objects.filter(user=member).update(total=Decimal(80))
    assert team_figures.high_performers(member.team, now=NOW) == []
    everybody = team_figures.high_performers(member.team, now=NOW, include_provisional=True)
    assert [one["user_id"] for one in everybody] == [newcomer.pk]
    ScoreSnapshot.objects.filter(user=member).update(total=Decimal("49.99999"))
    assert [one["user_id"] for one in team_figures.at_risk(member.team, now=NOW)] == [member.pk]


def many(user: User, *, done: int, given: int, estimated: str, actual: str, match: str = "90") -> None:
    """Tasks finished in time, with an estimate that was so good; the rest is still open and due in a month."""
    due = NOW + timedelta(days=30)
    ended = {"ended_at": NOW, "outcome": Assignment.COMPLETED, "actual_hours": Decimal(actual)}
    made = Task.objects.bulk_create(
        Task(
            team=user.team,
            assignee=user,
            owner=user,
            title="Call",
            created_at=NOW,
            due_date=due,
            estimated_hours=Decimal(estimated),
            status=Task.DONE if number < done else Task.TODO,
        )
        for number in range(given)
    )
    Assignment.objects.bulk_create(
        Assignment(
            task=task,
            user=user,
            method="manual",
            assigned_at=NOW - timedelta(days=1),
            due_date=due,
            estimated_hours=task.estimated_hours,
            skill_match=Decimal(match),
            **(ended if task.status == Task.DONE else {}),
        )
        for task in made
    )


def booked(user: User, hours: str) -> None:
    """Work of this week that was given before the ninety days."""
    held(user, done=False, estimated=float(hours), assigned_at=NOW - timedelta(days=91))


@pytest.mark.parametrize(
    ("done", "given", "hours", "total", "shown"),
    [(181, 200, "12", "84.925", 84.9), (923, 1000, "8.6", "87.255", 87.3)],
)
def test_the_worked_figures_from_rows(
    member: User, done: int, given: int, hours: str, total: str, shown: float
) -> None:
    """90.5, 85, 70, 90 and 92.3, 85, 78.5, 90: shares of tasks, 8.5 of 10 hours, a week of 40 hours, matches."""
    many(member, done=done, given=given, estimated="8.5", actual="10")
    booked(member, hours)
    row = scores.recompute(member, now=NOW)
    assert (row.total, ScoreSnapshot.objects.get().total) == (Decimal(total), Decimal(total))
    assert scores.as_dict(row)["performance_score"] == shown


@pytest.mark.parametrize(("policy", "busy", "idle"), [("classic", 76.5, 91.5), ("fair", 93.0, 81.2)])
def test_what_the_two_policies_reward_from_rows(member: User, policy: str, busy: float, idle: float) -> None:
    """10 of 10 tasks with a week booked to 95 %, and 2 of 2 with one booked to 20 %."""
    Team.objects.filter(pk=member.team_id).update(scoring=policy)
    member.refresh_from_db()
    colleague = builders.make_user(team=member.team)
    for user, count, hours in ((member, 10, "38"), (colleague, 2, "8")):
        many(user, done=count, given=count, estimated="9", actual="10")
        booked(user, hours)
    found = [scores.as_dict(row)["performance_score"] for row in scores.recompute_team(member.team, now=NOW)]
    assert found == [busy, idle]


@pytest.mark.parametrize(
    ("planned", "taken", "matches", "label"),
    [
        ("1", "1.5", ["41.66", "41.66", "41.67", "41.67", "41.67", "41.67"], "high"),  # 80.0000008...
        ("1", "1.19", ["19.95", "19.96", "19.96", "19.96", "19.96"], "high"),  # 80.0000025
        ("1", "1.5", ["41.66", "41.66", "41.66", "41.67", "41.67", "41.67"], None),  # a little under 80
    ],
)
def test_label_and_list_agree_however_near_a_score_is_to_the_threshold(
    member: User, planned: str, taken: str, matches: list[str], label: str | None
) -> None:
    for match in matches:
        held(member, done=True, estimated=float(planned), actual=float(taken), match=float(match))
    scores.recompute_team(member.team, now=NOW)
    kept = ScoreSnapshot.objects.get()
    listed = [one["user_id"] for one in team_figures.high_performers(member.team, now=NOW)]
    shown = [one["user_id"] for one in team_figures.figures(member.team, now=NOW)["high_performers"]]
    assert (kept.label or None) == label
    assert listed == shown == ([member.pk] if label else [])


@given(st.decimals(0, 100, places=20), st.decimals(0, 100, places=4))
def test_what_is_kept_of_a_total_is_on_the_same_side_of_every_threshold(total: Decimal, threshold: Decimal) -> None:
    for near in (total, threshold, threshold + Decimal("1e-20"), max(threshold - Decimal("1e-20"), Decimal(0))):
        kept = scores.kept(near)
        assert ((kept > threshold), (kept < threshold)) == ((near > threshold), (near < threshold))
        assert scoring.shown(kept) == scoring.shown(near)
        assert abs(kept - near) < Decimal("0.00001")


def test_the_job_keeps_the_score_and_tells_once_a_day(member: User) -> None:
    held(member, done=True, assigned_at=timezone.now(), ended_at=timezone.now())
    for _ in range(3):
        tasks.update_user_performance_metrics(member.pk)
        tasks.send_performance_update_notification(member.pk)
    assert ScoreSnapshot.objects.filter(user=member).count() == 1
    assert Notification.objects.filter(user=member, kind="performance").count() == 1


def test_one_is_told_once_a_day_of_the_team_and_again_the_next(member: User) -> None:
    """A day in Auckland is two in UTC, and two may begin on one of these."""
    Team.objects.filter(pk=member.team_id).update(timezone="Pacific/Auckland")
    told = []
    for at in ("2026-03-03 12:00", "2026-03-04 09:30", "2026-03-04 11:30", "2026-03-05 01:00"):
        with time_machine.travel(f"{at}:00+00:00", tick=False):
            held(member, done=True, estimated=4, actual=4 + len(told), assigned_at=timezone.now())
            tasks.update_user_performance_metrics(member.pk)
            tasks.send_performance_update_notification(member.pk)
        told.append(Notification.objects.filter(user=member, kind="performance").count())
    assert told == [1, 1, 2, 2]
    assert Job.objects.filter(name__endswith="send_performance_update_notification").count() == 2


def test_the_daily_report_is_made_once_and_told_to_leads(member: User) -> None:
    lead = builders.make_lead(team=member.team)
    for _ in range(2):
        reports.make(member.team, now=NOW)
    assert DailyReport.objects.count() == 1
    assert [notice.user for notice in Notification.objects.filter(kind="report")] == [lead]


def test_scoring_a_team_takes_as_many_queries_for_sixty_as_for_three(member: User) -> None:
    """Gathered, scored and kept; the first time and again."""
    counts = []
    for size in (2, 57):
        for _ in range(size):
            held(builders.make_user(team=member.team), done=True)
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                assert len(scores.recompute_team(member.team, now=NOW)) == User.objects.count()
            counts.append(len(queries))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 11


def test_whoever_left_gets_no_score_and_counts_for_the_team(member: User) -> None:
    gone = builders.make_user(team=member.team, is_active=False)
    held(gone, done=True)
    held(member, done=False)
    (kept,) = scores.recompute_team(member.team, now=NOW)
    assert kept.user == member
    assert (kept.details["inputs"]["team_assigned"], kept.details["inputs"]["team_completed"]) == (2, 1)


def test_what_was_computed_later_stays(member: User) -> None:
    """The nightly run takes a while; a completion meanwhile is newer than what the run read."""
    held(member, done=True)
    early = scores.compute(member, now=NOW)
    held(member, done=True)
    scores.recompute(member, now=NOW + timedelta(seconds=1))
    snapshots.keep([early])
    assert ScoreSnapshot.objects.get().details["inputs"]["assigned"] == 2
    assert scores.latest(member).computed_at == NOW + timedelta(seconds=1)


def test_a_row_reads_back_as_it_was_computed(member: User) -> None:
    for _ in range(6):
        held(member, done=True, estimated=3, actual=2, match=77.77)
    nobody = builders.make_user(team=member.team)
    computed = scores.recompute_team(member.team, now=NOW)
    names = ("on", "total", "provisional", "label", "details", "computed_at")
    for row in computed:
        kept = ScoreSnapshot.objects.get(user=row.user_id)
        assert [getattr(kept, name) for name in names] == [getattr(row, name) for name in names]
    assert ScoreSnapshot.objects.get(user=nobody).total is None
    of_team = TeamScore.objects.get()
    assert (of_team.average, of_team.people, of_team.on) == (computed[0].total, 1, NOW.date())


def test_a_task_completed_three_times_counts_once(member: User) -> None:
    task = builders.make_task(member, estimated_hours=2)
    for _ in range(3):
        lifecycle.complete(task, by=member, now=timezone.now())
        lifecycle.set_status(task, "todo", by=member, now=timezone.now())
        task.refresh_from_db()
    lifecycle.complete(task, by=member, now=timezone.now())
    answer = scores.as_dict(scores.compute(member, now=timezone.now()))
    assert (answer["total_assignments"], answer["completed_assignments"]) == (1, 1)
