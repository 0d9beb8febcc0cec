"""What is tied is given out only when and to whom it may be, by the run, the next task, and what waits in a plan."""

import pytest

from assignment import next_task, runs
from people.models import User
from tests import builders
from tests.builders import NOW
from work import lifecycle, ties
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def member() -> User:
    return builders.make_user()


def test_a_task_is_given_out_by_the_run_after_what_it_waited_for(member: User) -> None:
    build, ship = (builders.make_task(team=member.team, title=title, estimated_hours=1) for title in ("Build", "Ship"))
    ties.wait_for(ship, [build], by=member, now=NOW)
    runs.run(member.team, now=NOW)
    build.refresh_from_db()
    ship.refresh_from_db()
    assert (build.assignee, ship.assignee) == (member, None)
    lifecycle.complete(build, by=member, now=NOW)
    runs.run(member.team, now=NOW)
    ship.refresh_from_db()
    assert ship.assignee == member


def test_and_by_the_next_task_of_whoever_finished_that(member: User) -> None:
    build = builders.make_task(member, estimated_hours=1)
    ship = builders.make_task(team=member.team, estimated_hours=1)
    ties.wait_for(ship, [build], by=member, now=NOW)
    assert next_task.give(member, now=NOW)["assigned"] is None
    lifecycle.complete(build, by=member, now=NOW)
    assert next_task.give(member, now=NOW)["assigned"] == ship.pk


@pytest.mark.parametrize("of", ["task", "contact"])
def test_who_is_excluded_after_the_plan_was_made_gets_nothing_by_it(of: str, member: User) -> None:
    contact = builders.make_contact(team=member.team)
    task = builders.make_task(contact=contact, estimated_hours=1)
    planned = runs.plan(member.team, now=NOW)
    assert planned.decisions.get().to_user == member
    if of == "task":
        ties.exclude(task, [member], by=member, now=NOW)
    else:
        ties.exclude_from(contact, [member], by=member, now=NOW)
    runs.apply(planned, now=NOW)
    assert Task.objects.get(pk=task.pk).assignee is None
    runs.run(member.team, now=NOW)
    assert Task.objects.get(pk=task.pk).assignee is None


def test_who_may_hold_nothing_is_given_nothing_but_by_hand(member: User) -> None:
    User.objects.filter(pk=member.pk).update(wip_limit=0)
    task = builders.make_task(team=member.team, estimated_hours=1)
    runs.run(member.team, now=NOW)
    member.refresh_from_db()
    assert next_task.give(member, now=NOW)["assigned"] is None
    assert lifecycle.assign(task, member, by=member, now=NOW, method="manual")


def test_what_is_pinned_is_not_moved_by_a_run_that_moves(member: User) -> None:
    other = builders.make_user(team=member.team)
    skill = builders.make_skill(other, level=5)
    builders.make_skill(member, level=1, name=skill.name)
    pinned, free = (
        builders.make_task(member, skills={skill: 1}, estimated_hours=1, pinned=pinned, created_at=NOW)
        for pinned in (True, False)
    )
    runs.run(member.team, now=NOW, replan=True)
    pinned.refresh_from_db()
    free.refresh_from_db()
    assert (pinned.assignee, free.assignee) == (member, other)
