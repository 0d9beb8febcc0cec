"""Completing, moving, reopening: the facts each verb leaves, and who may."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from assignment import dispatch
from automation import reminders
from crm.models import Activity
from jobs.models import Job
from notifications.models import Notification
from people import deactivation
from people.models import User
from tests import builders
from work import capacity, finishing, housekeeping, lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def member(manager: User) -> User:
    return builders.make_user(team=manager.team)


def test_completing_leaves_the_facts_and_two_jobs(member: User) -> None:
    task = builders.make_task(member, estimated_hours=4)
    done = lifecycle.complete(task, by=member, now=timezone.now(), actual_hours=Decimal("5.5"), notes="ahead")
    task.refresh_from_db()
    assert (task.status, task.actual_hours, task.notes) == (Task.DONE, Decimal("5.5"), "ahead")
    assignment = Assignment.objects.get(task=task)
    assert (assignment.outcome, assignment.actual_hours) == (Assignment.COMPLETED, Decimal("5.5"))
    assert Activity.objects.get(pk=done.activity_id).activity_type == Activity.TASK_COMPLETED
    jobs = Job.objects.filter(pk__in=[done.performance_job, done.next_task_job])
    assert {job.key for job in jobs} == {f"activity:{done.activity_id}:score", f"activity:{done.activity_id}:next"}
    assert {(job.user_id, job.team_id) for job in jobs} == {(member.pk, member.team_id)}


def test_reopening_and_completing_again_is_a_new_effect(member: User) -> None:
    task = builders.make_task(member)
    first = lifecycle.complete(task, by=member, now=timezone.now())
    with pytest.raises(lifecycle.NotOpen, match="already"):
        lifecycle.complete(task, by=member, now=timezone.now())
    lifecycle.set_status(task, "todo", by=member, now=timezone.now())
    second = lifecycle.set_status(task, "Done", by=member, now=timezone.now())
    assert isinstance(second, lifecycle.Completion)
    assert first.performance_job != second.performance_job
    assert Job.objects.count() == 4
    outcomes = Assignment.objects.filter(task=task).order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == [Assignment.REOPENED, Assignment.COMPLETED], "it counts once"


def test_what_came_of_a_task_is_in_its_row_and_its_activity_until_it_is_reopened(member: User) -> None:
    task = builders.make_task(member, contact=builders.make_contact(member))
    with pytest.raises(lifecycle.UnknownOutcome, match="no_answer"):
        lifecycle.complete(task, by=member, now=timezone.now(), outcome="maybe")
    done = lifecycle.complete(task, by=member, now=timezone.now(), outcome="No answer")
    task.refresh_from_db()
    assert task.outcome == Task.NO_ANSWER
    assert Activity.objects.get(pk=done.activity_id).data["outcome"] == Task.NO_ANSWER
    lifecycle.set_status(task, "todo", by=member, now=timezone.now())
    task.refresh_from_db()
    assert task.outcome == ""
    again = lifecycle.complete(task, by=member, now=timezone.now())
    assert "outcome" not in Activity.objects.get(pk=again.activity_id).data


def test_a_priority_or_a_date_that_a_person_gives_is_no_longer_a_choice_of_the_product(member: User) -> None:
    fields = {"priority": "high", "priority_source": Task.BY_SCORE, "timing": {"chosen_by": "best_time"}}
    one, other = (builders.make_task(member, **fields) for _ in range(2))
    for task in (
        lifecycle.edit(one, by=member, now=timezone.now(), priority="low", due_date=timezone.now()),
        lifecycle.edit(other, by=member, now=timezone.now(), title="Other"),
    ):
        chosen = task.pk == other.pk
        assert (task.priority_source, task.timing) == (
            (Task.BY_SCORE, {"chosen_by": "best_time"}) if chosen else ("", {"chosen_by": "best_time", "moved": True})
        )


def test_a_priority_that_a_person_names_is_theirs_also_when_it_was_that_already(member: User) -> None:
    task = builders.make_task(member, priority="low", priority_source=Task.BY_SCORE)
    assert lifecycle.edit(task, by=member, now=timezone.now(), priority="low").priority_source == ""


def test_what_somebody_finished_who_has_left_waits_for_others_once_it_is_reopened(manager: User, member: User) -> None:
    task = builders.make_task(member)
    lifecycle.complete(task, by=member, now=timezone.now())
    deactivation.deactivate(member, by=manager, now=timezone.now())
    lifecycle.set_status(Task.objects.get(pk=task.pk), "todo", by=manager, now=timezone.now())
    task.refresh_from_db()
    assert (task.status, task.assignee) == ("todo", None)
    assert not Assignment.objects.filter(task=task, ended_at__isnull=True).exists()


def test_who_may_complete(manager: User, member: User) -> None:
    other, stranger = builders.make_user(team=manager.team), builders.make_manager()
    lead = builders.make_lead(team=manager.team)
    task = builders.make_task(member)
    for nobody in (other, lead, stranger):
        with pytest.raises(lifecycle.NotAllowed):
            lifecycle.complete(task, by=nobody, now=timezone.now())
    done = lifecycle.complete(task, by=manager, now=timezone.now())
    assert done.user_id == member.pk, "on behalf: the assignee's score is concerned"
    assert Activity.objects.get(pk=done.activity_id).actor == manager
    unassigned = builders.make_task(team=manager.team)
    assert lifecycle.complete(unassigned, by=manager, now=timezone.now()).user_id == manager.pk


@pytest.mark.django_db(transaction=True)
def test_of_several_who_complete_at_once_one_wins() -> None:
    member = builders.make_user()
    task = builders.make_task(member)
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def race() -> None:
        row = Task.objects.select_related("team").get(pk=task.pk)
        start.wait()
        try:
            lifecycle.complete(row, by=member, now=timezone.now())
            outcomes.append("done")
        except lifecycle.NotOpen:
            outcomes.append("late")
        connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "late", "late", "late"]
    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_several_who_take_a_task_one_gets_it() -> None:
    team = builders.make_team()
    people = [builders.make_user(team=team) for _ in range(4)]
    task = builders.make_task(team=team)
    start = threading.Barrier(4)

    def race(user: User) -> None:
        row = Task.objects.get(pk=task.pk)
        start.wait()
        dispatch.assign(row, user, by=None, now=timezone.now())
        connections.close_all()

    threads = [threading.Thread(target=race, args=[user]) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = Assignment.objects.get(task=task)
    task.refresh_from_db()
    assert task.assignee == held.user
    assert Notification.objects.filter(kind="assigned").count() == 1


@pytest.mark.parametrize("text", ["Done", "DONE", "done", "In Progress", "in-progress", " blocked "])
def test_status_words(text: str) -> None:
    assert lifecycle.parse_status(text) in dict(Task.STATUSES)


def test_an_unknown_status_says_which_there_are() -> None:
    with pytest.raises(lifecycle.UnknownStatus, match="todo, in_progress"):
        lifecycle.parse_status("finished")


def test_what_only_verbs_may_change(member: User) -> None:
    task = builders.make_task(member)
    for field, value in (("status", "done"), ("assignee", member), ("origin_key", "x"), ("team", member.team)):
        with pytest.raises(TypeError, match=field):
            lifecycle.edit(task, by=member, now=timezone.now(), **{field: value})
    with pytest.raises(ValidationError):
        lifecycle.edit(task, by=member, now=timezone.now(), priority="whatever")


def test_a_reminder_is_told_once_moves_with_the_date_and_not_after_the_end(member: User) -> None:
    now = timezone.now()
    task = builders.make_task(member, due_date=now + timedelta(hours=2), reminder_offset_hours=3)
    finished = builders.make_task(member, due_date=now + timedelta(hours=2), reminder_offset_hours=3)
    lifecycle.complete(finished, by=member, now=now)
    assert [reminders.send(now=now)["sent"] for _ in range(3)] == [1, 0, 0]
    lifecycle.edit(task, by=member, now=now, due_date=now + timedelta(hours=5))
    assert reminders.send(now=now)["sent"] == 0
    assert reminders.send(now=now + timedelta(hours=2, minutes=1))["sent"] == 1
    assert Notification.objects.filter(kind="reminder").count() == 2


def test_who_leaves_gives_open_work_back_and_started_work_stays(manager: User, member: User) -> None:
    waiting, started = builders.make_task(member), builders.make_task(member, status="in_progress")
    rule = builders.make_rule(member)
    deactivation.deactivate(member, by=manager, now=timezone.now())
    for row in (waiting, started, rule, member):
        row.refresh_from_db()
    assert (waiting.assignee, started.assignee, rule.owner, member.is_active) == (None, member, manager, False)
    with pytest.raises(deactivation.LastManager):
        deactivation.deactivate(manager, by=manager, now=timezone.now())


def test_capacity_is_working_time_less_absences_and_work_of_the_week(member: User) -> None:
    now = timezone.datetime.fromisoformat("2026-03-04T10:00:00+00:00")  # a Wednesday
    builders.make_working_week(member, ends="13:00", days=range(4))
    builders.make_time_off(member, starts_on="2026-03-05")
    builders.make_task(member, estimated_hours=3, due_date=now + timedelta(days=1))
    builders.make_task(member, estimated_hours=5, due_date=now + timedelta(days=20))
    builders.make_task(member, estimated_hours=2, due_date=now - timedelta(days=20))
    builders.make_task(member, due_date=None)
    week = capacity.week(member, now=now)
    assert (week.max_hours, week.used_hours) == (12, 3 + 2 + 3), "without an estimate: the median of 2, 3 and 5"
    assert not week.is_overloaded


@pytest.mark.parametrize(("spent", "left"), [(None, 6), (0, 6), (2, 4), (6, "0.25"), (9, "0.25")])
def test_work_under_way_books_what_is_left_of_it(member: User, spent: int | None, left: int | str) -> None:
    """What has taken as long as it should, or longer, is not done: a quarter hour is always left."""
    now = timezone.datetime.fromisoformat("2026-03-04T10:00:00+00:00")
    due = now + timedelta(days=1)
    builders.make_task(member, status="in_progress", estimated_hours=6, actual_hours=spent, due_date=due)
    assert capacity.week(member, now=now).used_hours == Decimal(left)
    assert capacity.booked_by(capacity.bookings([member], capacity.UsualEstimates())[member.pk], [now, due]) == [
        0,
        Decimal(left),
    ]


def test_old_assignments_go_and_young_ones_stay(member: User) -> None:
    now = timezone.now()
    old = builders.make_done_task(member, at=now - timedelta(days=91))
    Assignment.objects.filter(task=old).update(ended_at=now - timedelta(days=91))
    builders.make_done_task(member, at=now - timedelta(days=80))
    builders.make_task(member)
    assert housekeeping.delete_old_assignments(member.team, now=now) == 1
    assert Assignment.objects.count() == 2


def test_hours_and_notes_add_up_over_completions(member: User) -> None:
    task = builders.make_task(member, notes="Knows Ann")
    lifecycle.complete(task, by=member, now=timezone.now(), actual_hours=Decimal("1.5"), notes=" called ")
    lifecycle.set_status(task, "todo", by=member, now=timezone.now())
    task.refresh_from_db()
    lifecycle.complete(task, by=member, now=timezone.now(), notes="called again")
    task.refresh_from_db()
    assert (task.actual_hours, task.notes) == (Decimal("1.5"), "Knows Ann\n\ncalled\n\ncalled again")
    assert set(task.assignments.values_list("actual_hours", flat=True)) == {Decimal("1.5")}


def test_the_quick_door_opens_for_the_assignee_alone(manager: User, member: User) -> None:
    task = builders.make_task(member)
    assert finishing.held_by(member, task.pk) == task
    assert finishing.held_by(manager, task.pk) is None
    stranger = builders.make_user()
    Task.objects.filter(pk=task.pk).update(assignee=stranger)  # a row written by hand, across teams
    assert finishing.held_by(stranger, task.pk) is None


def test_a_task_given_past_the_verbs_counts_when_it_is_done(member: User) -> None:
    task = Task.objects.create(title="By hand", owner=member, assignee=member, estimated_hours=2)
    lifecycle.complete(task, by=member, now=timezone.now(), actual_hours=Decimal(1))
    held = Assignment.objects.get(task=task)
    assert (held.user, held.outcome, held.actual_hours, held.method) == (member, "completed", Decimal(1), "by_hand")


def test_words_in_other_letters_are_understood_and_unknown_ones_refused(member: User) -> None:
    task = Task.objects.create(title="By hand", owner=member, status="Done", priority="High")
    task.refresh_from_db()
    assert (task.status, task.priority) == ("done", "high")
    assert lifecycle.follow_completion(task, now=timezone.now()).user_id == member.pk
    for wrong in ({"status": "whatever"}, {"priority": "soon"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Task.objects.create(title="By hand", owner=member, **wrong)


def test_who_lost_a_task_meanwhile_cannot_finish_it(manager: User, member: User) -> None:
    task = builders.make_task(member)
    seen = finishing.held_by(member, task.pk)
    assert seen is not None
    dispatch.assign(task, manager, by=manager, now=timezone.now())
    with pytest.raises(lifecycle.NotOpen):
        lifecycle.complete(seen, by=member, now=timezone.now())
    task.refresh_from_db()
    assert (task.status, task.assignee) == (Task.TODO, manager)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "hours", [{"estimated_hours": 0}, {"estimated_hours": -1}, {"actual_hours": -1}, {"reminder_offset_hours": -1}]
)
def test_the_database_refuses_hours_below_nothing(member: User, hours: dict[str, int]) -> None:
    with pytest.raises(IntegrityError, match="task_hours_are_positive"), transaction.atomic():
        builders.make_task(member, **hours)


def test_what_came_of_a_task_may_be_said_after_it_is_done_and_said_anew() -> None:
    member = builders.make_user()
    task = builders.make_task(member, contact=builders.make_contact(member))
    now = timezone.now()
    with pytest.raises(lifecycle.NotDone, match="complete it"):
        lifecycle.say_outcome(task, "reached", by=member, now=now)
    lifecycle.complete(task, by=member, now=now)
    for who in (builders.make_user(team=member.team), builders.make_lead(team=member.team)):
        with pytest.raises(lifecycle.NotAllowed, match="what came of"):
            lifecycle.say_outcome(task, "reached", by=who, now=now)
    with pytest.raises(lifecycle.UnknownOutcome):
        lifecycle.say_outcome(task, "maybe", by=member, now=now)
    for outcome in ("No answer", "no_answer", "", "won"):
        lifecycle.say_outcome(task, outcome, by=member, now=now)
    task.refresh_from_db()
    assert (task.outcome, task.status, task.version) == ("won", Task.DONE, 5)
    told = Activity.objects.filter(task_id=task.pk, activity_type=Activity.TASK_OUTCOME).order_by("pk")
    assert [(row.data["was"], row.data["outcome"]) for row in told] == [
        ("", "no_answer"), ("no_answer", ""), ("", "won")
    ]  # fmt: skip
    stale = Task(**{field.attname: getattr(task, field.attname) for field in Task._meta.concrete_fields})
    lifecycle.say_outcome(task, "lost", by=member, now=now)
    with pytest.raises(lifecycle.Changed):
        lifecycle.say_outcome(stale, "reached", by=member, now=now)
