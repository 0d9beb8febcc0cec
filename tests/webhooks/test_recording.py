"""What is announced: each fact once, in the transaction of its cause, as the API shows it, and only to who wants it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assignment import dispatch
from automation import activation, bulk, engine, readiness, recurring, rules
from automation.models import TaskAutomationRule
from crm import consent, contacts, erase, merge
from crm.models import Activity, Contact
from jobs import announcing
from jobs.models import Job
from people.models import User
from tests import builders
from tests.api.conftest import Caller
from tests.builders import NOW
from tests.processes import until
from tests.webhooks.conftest import Receiver, listen
from webhooks import endpoints
from webhooks.models import Dispatch, Endpoint, Event
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def told() -> list[str]:
    return list(Event.objects.order_by("key").values_list("kind", flat=True))


def changes() -> list[tuple[str, list[str]]]:
    rows = Event.objects.filter(kind="contact.changed").order_by("created_at", "key")
    return [(row.data["action"], row.data["changed"]) for row in rows]


def clicks(owner: User, count: int) -> None:
    for _ in range(count):
        builders.make_activity(builders.make_contact(owner), activity_type=Activity.EMAIL_CLICKED)


def test_the_life_of_a_task_is_told_step_by_step(manager: User, endpoint: Endpoint) -> None:
    task = lifecycle.create(manager.team, title="Call", by=manager, now=NOW)
    dispatch.assign(task, manager, by=manager, now=NOW + timedelta(minutes=1), method="manual")
    lifecycle.unassign(task, by=manager, now=NOW + timedelta(minutes=2))
    task.refresh_from_db()
    lifecycle.complete(task, by=manager, now=NOW + timedelta(minutes=3))
    lifecycle.set_status(task, "todo", by=manager, now=NOW + timedelta(minutes=4))
    events = list(Event.objects.order_by("at", "kind"))
    assert [event.kind for event in events] == [
        *("task.created", "task.assigned", "task.assigned"),
        *("task.assigned", "task.completed", "task.assigned"),
    ]
    made, given, left, taken, done, again = events
    assert (again.data["user_id"], again.data["method"]) == (manager.pk, "reopened")
    assert (again.data["task"]["status"], again.data["actor_id"]) == ("todo", manager.pk)
    assert made.data["task"]["assignee_id"] is None
    assert (given.data["user_id"], given.data["task"]["assignee_id"]) == (manager.pk, manager.pk)
    assert (left.data["user_id"], left.data["method"], left.data["task"]["assignee_id"]) == (None, "unassigned", None)
    assert (taken.data["method"], done.data["task"]["status"]) == ("completed", "done")
    assert [event.at for event in events][2:5] == [NOW + timedelta(minutes=2), *[NOW + timedelta(minutes=3)] * 2]


@pytest.mark.parametrize("subject", ["task", "contact", "rule"])
def test_it_is_told_as_the_api_answers_it(manager: User, endpoint: Endpoint, subject: str) -> None:
    caller = Caller(manager)
    if subject == "task":
        body = {"title": "Call", "estimated_hours": 1.5, "due_date": "2026-07-01T09:00:00+02:00", "priority": "high"}
        path = f"/api/tasks/{caller.post('/api/tasks', body).json()['id']}"
    elif subject == "contact":
        body = {"name": "Ada", "email": "ada@example.com", "tags": ["vip"], "next_follow_up_at": "2026-07-01T09:00:00Z"}
        path = f"/api/contacts/{caller.post('/api/contacts', body).json()['id']}"
    else:
        rule = builders.make_rule(manager)
        path = f"/api/task-automation/rules/{rule.pk}/"
        assert caller("PATCH", path, {"is_active": False}).status_code == 200
    event = Event.objects.get(kind__in=("task.created", "contact.changed", "rule.paused"))
    answer, shape = caller.get(path).json(), event.data[subject]
    assert shape == {name: answer[name] for name in shape}
    assert len(shape) > 15
    assert event.data["id"] == shape["id"]
    assert event.data["actor_id"] == manager.pk


def test_nothing_is_written_for_a_team_that_listens_to_nothing_of_it(manager: User, receiver: Receiver) -> None:
    listen(receiver, builders.make_manager())
    off = listen(receiver, manager)
    endpoints.change(off, by=manager, now=NOW, is_active=False)
    listen(receiver, manager, "rule.paused")
    lifecycle.complete(builders.make_task(manager), by=manager, now=NOW)
    contacts.create(manager.team, owner=manager, name="Ada")
    assert not Event.objects.exists()
    assert not Job.objects.filter(name="automation.tasks.send_webhook").exists()


def test_to_listen_to_nothing_costs_one_query(manager: User, receiver: Receiver) -> None:
    def queries() -> int:
        task = builders.make_task(manager)
        with CaptureQueriesContext(connection) as seen:
            lifecycle.complete(task, by=manager, now=NOW)
        return len(seen)

    silent = queries()
    asked = list(announcing._listeners)
    announcing._listeners.clear()
    try:
        assert queries() == silent - 1
    finally:
        announcing._listeners.extend(asked)


def test_a_batch_of_the_engine_tells_each_task_once_in_few_statements_and_a_replay_nothing(
    manager: User, receiver: Receiver
) -> None:
    listen(receiver, manager, "task.created", "task.completed")
    listen(receiver, manager, "task.created")
    builders.make_rule(manager)

    def statements(count: int) -> int:
        clicks(manager, count)
        with CaptureQueriesContext(connection) as seen:
            assert engine.drain(manager.team_id, now=timezone.now())["fired"] == count
        return sum("webhooks_" in one["sql"] or "send_webhook" in one["sql"] for one in seen)

    few = statements(2)
    assert statements(20) == few == 4, "who wants it, the events, their dispatches, the jobs"
    assert (told(), Dispatch.objects.count()) == (["task.created"] * 22, 44)
    assert {event.subject_id for event in Event.objects.all()} == set(Task.objects.values_list("pk", flat=True))
    shape = Event.objects.first().data["task"]
    assert shape["rule_id"] == TaskAutomationRule.objects.get().pk
    assert shape["firing_id"]
    Activity.objects.filter(activity_type=Activity.EMAIL_CLICKED).update(processed_at=None)
    engine.drain(manager.team_id, now=timezone.now())
    assert Dispatch.objects.count() == 44


def test_what_failed_within_a_batch_is_not_told_and_the_rest_is(
    manager: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(receiver, manager, "task.created")
    builders.make_rule(manager)
    clicks(manager, 3)
    bad = Activity.objects.all()[1]
    real = engine.occurring.rushes.count

    def broken(ready: Any, made: Any, now: Any) -> Any:
        if made.activity_id == bad.pk:
            raise RuntimeError("after its task was made")
        return real(ready, made, now)

    finish = bulk.Batch.finish

    def fails(batch: bulk.Batch) -> None:
        finish(batch)
        raise RuntimeError("after all tasks were made: they are made anew, one by one")

    monkeypatch.setattr(bulk.Batch, "finish", fails)
    monkeypatch.setattr(engine.occurring.rushes, "count", broken)
    engine.drain(manager.team_id, now=timezone.now())
    assert Task.objects.count() == 2
    assert {event.subject_id for event in Event.objects.all()} == set(Task.objects.values_list("pk", flat=True))
    assert Event.objects.count() == 2


def test_what_is_rolled_back_was_never_told(manager: User, endpoint: Endpoint) -> None:
    def fail() -> None:
        with announcing.together(), transaction.atomic():
            lifecycle.create(manager.team, title="Call", now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with transaction.atomic(), announcing.together():
        with pytest.raises(RuntimeError):
            fail()
        assert not Event.objects.exists()
        kept = lifecycle.create(manager.team, title="Write", now=NOW)
        assert not Event.objects.exists(), "at the end of the batch"
    assert [event.subject_id for event in Event.objects.all()] == [kept.pk]
    with pytest.raises(RuntimeError), transaction.atomic():
        fail()
    assert Event.objects.count() == 1


def test_the_same_fact_again_is_told_no_second_time(manager: User, endpoint: Endpoint) -> None:
    task = builders.make_task(manager)
    fact = announcing.Fact("task.completed", "activity:1000000", manager.team_id, task.pk, NOW)
    for _ in range(2):
        announcing.announce(fact)
    with transaction.atomic(), announcing.together():
        announcing.announce(fact)
        announcing.announce(fact)
    assert (Event.objects.count(), Dispatch.objects.count()) == (1, 1)
    assert Job.objects.filter(name="automation.tasks.send_webhook").count() == 1


CHANGES: dict[str, tuple[Callable[[Contact, User], Any], list[tuple[str, list[str]]]]] = {
    "columns": (
        lambda contact, boss: contacts.update(contact, by=boss, now=NOW, name="Ada", status="active", tags=["vip"]),
        [("changed", ["name", "status", "tags"])],
    ),
    "nothing": (lambda contact, boss: contacts.update(contact, by=boss, now=NOW, name=contact.name), []),
    "opt out": (
        lambda contact, boss: [consent.opt_out(contact, "unsubscribed", now=NOW) for _ in range(2)],
        [("changed", ["unsubscribed_at"])],
    ),
    "opt in": (
        lambda contact, boss: [
            consent.set_do_not_contact(contact, True, by=boss, now=NOW),
            consent.opt_in(contact, by=boss, now=NOW + timedelta(hours=1), note="Asked for it"),
        ],
        [("changed", ["do_not_contact"])] * 2,
    ),
    "bounce": (
        lambda contact, boss: [
            builders.make_activity(
                contact, activity_type=Activity.EMAIL_BOUNCED, data={"permanent": True, "recipient": contact.email}
            ),
            engine.drain(contact.team_id, now=NOW),
        ],
        [("changed", ["bounced_at"])],
    ),
    "merge and part": (
        lambda contact, boss: merge.unmerge(
            merge.merge(contact, builders.make_contact(boss), by=boss, now=NOW), by=boss, now=NOW + timedelta(hours=1)
        ),
        [("merged", [])] * 2 + [("parted", [])] * 2,
    ),
    "erase": (lambda contact, boss: erase.erase(contact, by=boss, now=NOW), [("erased", [])]),
    "delete": (lambda contact, boss: contacts.delete(contact, by=boss, now=NOW), [("deleted", [])]),
    "series": (
        lambda contact, boss: recurring.schedule_recurring(contact, "weekly", {"title": "x"}, owner=boss, now=NOW),
        [("changed", ["contact_cadence"])],
    ),
    "by hand": (
        lambda contact, boss: [
            Contact.objects.filter(pk=contact.pk).update(status="lost", company="untold"),
            contacts.notice_changes_by_hand(now=NOW, team_id=contact.team_id),
        ],
        [("changed", ["status"])],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_contact_is_told_with_what_was_changed(name: str, manager: User, receiver: Receiver) -> None:
    contact = builders.make_contact(manager)
    listen(receiver, manager, "contact.changed")
    change, expected = CHANGES[name]
    change(contact, manager)
    assert changes() == expected
    assert all(event.data["contact"]["id"] == event.data["id"] for event in Event.objects.all())


def rush(rule: TaskAutomationRule, owner: User) -> None:
    TaskAutomationRule.objects.filter(pk=rule.pk).update(burst=3)
    clicks(owner, 5)
    engine.drain(owner.team_id, now=timezone.now())


def spoil(rule: TaskAutomationRule, owner: User) -> None:
    TaskAutomationRule.objects.filter(pk=rule.pk).update(task_title_template="{{")
    for _ in range(2):
        readiness.ready_rules(owner.team_id, NOW)


PAUSES: dict[str, tuple[Callable[[TaskAutomationRule, User], Any], str]] = {
    "update": (lambda rule, boss: rules.update(rule, by=boss, now=NOW, is_active=False), "by_hand"),
    "off": (lambda rule, boss: activation.deactivate(rule, by=boss, now=NOW), "by_hand"),
    "rush": (rush, "rush"),
    "invalid": (spoil, "invalid"),
}


@pytest.mark.parametrize("name", PAUSES)
def test_a_rule_that_stops_is_told_once_with_the_reason(name: str, manager: User, receiver: Receiver) -> None:
    rule = builders.make_rule(manager)
    listen(receiver, manager, "rule.paused")
    change, cause = PAUSES[name]
    change(rule, manager)
    event = Event.objects.get()
    assert (event.data["cause"], event.data["id"]) == (cause, rule.pk)
    assert event.data["reason"].endswith((".", "again", "}}")) or cause == "invalid"
    assert event.data["rule"]["is_active"] is (cause == "invalid")
    rules.update(TaskAutomationRule.objects.get(pk=rule.pk), by=manager, now=NOW, name="Other", task_title_template="x")
    assert Event.objects.count() == 1


def test_erasing_somebody_wipes_what_was_told_of_them(manager: User, receiver: Receiver, endpoint: Endpoint) -> None:
    contact = contacts.create(manager.team, owner=manager, name="Zelda Zq", email="zelda@zq.example", tags=["zqtag"])
    task = lifecycle.create(manager.team, title="Call Zelda Zq back", notes="zq", contact=contact, now=NOW)
    lifecycle.create(manager.team, title="Tell Bo what Zelda Zq said", now=NOW)
    Dispatch.objects.filter(event__subject_id=task.pk).update(answer="thanks for Zelda Zq")
    ids = set(Event.objects.values_list("pk", "kind", "subject_id"))
    erase.erase(contact, by=manager, now=NOW)
    kept = str(list(Event.objects.values_list("data", flat=True)) + list(Dispatch.objects.values_list("answer")))
    assert "zq" not in kept.lower()
    assert ids <= set(Event.objects.values_list("pk", "kind", "subject_id"))
    of_task = Event.objects.get(kind="task.created", subject_id=task.pk).data["task"]
    assert (of_task["title"], of_task["priority"], of_task["contact_id"]) == (
        f"Erased contact {contact.pk}",
        "medium",
        contact.pk,
    )


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees what it saw first
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone() is not None


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite whoever writes is alone")
def test_one_that_is_deleted_at_the_same_time_costs_nobody_their_change(manager: User, endpoint: Endpoint) -> None:
    def delete() -> None:
        try:
            endpoints.delete(endpoint, by=manager, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            task = lifecycle.create(manager.team, title="Call", now=NOW)
            deleting = pool.submit(delete)
            until(somebody_waits, why="the deletion did not wait")
        deleting.result(timeout=30)
    assert Task.objects.filter(pk=task.pk).exists()
    assert not Dispatch.objects.exists()
    assert not Event.objects.exists()
