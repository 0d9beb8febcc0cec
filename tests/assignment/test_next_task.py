"""What a person does next: by a fresh plan, else what is most worth their time, and never what a hard rule forbids."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assignment import crew, explanations, next_task, offers, runs, snapshot
from assignment.models import Decision
from domain import matching
from people.models import SkillRequirement, Team, User
from tests import builders
from work import lifecycle
from work.models import Assignment, Dependency, Exclusion, Task, TaskSkill

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def team() -> Team:
    return builders.make_team()


def test_the_next_task_is_the_most_worth_and_comes_with_reasons(team: Team) -> None:
    user = builders.make_user(team=team)
    builders.make_task(team=team, priority="low", created_at=MONDAY)
    urgent = builders.make_task(team=team, priority="urgent", created_at=MONDAY)
    answer = next_task.give(user, now=MONDAY)
    assert answer["assigned"] == urgent.pk
    assert "priority 400" in answer["reason"]
    urgent.refresh_from_db()
    assert explanations.of_task(urgent)["sentence"] == answer["reason"]  # type: ignore[index]


def test_the_next_task_is_found_behind_any_number_that_the_person_lacks_the_skill_for(team: Team) -> None:
    user, other = builders.make_user(team=team), builders.make_user(team=team)
    rare = builders.make_skill(other, level=5, name="Welding")
    TaskSkill.objects.bulk_create(
        TaskSkill(task=builders.make_task(team=team, priority="urgent", created_at=MONDAY), skill=rare, min_level=2)
        for _ in range(210)
    )
    mine = builders.make_task(team=team, priority="low", created_at=MONDAY)
    assert next_task.give(user, now=MONDAY)["assigned"] == mine.pk


def test_who_has_the_skills_for_nothing_that_waits_is_told_what_they_lack(team: Team) -> None:
    user, other = builders.make_user(team=team), builders.make_user(team=team)
    assert next_task.give(user, now=MONDAY)["code"] == "NOTHING_READY"
    builders.make_task(team=team, title="Weld it", skills={builders.make_skill(other, level=5, name="Welding"): 2})
    answer = next_task.give(user, now=MONDAY)
    assert (answer["assigned"], answer["code"]) == (None, "NOTHING_FITS")
    assert "Weld it: Welding level 0 < 2." in answer["reason"]


def test_of_each_priority_what_is_due_first_or_waits_longest_is_looked_at(team: Team) -> None:
    """An urgent task without a date that waited longest is found among hundreds that are due."""
    user = builders.make_user(team=team)
    for number in range(205):
        builders.make_task(team=team, priority="low", due_date=MONDAY + timedelta(hours=8 + number))
    old = builders.make_task(team=team, priority="urgent", created_at=MONDAY - timedelta(days=80))
    assert next_task.give(user, now=MONDAY)["assigned"] == old.pk


def test_a_fresh_plan_goes_before_what_is_worth_most_now(team: Team) -> None:
    """The plan knows of the others: it keeps the urgent task for whoever alone can do it."""
    one, other = builders.make_user(team=team), builders.make_user(team=team)
    for number in range(4):
        builders.make_task(team=team, priority="high", created_at=MONDAY + timedelta(minutes=number))
    planned = runs.plan(team, now=MONDAY + timedelta(hours=1))
    theirs = list(planned.decisions.filter(to_user=one).order_by("position"))
    for decision in theirs:
        given = next_task.give(one, now=MONDAY + timedelta(hours=1, minutes=59))
        assert given["assigned"] == decision.task_id
        assert given["reason"] == decision.reasons["sentence"]
    assert set(planned.decisions.filter(state=Decision.APPLIED)) == set(theirs)
    runs.apply(planned, now=MONDAY + timedelta(hours=2))
    assert Assignment.objects.count() == 4, "each task once"
    assert other.tasks.count() + one.tasks.count() == 4


@pytest.mark.parametrize("change", ["old", "new work", "away", "full", "taken", "replan"])
def test_a_plan_that_no_longer_holds_is_not_followed(team: Team, change: str) -> None:
    user = builders.make_user(team=team)
    low = builders.make_task(team=team, priority="low", due_date=MONDAY + timedelta(hours=3), created_at=MONDAY)
    high = builders.make_task(team=team, priority="urgent", created_at=MONDAY)
    made = MONDAY + timedelta(minutes=5)
    now = made + (timedelta(minutes=61) if change == "old" else timedelta(minutes=1))
    runs.plan(team, now=made, replan=change == "replan")
    if change == "new work":
        high = builders.make_task(team=team, priority="urgent", due_date=now + timedelta(hours=2), created_at=now)
    if change == "away":
        builders.make_time_off(user, starts_on=MONDAY.date())
    if change == "full":
        User.objects.filter(pk=user.pk).update(wip_limit=0)
    if change == "taken":
        lifecycle.assign(low, builders.make_user(team=team), by=None, now=now, method="manual")
    answer = next_task.give(User.objects.get(pk=user.pk), now=now)
    expected = None if change in ("away", "full") else high.pk
    assert answer["assigned"] == expected, answer
    assert bool(answer["reason"])


def test_what_waits_for_another_task_is_not_offered_before_that_is_finished(team: Team) -> None:
    user, colleague = builders.make_user(team=team), builders.make_user(team=team)
    first = builders.make_task(colleague, created_at=MONDAY)
    second = builders.make_task(team=team, created_at=MONDAY)
    Dependency.objects.create(task=second, waits_for=first)
    assert next_task.give(user, now=MONDAY)["code"] == "NOTHING_READY"
    lifecycle.complete(first, by=colleague, now=MONDAY)
    assert next_task.give(user, now=MONDAY)["assigned"] == second.pk


def test_what_a_skill_asks_for_itself_counts_too(team: Team) -> None:
    user = builders.make_user(team=team)
    sql = builders.make_skill(user, level=4, name="SQL")
    reading = builders.make_skill(user, level=1, name="Reading")
    SkillRequirement.objects.create(skill=sql, needs=reading, min_level=2)
    task = builders.make_task(team=team, skills={sql: 3}, title="Query")
    answer = next_task.give(user, now=MONDAY)
    assert (answer["assigned"], answer["code"]) == (None, "NOTHING_FITS")
    assert "Query: Reading level 1 < 2." in answer["reason"]
    user.skill_levels.filter(skill=reading).update(level=2)
    assert next_task.give(user, now=MONDAY)["assigned"] == task.pk


def test_a_task_that_only_one_can_do_is_found_among_hundreds_that_all_can(team: Team) -> None:
    """By own value alone it would be the last of four hundred."""
    user = builders.make_user(team=team)
    for _ in range(3):
        builders.make_user(team=team)
    rare = builders.make_skill(user, level=5, name="Welding")
    for _ in range(300):
        builders.make_task(team=team, priority="high", created_at=MONDAY)
    mine = builders.make_task(team=team, priority="medium", created_at=MONDAY, skills={rare: 1})
    assert next_task.give(user, now=MONDAY)["assigned"] == mine.pk


@given(seed=st.integers(0, 10**6))
@example(seed=9499)  # the only date that is short of hours is one of work they hold already
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_choice_is_that_of_looking_at_everything(team: Team, seed: int) -> None:
    """The shortlist against all that waits, over random teams; and no hard rule is broken."""
    chance = random.Random(seed)
    Task.objects.all().delete()
    User.objects.all().delete()
    people = [builders.make_user(team=team, wip_limit=chance.choice([None, None, 1])) for _ in range(4)]
    skills = [builders.make_skill(team=team) for _ in range(3)]
    for person in people:
        for skill in chance.sample(skills, 2):
            person.skill_levels.create(skill=skill, level=chance.randint(1, 5))
    contacts = [builders.make_contact(people[0]) for _ in range(2)]
    tasks = [
        builders.make_task(
            team=team,
            priority=chance.choice(["low", "medium", "high", "urgent"]),
            created_at=MONDAY - timedelta(days=chance.randint(0, 40)),
            due_date=chance.choice([None, MONDAY + timedelta(hours=chance.randint(-5, 200))]),
            estimated_hours=chance.choice([None, 1, 3, 9]),
            contact=chance.choice([None, *contacts]),
            skills={skill: chance.randint(1, 4) for skill in chance.sample(skills, chance.randint(0, 2))},
            assignee=chance.choice([None, None, None, *people]),
        )
        for _ in range(chance.randint(3, 40))
    ]
    for _ in range(5):
        Dependency.objects.get_or_create(task=chance.choice(tasks[1:]), waits_for=tasks[0])
        Exclusion.objects.get_or_create(user=chance.choice(people), task=chance.choice(tasks))
        Exclusion.objects.get_or_create(user=chance.choice(people), contact=chance.choice(contacts))
    user = people[0]
    books = crew.Books(team, MONDAY)
    everybody, reader = crew.Crew(crew.members(team), books), snapshot.Reader(books)
    works = reader.works(snapshot.waiting(team))
    persons = everybody.people(works)
    own = next(person for person in persons if person.id == user.pk)
    names = snapshot.skill_names(team)
    expected = matching.choose_task(own, matching.lates_marked(works, persons), persons, names=names)
    offered = offers.to(user, everybody, reader, team.weights)
    assert [one.id for one in offered] == [one.id for one in offers.to(user, everybody, reader, team.weights)]
    answer = next_task.give(user, now=MONDAY)
    assert answer["assigned"] == expected.work_id
    if expected.work_id is None:
        return
    given = Task.objects.get(pk=expected.work_id)
    assert not given.dependencies.filter(waits_for__status__in=Task.OPEN).exists()
    assert not Exclusion.objects.filter(user=user, task=given).exists()
    assert given.contact_id is None or not Exclusion.objects.filter(user=user, contact=given.contact).exists()


def test_the_queries_do_not_grow_with_people_and_tasks(team: Team) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert next_task.give(user, now=MONDAY)["assigned"]
        return len(seen)

    user = builders.make_user(team=team)
    for _ in range(3):
        builders.make_task(team=team, estimated_hours=1, created_at=MONDAY)
    few = queries()
    for _ in range(20):
        builders.make_task(builders.make_user(team=team), estimated_hours=1)
        builders.make_task(team=team, estimated_hours=1, created_at=MONDAY)
    assert queries() == few


def test_a_short_task_is_found_behind_any_number_that_take_more_hours_than_are_left(team: Team) -> None:
    user = builders.make_user(team=team)
    builders.make_task(user, estimated_hours=38)
    soon = MONDAY + timedelta(days=3)
    for _ in range(offers.SHORTLIST):
        builders.make_task(team=team, estimated_hours=8, priority="urgent", due_date=soon, created_at=MONDAY)
    short = builders.make_task(team=team, estimated_hours=1, priority="low", created_at=MONDAY)
    answer = next_task.give(user, now=MONDAY)
    assert answer["assigned"] == short.pk
    assert "lacks" in answer["reason"]


def test_a_plan_gives_nobody_late_what_they_had_the_hours_for(team: Team) -> None:
    """Two of their hours before it is due went elsewhere since: a colleague still has them."""
    users = [builders.make_user(team=team) for _ in range(2)]
    due = MONDAY + timedelta(hours=4)
    task = builders.make_task(team=team, estimated_hours=4, due_date=due, created_at=MONDAY)
    planned = runs.plan(team, now=MONDAY).decisions.get().to_user
    builders.make_task(planned, estimated_hours=2, due_date=due, created_at=MONDAY)
    assert next_task.give(planned, now=MONDAY)["code"] == "NOTHING_FITS"  # type: ignore[arg-type]
    (other,) = set(users) - {planned}
    assert next_task.give(other, now=MONDAY)["assigned"] == task.pk
