"""A job: once, whatever happens; three more tries, then dead and told."""

import threading
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from celery_app import celery_app
from jobs import queue, runner, running
from jobs.models import Job
from notifications.models import Notification
from tests import builders
from tests.jobs.conftest import Gateway, call, walk, work

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def job_of(name: str, key: str = "k") -> Job:
    queue.enqueue(queue.Request(name, [7], key=key), now=timezone.now())
    return Job.objects.get(key=key)


@pytest.mark.parametrize("name", ["tests.work", "tests.call"])
def test_it_runs_once_however_often_it_is_delivered(name: str, gateway: Gateway) -> None:
    job = job_of(name)
    task = celery_app.tasks[name]
    answers = [task.run_row(job.pk, job.args, job.kwargs) for _ in range(3)]
    assert answers[0] == {"number": 7}
    assert [answer.get("skipped") for answer in answers[1:]] == ["done, dead or not due"] * 2
    assert len(gateway.calls) == 1
    assert celery_app.AsyncResult(str(job.pk)).status == "SUCCESS"
    assert celery_app.AsyncResult(str(job.pk)).result == {"number": 7}


def test_the_same_key_is_one_job(gateway: Gateway) -> None:
    assert job_of("tests.work").pk == job_of("tests.work").pk == queue.job_id("k")
    assert Job.objects.count() == 1


@pytest.mark.parametrize("name", ["tests.work", "tests.call"])
def test_it_is_tried_again_after_60_120_240_seconds_then_dead_and_told(name: str, gateway: Gateway) -> None:
    manager = builders.make_manager()
    member = builders.make_user(team=manager.team)
    gateway.fails = True
    with time_machine.travel("2026-03-02 10:00:00+00:00", tick=False) as clock:
        queue.enqueue(queue.Request(name, [7], key="k", team_id=manager.team_id), now=timezone.now())
        waits = []
        for _ in range(3):
            runner.run_due()
            job = Job.objects.get()
            assert (job.state, job.status) == (Job.PENDING, "RETRY")
            waits.append((job.run_at - timezone.now()).total_seconds())
            clock.shift(waits[-1] - 1)
            assert runner.run_due() == 0, "not before its time"
            clock.shift(1)
        runner.run_due()
        job = Job.objects.get()
        clock.shift(timedelta(days=1))
        assert runner.run_due() == 0
    assert waits == [60, 120, 240]
    assert (job.state, job.status, job.retries) == (Job.DEAD, "FAILURE", 3)
    assert "no luck" in job.error
    assert len(gateway.calls) == 4
    told = Notification.objects.filter(kind=Notification.JOB_DEAD)
    assert [notice.user for notice in told] == [manager]
    assert not told.filter(user=member).exists()


def test_a_failure_takes_its_effects_back(gateway: Gateway) -> None:
    gateway.fails = True
    job = job_of("tests.work")
    with pytest.raises(RuntimeError):
        work.run_row(job.pk, job.args, job.kwargs)
    job.refresh_from_db()
    assert job.error == "RuntimeError('no luck')"


def test_a_dead_job_runs_again_on_request(gateway: Gateway) -> None:
    job = job_of("tests.work")
    Job.objects.update(state=Job.DEAD, retries=3)
    job.refresh_from_db()
    assert queue.retry(job, now=timezone.now())
    assert not queue.retry(job, now=timezone.now()), "only a dead one"
    runner.run_due()
    job.refresh_from_db()
    assert job.state == Job.DONE


def test_a_dead_job_runs_again_by_the_api_and_does_its_work_once(gateway: Gateway) -> None:
    manager = builders.make_manager()
    client = Client(headers={"Authorization": f"Bearer {builders.make_token(manager)}"})
    gateway.fails = True
    with time_machine.travel("2026-03-02 10:00:00+00:00", tick=False) as clock:
        queue.enqueue(queue.Request("tests.call", [7], key="k", team_id=manager.team_id), now=timezone.now())
        path = f"/automation/jobs/{queue.job_id('k')}"
        for wait in (0, 60, 120, 240):
            clock.shift(wait)
            assert client.post(f"{path}/retry").status_code == 409, "it is still tried"
            runner.run_due()
        assert client.get(f"{path}/status").json()["status"] == "FAILURE"
        gateway.fails = False
        assert client.post(f"{path}/retry").status_code == 202
        runner.run_due()
        again = client.get(f"{path}/status").json()
        assert (again["status"], again["result"]) == ("SUCCESS", {"number": 7})
        assert client.post(f"{path}/retry").status_code == 409
        assert runner.run_due() == 0
    assert len(gateway.calls) == 5


def test_a_job_that_kills_its_process_is_given_up_and_others_go_on(gateway: Gateway) -> None:
    """Its row shows a start without an end; after five of those it is taken for the cause."""
    poison = job_of("tests.work", "poison")
    job_of("tests.call", "other")
    for _ in range(running.MAX_CRASHES + 1):
        Job.objects.filter(pk=poison.pk, state=Job.PENDING).update(
            started_at=timezone.now(), send_at=timezone.now() - timedelta(seconds=1)
        )
        row = Job.objects.get(pk=poison.pk)
        if row.crashes + 1 < running.MAX_CRASHES:
            running._claim(row, timezone.now(), timedelta(0), external=False)
    runner.run_due()
    poison.refresh_from_db()
    assert poison.state == Job.DEAD
    assert "process ended" in poison.error
    assert gateway.calls == ["other"]


def test_a_late_caller_of_the_outside_cannot_mark_what_its_successor_did(gateway: Gateway) -> None:
    """The lease ran out while the first was sending: the second's attempt number fences the first off."""
    job = job_of("tests.call")
    first = Job.objects.get()
    assert running._claim(first, timezone.now(), timedelta(seconds=300), external=True)
    assert call.run_row(job.pk, job.args, job.kwargs) == {"skipped": "done, dead or not due"}, "leased"
    Job.objects.update(run_at=timezone.now())
    second = Job.objects.get()
    assert running._claim(second, timezone.now(), timedelta(seconds=300), external=True)
    assert not running._mine(first).update(state=Job.DEAD), "the second is at it now"
    assert running._mine(second).update(state=Job.DONE)


@pytest.mark.parametrize("grace", [runner.GRACE, queue.GRACE])
def test_what_works_in_steps_is_taken_up_soon_after_the_last_one(gateway: Gateway, grace: timedelta) -> None:
    job, due = job_of("tests.walk"), []
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:

        def slow() -> None:
            clock.shift(grace - timedelta(seconds=1))
            assert walk.run_row(job.pk, job.args, job.kwargs) == {"skipped": "done, dead or not due"}
            due.append(Job.objects.get().run_at - timezone.now())

        def killed() -> None:
            raise KeyboardInterrupt

        gateway.steps = [slow, slow, slow, killed]
        with pytest.raises(KeyboardInterrupt):
            walk.run_row(job.pk, job.args, job.kwargs, grace=grace)
        assert due == [timedelta(seconds=1)] * 3
        clock.shift(grace)
        gateway.steps = []
        assert walk.run_row(job.pk, job.args, job.kwargs) == {"number": 7}
    job.refresh_from_db()
    assert (job.state, job.crashes, len(gateway.calls)) == (Job.DONE, 1, 1)


def test_one_that_stood_still_for_too_long_leaves_the_rest_to_its_successor(gateway: Gateway) -> None:
    job = job_of("tests.walk")
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:

        def overtaken() -> None:
            clock.shift(queue.GRACE)
            gateway.steps = []
            assert walk.run_row(job.pk, job.args, job.kwargs) == {"number": 7}

        def never() -> None:
            raise AssertionError("it goes on though another has done it")

        gateway.steps = [overtaken, never]
        assert walk.run_row(job.pk, job.args, job.kwargs) == {"skipped": "taken by another"}
    assert len(gateway.calls) == 1


def test_steps_of_what_is_no_job_are_nobodys_business(gateway: Gateway) -> None:
    gateway.steps = [lambda: None]
    assert walk(1) == {"number": 1}


def test_a_message_sent_by_hand_gets_a_row_first(gateway: Gateway) -> None:
    message = uuid.uuid4()
    assert work.run_row(message, [3], {}) == {"number": 3}
    assert Job.objects.get(pk=message).state == Job.DONE


def test_delay_writes_a_row_and_a_direct_call_writes_none(gateway: Gateway) -> None:
    assert work(1) == {"number": 1}
    assert call(1) == {"number": 1}
    assert Job.objects.count() == 0
    result = work.delay(2)
    assert (result.status, celery_app.AsyncResult(result.id).status) == ("PENDING", "PENDING")
    runner.run_due()
    assert result.get(timeout=1) == {"number": 2}
    later = work.apply_async([3], countdown=60)
    assert runner.run_due() == 0
    assert later.status == "PENDING"
    with pytest.raises(TypeError, match="not supported"):
        work.apply_async([3], link=work.s(4))


def test_status_words() -> None:
    assert celery_app.AsyncResult("no-such-job").status == "PENDING"
    assert celery_app.AsyncResult(str(uuid.uuid4())).result is None
    now = timezone.now()
    cases = [
        ({"state": "pending"}, "PENDING"),
        ({"state": "pending", "started_at": now}, "STARTED"),
        ({"state": "pending", "retries": 1}, "RETRY"),
        ({"state": "done"}, "SUCCESS"),
        ({"state": "dead"}, "FAILURE"),
    ]
    for fields, word in cases:
        job = Job.objects.create(key=str(fields), name="x", run_at=now, send_at=now, created_at=now, **fields)
        assert celery_app.AsyncResult(str(job.pk)).status == word


def test_a_rolled_back_cause_has_no_job() -> None:
    with transaction.atomic():
        job_of("tests.work")
        transaction.set_rollback(True)
    assert Job.objects.count() == 0


def test_a_job_nobody_knows_waits_and_stops_nothing(gateway: Gateway) -> None:
    stranger = job_of("tests.from_another_release", "stranger")
    job_of("tests.work")
    runner.run_due()
    stranger.refresh_from_db()
    assert stranger.state == Job.PENDING
    assert gateway.calls == ["work 7"]


@pytest.mark.django_db(transaction=True)
def test_four_at_once_do_it_once(gateway: Gateway) -> None:
    """A Celery worker and the runner on the same table, both twice."""
    jobs = [job_of("tests.work", f"k{n}") for n in range(20)]
    start = threading.Barrier(4)

    def race() -> None:
        start.wait()
        for job in jobs:
            work.run_row(job.pk, job.args, job.kwargs)
        connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gateway.calls) == 20
    assert Job.objects.filter(state=Job.DONE).count() == 20
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_server_that_is_slow_holds_up_only_its_lane(gateway: Gateway) -> None:
    slow = job_of("tests.call_slowly", "slow")
    Job.objects.filter(pk=slow.pk).update(send_at=timezone.now() - timedelta(hours=1))
    job_of("tests.work")
    runner.Runner(gateway.stop).forever()
    slow.refresh_from_db()
    assert (slow.state, slow.result) == (Job.DONE, {"others_worked": True})
    assert Job.objects.get(key="k").state == Job.DONE
    connection.close()


def test_what_calls_the_addresses_that_people_give_and_what_computes_for_long_has_lanes() -> None:
    found = {lane: sorted(name.rpartition(".")[2] for name in names) for lane, names in runner.lanes().items()}
    assert {lane: names for lane, names in found.items() if lane != "tests"} == {
        "calendars": ["push_calendar", "read_busy_times"],
        "notices": ["send_delivery"],
        "plans": ["find_and_assign_tasks_for_available_users", "learn_from_outcomes", "replay_rule"],
        "webhooks": ["send_webhook"],
    }


def test_done_jobs_are_pruned_after_thirty_days(gateway: Gateway) -> None:
    with time_machine.travel("2026-01-01 00:00:00+00:00", tick=False):
        job_of("tests.work", "old")
        runner.run_due()
    with time_machine.travel("2026-02-01 00:00:00+00:00", tick=False):
        job_of("tests.work", "new")
        runner.run_due()
        assert queue.prune(now=timezone.now()) == 1
    assert [job.key for job in Job.objects.all()] == ["new"]
