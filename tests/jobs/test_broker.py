"""With a broker: the message rings, the row decides, and a dead broker costs nothing but the bell."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from jobs import bell, broker, hooks, queue, relay
from jobs.models import Job
from tests.jobs.conftest import Gateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead_broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(broker, "_closed_until", 0.0)
    monkeypatch.setattr(broker, "_postbox", None)  # a new thread, which knows no connection yet
    monkeypatch.setattr(broker._local, "kept", None, raising=False)


def enqueue() -> Job:
    with transaction.atomic():
        queue.enqueue(queue.Request("tests.work", [1], key="k"), now=timezone.now())
    broker.flush()
    return Job.objects.get()


def test_a_dead_broker_stops_nobody_and_is_asked_once(
    dead_broker: None, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = enqueue()
    assert job.state == Job.PENDING
    assert not broker.answers()
    monkeypatch.setattr(broker, "_closed_until", 0.0)
    asked = []
    connect = broker._connect
    monkeypatch.setattr(broker, "_connect", lambda: asked.append(1) or connect())
    assert not any(queue.publish(job) for _ in range(100))
    assert len(asked) == 1, "after one refusal nobody asks for a while"


def test_what_the_broker_did_not_take_is_due_at_once(dead_broker: None, gateway: Gateway) -> None:
    """For a runner that stands in, or the relay when the broker is back."""
    job = enqueue()
    assert Job.objects.due(timezone.now()).get() == job


@pytest.fixture
def live_broker(settings: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery import current_app

    settings.BROKER_URL = redis_url
    monkeypatch.setattr(broker, "_closed_until", 0.0)
    monkeypatch.setattr(broker, "_postbox", None)  # a new thread, which knows no connection yet
    monkeypatch.setattr(broker._local, "kept", None, raising=False)
    monkeypatch.setitem(current_app.conf, "broker_transport_options", {"global_keyprefix": settings.BROKER_KEY_PREFIX})
    drain_queue()


def drain_queue() -> list[str]:
    """Takes the waiting messages; their task ids."""
    from celery import current_app

    found = []
    with broker._connect() as connection:
        waiting = connection.SimpleQueue(current_app.conf.task_default_queue)
        while True:
            try:
                message = waiting.get(block=False)
            except waiting.Empty:
                return found
            message.ack()
            found.append(message.headers["id"])


@pytest.mark.broker
def test_a_message_is_the_tasks_real_name_under_the_rows_id(live_broker: None, gateway: Gateway) -> None:
    job = enqueue()
    assert job.send_at == job.run_at + queue.GRACE, "the relay waits for the message"
    assert broker.backlog() == 1
    assert drain_queue() == [str(job.pk)]
    assert broker.backlog() == 0


@pytest.mark.broker
def test_the_relay_repeats_what_was_lost_while_the_queue_is_short(live_broker: None, gateway: Gateway) -> None:
    job = enqueue()
    drain_queue()
    later = timezone.now() + queue.GRACE + timedelta(seconds=1)
    assert relay.relay(now=later) == 1
    assert drain_queue() == [str(job.pk)]
    assert relay.relay(now=later) == 0, "published again just now"
    assert Job.objects.get().sends == 1
    for _ in range(3):
        bell.ring(1)
    broker.flush()
    assert relay.relay(now=later + queue.GRACE, limit=3) == 0, "queued behind others is not lost"
    assert len(drain_queue()) == 3


@pytest.mark.broker
def test_a_bell_makes_no_row(live_broker: None) -> None:
    bell.ring(1)
    broker.flush()
    assert len(drain_queue()) == 1
    assert not Job.objects.exists()


@pytest.mark.broker
def test_bells_do_not_pile_up_while_nobody_answers(live_broker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "LIMIT", 3)
    drain = hooks.Drain("automation.tasks.drain_team", lambda now: [1, 2], every_seconds=1)
    rung = [relay.ring_for_waiting(drain, now=timezone.now()) for _ in range(4)]
    assert (rung, broker.backlog()) == ([2, 2, 0, 0], 4)
    drain_queue()
    assert relay.ring_for_waiting(drain, now=timezone.now()) == 2
