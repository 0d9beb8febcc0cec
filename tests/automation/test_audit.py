"""The audit log of what is changed by name in Python, by somebody who leaves, and by the product itself."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from automation import activation, engine, rules
from automation.models import TaskAutomationRule
from automation.programmes import campaigns, sequences
from automation.task_scheduler import TaskScheduler
from people import deactivation
from people.models import Change, User
from tests import builders
from tests.builders import NOW
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def told(**wanted: object) -> list[tuple[str, str, User | None]]:
    return [(line.kind, line.verb, line.actor) for line in Change.objects.filter(**wanted).order_by("pk")]


def clicked(manager: User, contacts: int) -> None:
    for n in range(contacts):
        at = NOW + timedelta(seconds=n)
        contact = builders.make_contact(manager)
        builders.make_activity(contact, activity_type="email_clicked", occurred_at=at, received_at=at)
    engine.drain(manager.team_id, now=NOW + timedelta(minutes=1))


def test_a_rule_that_pauses_itself_has_a_line_without_an_actor(manager: User) -> None:
    rule = builders.make_rule(manager, burst=5, created_at=NOW)
    clicked(manager, 9)
    assert told() == [("rule", "paused", None)]
    line = Change.objects.get()
    assert (line.subject_id, line.before) == (str(rule.pk), {"is_active": True, "paused_reason": ""})
    assert "within an hour" in line.after["paused_reason"]
    rules.update(rule, by=manager, now=NOW, is_active=True)
    assert Change.objects.latest("pk").after == {"is_active": True, "paused_reason": ""}


def test_a_rule_that_is_parked_and_taken_up_again_has_its_lines(manager: User) -> None:
    rule = builders.make_rule(manager, task_title_template="{{contact_nam}}")
    clicked(manager, 2)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(task_title_template="{{contact_name}}")
    clicked(manager, 1)
    assert told() == [("rule", "parked", None), ("rule", "changed", None)]
    parked, taken_up = Change.objects.order_by("pk")
    assert "contact_nam" in parked.after["parked_reason"]
    assert taken_up.after == {"parked_reason": ""}


def test_tasks_that_the_product_makes_and_gives_out_have_none(manager: User) -> None:
    builders.make_rule(manager, created_at=NOW)
    clicked(manager, 3)
    contact = builders.make_contact(manager)
    TaskScheduler(owner=manager).schedule_follow_up_sequence(contact=contact)
    TaskScheduler(owner=manager).schedule_recurring_tasks(
        contact=contact, cadence="weekly", task_template={"title": "Call"}
    )
    assert Task.objects.filter(assignee=manager).count() == 8
    assert not told()


def test_a_task_that_somebody_schedules_by_name_has_one(manager: User) -> None:
    TaskScheduler(owner=manager).schedule_task_for_contact(contact=builders.make_contact(manager), title="Call")
    assert told() == [("task", "created", manager)]


def test_a_task_tells_its_whole_story_in_one_place(manager: User) -> None:
    member = builders.make_user(team=manager.team)
    greek = [lifecycle.Requirement(builders.make_skill(team=manager.team, name="Greek"), 3)]
    task = lifecycle.create(manager.team, title="Call", by=manager, now=NOW, required_skills=greek)
    task = lifecycle.edit(task, by=manager, now=NOW, title="Call Ana", estimated_hours=2)
    read_long_ago = Task.objects.get(pk=task.pk)
    lifecycle.assign(task, member, by=manager, now=NOW, method="manual")
    lifecycle.set_status(task, "in progress", by=member, now=NOW)
    lifecycle.unassign(read_long_ago, by=manager, now=NOW)
    lifecycle.complete(Task.objects.get(pk=task.pk), by=manager, now=NOW)
    lifecycle.set_status(Task.objects.get(pk=task.pk), "todo", by=manager, now=NOW)
    lines = Change.objects.filter(kind="task", subject_id=task.pk).order_by("pk")
    assert [(line.actor, line.before, line.after) for line in lines[1:]] == [
        (manager, {"title": "Call", "estimated_hours": None}, {"title": "Call Ana", "estimated_hours": 2.0}),
        (manager, {"assignee_id": None}, {"assignee_id": member.pk}),
        (member, {"status": "todo"}, {"status": "in_progress"}),
        (manager, {"assignee_id": member.pk, "status": "in_progress"}, {"assignee_id": None, "status": "todo"}),
        (manager, {"assignee_id": None}, {"assignee_id": manager.pk}),
        (manager, {"status": "todo"}, {"status": "done"}),
        (manager, {"status": "done"}, {"status": "todo"}),
    ]
    assert (lines[0].verb, lines[0].before) == ("created", {})
    assert (lines[0].after["title"], lines[0].after["required_skills"]) == ("Call", {"Greek": 3})


def test_what_a_leaver_passes_on_is_told_row_by_row(manager: User) -> None:
    leaver = builders.make_user(team=manager.team)
    builders.make_rule(leaver)
    builders.make_task(leaver)
    builders.make_sequence(leaver)
    builders.make_campaign(leaver)
    Change.objects.all().delete()
    deactivation.deactivate(leaver, by=manager, now=NOW)
    assert told() == [
        ("member", "deactivated", manager),
        ("task", "changed", manager),
        ("rule", "changed", manager),
        ("sequence", "changed", manager),
        ("campaign", "changed", manager),
    ]
    line = Change.objects.get(kind="campaign")
    assert (line.before, line.after) == ({"owner_id": leaver.pk}, {"owner_id": manager.pk})


def test_programmes_changed_by_name_tell_who(manager: User) -> None:
    sequence = builders.make_sequence(manager)
    campaign = builders.make_campaign(manager)
    Change.objects.all().delete()
    sequences.update(sequence, by=manager, now=NOW, steps=sequence.steps[:1])
    campaigns.update(campaign, by=manager, now=NOW, rows=[{"name": "Write", "delay_days": 2}])
    of_sequence, of_campaign = Change.objects.order_by("pk")
    assert [len(facts["steps"]) for facts in (of_sequence.before, of_sequence.after)] == [3, 1]
    assert [step["name"] for step in of_campaign.before["steps"]] == ["Call {{contact_name}}"]
    assert [(step["name"], step["delay_days"]) for step in of_campaign.after["steps"]] == [("Write", 2.0)]
    assert {of_sequence.actor, of_campaign.actor} == {manager}


def test_a_row_read_long_ago_tells_what_the_database_had(manager: User) -> None:
    sequence = builders.make_sequence(manager, name="First")
    stale = type(sequence).objects.get(pk=sequence.pk)
    sequences.update(sequence, now=NOW, name="Second")
    sequences.update(stale, now=NOW, name="Third")
    assert Change.objects.latest("pk").before == {"name": "Second"}


def test_what_fails_leaves_no_line(manager: User) -> None:
    rule = builders.make_rule(manager)
    with pytest.raises(rules.BadRule):
        rules.update(rule, by=manager, task_title_template="{% nonsense")
    with pytest.raises(rules.BadRule):
        rules.create(manager, by=manager, name="x", trigger_type="nothing", task_title_template="x")
    assert not activation.deactivate(builders.make_rule(manager, is_active=False), by=manager, now=NOW)
    assert not told()


@pytest.mark.django_db(transaction=True)
def test_of_several_who_change_a_rule_at_once_each_tells_what_it_was_before() -> None:
    manager = builders.make_manager()
    rule = builders.make_rule(manager, burst=0)

    def change(burst: int) -> None:
        try:
            rules.update(TaskAutomationRule.objects.get(pk=rule.pk), by=manager, now=timezone.now(), burst=burst)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=change, args=(n,)) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = {line.before["burst"]: line.after["burst"] for line in Change.objects.filter(kind="rule")}
    walked, at = [], 0
    while at in steps:
        at = steps[at]
        walked.append(at)
    assert sorted(walked) == [1, 2, 3, 4, 5]


@pytest.mark.django_db(transaction=True)
def test_changing_a_rule_waits_for_no_firing_of_it() -> None:
    """The firing refers to the rule, and counts in it next: each would wait for the other."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    rule = builders.make_rule(builders.make_manager())
    refused: list[Exception] = []

    def change() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '5s'")
            rules.update(TaskAutomationRule.objects.get(pk=rule.pk), now=timezone.now(), burst=7)
        except OperationalError as error:
            refused.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        builders.make_firing(rule)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        thread = threading.Thread(target=change)
        thread.start()
        thread.join()
    assert not refused
    rule.refresh_from_db()
    assert rule.burst == 7
