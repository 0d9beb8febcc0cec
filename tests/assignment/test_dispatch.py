"""Who gets which task, through the database: skills, hours, absences, and the reasons kept."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment import dispatch, explanations, rebalancing, runs
from assignment.models import Suggestion
from people.models import Team, User
from tests import builders
from work import capacity, lifecycle
from work.models import Assignment, Task, TaskSkill

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
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
    assert told["sentence"] == good.notifications.get().body
    assert Assignment.objects.get().skill_match is not None


def test_nobody_with_the_skill_leaves_it_waiting_with_the_reason(team: Team) -> None:
    builders.make_user(team=team)
    task = builders.make_task(team=team, skills={builders.make_skill(team=team): 5})
    assert dispatch.assign_best(task, now=MONDAY).code == "NO_SKILLED_PERSON"
    task.refresh_from_db()
    assert task.assignee is None
    assert runs.run(team, now=MONDAY)["unassigned"][0]["code"] == "NO_SKILLED_PERSON"


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


def test_the_next_task_is_the_most_worth_and_comes_with_reasons(team: Team) -> None:
    user = builders.make_user(team=team)
    builders.make_task(team=team, priority="low", created_at=MONDAY)
    urgent = builders.make_task(team=team, priority="urgent", created_at=MONDAY)
    answer = dispatch.next_task(user, now=MONDAY)
    assert answer["assigned"] == urgent.pk
    assert "priority 400" in answer["reason"]
    assert explanations.of_task(urgent)["sentence"] == answer["reason"]  # type: ignore[index]


def test_the_next_task_is_found_behind_any_number_that_the_person_lacks_the_skill_for(team: Team) -> None:
    user, other = builders.make_user(team=team), builders.make_user(team=team)
    rare = builders.make_skill(other, level=5, name="Welding")
    TaskSkill.objects.bulk_create(
        TaskSkill(task=builders.make_task(team=team, priority="urgent", created_at=MONDAY), skill=rare, min_level=2)
        for _ in range(210)
    )
    mine = builders.make_task(team=team, priority="low", created_at=MONDAY)
    assert dispatch.next_task(user, now=MONDAY)["assigned"] == mine.pk


def test_who_has_the_skills_for_nothing_that_waits_is_told_what_they_lack(team: Team) -> None:
    user, other = builders.make_user(team=team), builders.make_user(team=team)
    assert dispatch.next_task(user, now=MONDAY)["code"] == "NOTHING_READY"
    builders.make_task(team=team, title="Weld it", skills={builders.make_skill(other, level=5, name="Welding"): 2})
    answer = dispatch.next_task(user, now=MONDAY)
    assert (answer["assigned"], answer["code"]) == (None, "NOTHING_FITS")
    assert "Weld it: Welding level 0 < 2." in answer["reason"]


def test_of_each_priority_what_is_due_first_or_waits_longest_is_looked_at(team: Team) -> None:
    """An urgent task without a date that waited longest is found among hundreds that are due."""
    user = builders.make_user(team=team)
    for number in range(205):
        builders.make_task(team=team, priority="low", due_date=MONDAY + timedelta(hours=8 + number))
    old = builders.make_task(team=team, priority="urgent", created_at=MONDAY - timedelta(days=80))
    assert dispatch.next_task(user, now=MONDAY)["assigned"] == old.pk


def test_a_dry_run_changes_nothing_and_forecasts_the_run(team: Team) -> None:
    for _ in range(3):
        builders.make_user(team=team)
    for number in range(12):
        builders.make_task(team=team, estimated_hours=1 + number % 4, created_at=MONDAY)
    forecast = runs.run(team, now=MONDAY, dry_run=True)
    assert not Assignment.objects.exists()
    done = runs.run(team, now=MONDAY)
    assert [(one["task_id"], one["user_id"]) for one in done["assigned"]] == [
        (one["task_id"], one["user_id"]) for one in forecast["assigned"]
    ]
    assert {task.assignee_id for task in Task.objects.all()} != {None}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=st.lists(st.lists(st.integers(1, 14), max_size=8), min_size=2, max_size=5))
def test_applying_every_suggestion_leaves_no_new_overload(loads: list[list[int]]) -> None:
    team = builders.make_team()
    people: list[User] = []
    for hours in loads:
        user = builders.make_user(team=team)
        people.append(user)
        for amount in hours:
            builders.make_task(user, estimated_hours=amount)
    before = capacity.weeks(people, now=MONDAY)
    moves, stuck = rebalancing.suggestions(team, now=MONDAY)
    again, _ = rebalancing.suggestions(team, now=MONDAY)
    assert [move.pk for move in again] == [move.pk for move in moves], "what still holds keeps its id"
    for move in moves:
        rebalancing.apply(move, by=people[0], now=MONDAY)
    after = capacity.weeks(people, now=MONDAY)
    stuck_ids = {one["user_id"] for one in stuck}
    for user in people:
        if not before[user.pk].is_overloaded or user.pk not in stuck_ids:
            assert not after[user.pk].is_overloaded


def test_all_suggestions_are_applied_but_for_what_no_longer_fits_and_each_can_be_undone(team: Team) -> None:
    full, free = builders.make_user(team=team), builders.make_user(team=team)
    for _ in range(8):
        builders.make_task(full, estimated_hours=8)
    moves, _ = rebalancing.suggestions(team, now=MONDAY)
    started = Task.objects.get(pk=moves[1].task_id)
    lifecycle.set_status(started, Task.IN_PROGRESS, by=full, now=MONDAY)
    answer = rebalancing.apply_all(team, by=full, now=MONDAY)
    assert [row["id"] for row in answer["refused"]] == [moves[1].pk]
    assert "started" in answer["refused"][0]["reason"]
    assert answer["applied"] == [move.pk for move in moves if move.pk != moves[1].pk]
    moves[0].refresh_from_db()
    rebalancing.undo(moves[0], by=full, now=MONDAY)
    assert Task.objects.get(pk=moves[0].task_id).assignee == full
    moves[0].refresh_from_db()
    with pytest.raises(rebalancing.Stale, match="only an applied one"):
        rebalancing.undo(moves[0], by=full, now=MONDAY)
    last = moves[-1]
    last.refresh_from_db()
    lifecycle.set_status(Task.objects.get(pk=last.task_id), Task.IN_PROGRESS, by=free, now=MONDAY)
    with pytest.raises(rebalancing.Stale, match="assign it by hand"):
        rebalancing.undo(last, by=full, now=MONDAY)


def test_the_warning_starts_over_110_percent_and_clears_under_100(team: Team) -> None:
    """Loads of a 40 h week, day by day: 44 h is not over 110 % yet, 45 h is, and 41 h is not under 100 % again."""
    user = builders.make_user(team=team)
    lead = builders.make_user(team=team, role=User.LEAD)
    task = builders.make_task(user, estimated_hours=44)
    told = []
    for hours in (44, 45, 41, 40, 39, 41, 46):
        Task.objects.filter(pk=task.pk).update(estimated_hours=hours)
        told.append(rebalancing.overloaded(team, [user, lead], now=MONDAY) == [user.pk])
    assert told == [False, True, True, True, False, False, True]


def test_a_suggestion_that_no_longer_fits_is_refused(team: Team) -> None:
    full, free = builders.make_user(team=team), builders.make_user(team=team)
    for _ in range(6):
        builders.make_task(full, estimated_hours=8)
    (move,), _ = rebalancing.suggestions(team, now=MONDAY)
    builders.make_task(free, estimated_hours=38)
    with pytest.raises(rebalancing.Stale, match="no room"):
        rebalancing.apply(move, by=full, now=MONDAY)
    Task.objects.filter(assignee=free).delete()
    rebalancing.apply(move, by=full, now=MONDAY)
    move.refresh_from_db()
    assert move.state == Suggestion.APPLIED
    with pytest.raises(rebalancing.Stale, match="applied"):
        rebalancing.apply(move, by=full, now=MONDAY)
