"""Who gets which task, through the database: skills, hours, absences, and the reasons kept."""

from datetime import UTC, datetime, timedelta

import pytest

from assignment import dispatch, explanations, next_task, runs
from people.models import Team, User
from tests import builders
from work import lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROOM = "has room for it this week"
FRIDAY_EVENING = datetime(2026, 3, 6, 18, tzinfo=UTC)


@pytest.fixture
def team() -> Team:
    return builders.make_team()


def test_skills_decide_and_the_losers_know_why(team: Team) -> None:
    good, weak = builders.make_user(team=team), builders.make_user(team=team)
    skill = builders.make_skill(good, level=4, name="Negotiation")
    builders.make_skill(weak, level=1, name="Negotiation", team=team)
    task = builders.make_task(team=team, skills={skill: 3}, created_at=MONDAY)
    choice = dispatch.assign_best(task, now=MONDAY)
    assert choice.person_id == good.pk
    assert [(one.person_id, one.code) for one in choice.rejected] == [(weak.pk, "SKILL")]
    told = explanations.of_task(task)
    assert told is not None
    assert "Negotiation level 1 < 3" in str(told["choice"]["rejected"])
    assert (
        told["plain"]
        == good.notifications.get().body
        == f"{good.display_name} fits best: has the skills for it, {ROOM}."
    )
    assert Assignment.objects.get().skill_match is not None


def test_whoever_gets_it_is_told_in_plain_words_without_anybodys_figures(team: Team) -> None:
    """What the others have to do is for leads, with the numbers, on the page of the task."""
    busy, knows = builders.make_user(team=team, first_name="Bo"), builders.make_user(team=team, first_name="Lena")
    builders.make_task(busy, estimated_hours=30, due_date=MONDAY + timedelta(days=3))
    contact = builders.make_contact(busy)
    builders.make_done_task(knows, contact=contact, at=MONDAY - timedelta(days=5))
    task = builders.make_task(team=team, contact=contact, estimated_hours=4)
    dispatch.assign_best(task, now=MONDAY)
    notice = knows.notifications.get()
    assert notice.body == f"Lena fits best: knows the contact, {ROOM}."
    dispatch.assign(task, busy, by=knows, now=MONDAY)
    assert "Lena gave it to Bo." in busy.notifications.get().body


def test_what_will_be_late_says_so_in_plain_words_too(team: Team) -> None:
    only = builders.make_user(team=team, first_name="Lena")
    task = builders.make_task(team=team, estimated_hours=30, due_date=MONDAY + timedelta(hours=5))
    dispatch.assign_best(task, now=MONDAY)
    assert "There are too few hours before it is due: it will be late." in only.notifications.get().body


def test_nobody_with_the_skill_leaves_it_waiting_with_the_reason(team: Team) -> None:
    builders.make_user(team=team)
    task = builders.make_task(team=team, skills={builders.make_skill(team=team): 5})
    assert dispatch.assign_best(task, now=MONDAY).code == "NO_SKILLED_PERSON"
    task.refresh_from_db()
    assert task.assignee is None
    assert runs.as_dict(runs.run(team, now=MONDAY))["unassigned"][0]["code"] == "NO_SKILLED_PERSON"


def test_hours_decide_and_who_is_away_is_passed_over(team: Team) -> None:
    busy, away, free = (builders.make_user(team=team) for _ in range(3))
    builders.make_task(busy, estimated_hours=30, due_date=MONDAY + timedelta(days=3))
    builders.make_time_off(away, starts_on=MONDAY.date())
    task = builders.make_task(team=team, estimated_hours=4)
    assert dispatch.assign_best(task, now=MONDAY).person_id == free.pk


def test_a_fridays_task_finds_mondays_hours(team: Team) -> None:
    builders.make_user(team=team)
    task = builders.make_task(team=team, estimated_hours=2, due_date=FRIDAY_EVENING + timedelta(days=4))
    assert dispatch.assign_best(task, now=FRIDAY_EVENING).person_id is not None


def test_what_nobody_can_do_in_time_is_given_all_the_same_and_says_so(team: Team) -> None:
    builders.make_user(team=team)
    task = builders.make_task(team=team, estimated_hours=2, due_date=FRIDAY_EVENING + timedelta(hours=4))
    dispatch.assign_best(task, now=FRIDAY_EVENING)
    told = explanations.of_task(task)
    assert told is not None
    assert told["late"]
    assert "late" in told["sentence"]


def test_a_dry_run_changes_nothing_and_forecasts_the_run(team: Team) -> None:
    for _ in range(3):
        builders.make_user(team=team)
    for number in range(12):
        builders.make_task(team=team, estimated_hours=1 + number % 4, created_at=MONDAY)
    forecast = runs.as_dict(runs.run(team, now=MONDAY, dry_run=True))
    assert not Assignment.objects.exists()
    done = runs.as_dict(runs.run(team, now=MONDAY))
    assert [(one["task_id"], one["user_id"]) for one in done["assigned"]] == [
        (one["task_id"], one["user_id"]) for one in forecast["assigned"]
    ]
    assert {task.assignee_id for task in Task.objects.all()} != {None}


def test_whose_names_they_are_is_told_as_they_are_called_today(team: Team) -> None:
    good, weak = builders.make_user(team=team), builders.make_user(team=team)
    skill = builders.make_skill(good, level=4, name="Negotiation")
    task = builders.make_task(team=team, skills={skill: 3}, title="Haggle", created_at=MONDAY)
    dispatch.assign_best(task, now=MONDAY)
    User.objects.filter(pk=weak.pk).update(first_name="New", last_name="Name")
    told = explanations.of_task(task)
    assert told is not None
    choice = told["choice"]
    assert [(row["person"], row["task"]) for row in choice["top"]] == [(good.display_name, "Haggle")]
    assert [(row["person"], row["detail"]) for row in choice["rejected"]] == [("New Name", "Negotiation level 0 < 3")]
    assert choice["compared"] == "people"


def test_the_best_of_what_somebody_holds_counts_its_hours_once(team: Team) -> None:
    """24 of their 40 hours: counted twice, it would not fit whoever has it already."""
    holder, task = builders.make_user(team=team), builders.make_task(team=team, estimated_hours=24)
    dispatch.assign(task, holder, by=None, now=MONDAY)
    builders.make_user(team=team)
    choice = dispatch.assign_best(task, now=MONDAY)
    assert (choice.person_id, choice.load_before, choice.load_after) == (holder.pk, 0, 60)
    assert Assignment.objects.count() == holder.notifications.count() == 1


@pytest.mark.parametrize("due", [datetime(9999, 12, 31, 23, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "America/New_York"])
def test_a_date_that_no_clock_of_the_team_can_show_stops_nothing(due: datetime, zone: str) -> None:
    team = builders.make_team(timezone=zone)
    user = builders.make_user(team=team)
    for _ in range(2):
        builders.make_task(team=team, due_date=due, created_at=MONDAY)
    assert next_task.give(user, now=MONDAY)["assigned"]
    assert len(runs.as_dict(runs.run(team, now=MONDAY))["assigned"]) == 1


def test_whoever_loses_a_task_hears_whose_it_is_now_unless_they_gave_it_away_themselves(team: Team) -> None:
    lead, ada, bo = builders.make_lead(team=team), builders.make_user(team=team), builders.make_user(team=team)
    task = builders.make_task(ada, title="Call", owner=lead)
    dispatch.assign(task, bo, by=lead, now=MONDAY)
    (told,) = ada.notifications.all()
    assert (told.kind, told.title) == ("moved", "No longer yours: Call")
    assert told.body.startswith(f"{bo.display_name} has it now. ")
    assert told.task is None, "a member may not see it any more"
    dispatch.assign(Task.objects.get(pk=task.pk), ada, by=bo, now=MONDAY)
    assert not bo.notifications.filter(kind="moved").exists()


def test_whose_task_goes_back_into_the_queue_hears_of_it_unless_they_put_it_there(team: Team) -> None:
    lead, ada, bo = builders.make_lead(team=team), builders.make_user(team=team), builders.make_user(team=team)
    for holder, by in ((ada, lead), (bo, bo)):
        task = builders.make_task(holder, title="Call", owner=lead)
        assert dispatch.unassign(task, by=by, now=MONDAY)
        assert not dispatch.unassign(Task.objects.get(pk=task.pk), by=by, now=MONDAY)
    (told,) = ada.notifications.all()
    assert (told.kind, told.title, told.task) == ("moved", "No longer yours: Call", None)
    assert not bo.notifications.exists()


def test_whose_task_is_taken_up_again_hears_of_it_unless_they_did_it(team: Team) -> None:
    lead, ada = builders.make_lead(team=team), builders.make_user(team=team)
    task = builders.make_task(ada, title="Call", owner=lead)
    lifecycle.complete(task, by=ada, now=MONDAY)
    dispatch.set_status(task, "todo", by=ada, now=MONDAY)
    dispatch.set_status(task, "in_progress", by=lead, now=MONDAY)
    assert not ada.notifications.exists(), "she did it herself; and it was open the second time"
    lifecycle.complete(task, by=ada, now=MONDAY)
    dispatch.set_status(task, "todo", by=lead, now=MONDAY)
    (told,) = ada.notifications.all()
    assert (told.kind, told.title, told.task) == ("assigned", "Yours again: Call", task)
    assert told.body == f"{lead.display_name} reopened it."
