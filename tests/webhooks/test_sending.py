"""Webhooks through a real server: signed, tried again until they are taken, once for each that wants them."""

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import time_machine

from automation import cancelling, tasks
from domain import backoff
from jobs import queue
from jobs.models import Job
from notifications.models import Notification
from people.models import Change, User
from tests import builders
from tests.builders import NOW
from tests.webhooks.conftest import HANG_UP, Receiver, listen, serving, work
from webhooks import calling, endpoints, housekeeping, recording, sending
from webhooks.models import Dispatch, Endpoint, Event
from work import lifecycle

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def task(manager: User, endpoint: Endpoint) -> Any:
    return builders.make_task(manager, title="Call “Bo”", estimated_hours=2, due_date=NOW + DAY)


def complete(task: Any, manager: User) -> Dispatch:
    lifecycle.complete(task, by=manager, now=NOW)
    return Dispatch.objects.get(event__kind="task.completed")


def test_the_receiver_of_the_documents_takes_it_and_nobody_elses(
    task: Any, manager: User, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md").read_text()
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    names["Receiver"].log_message = lambda *_: None
    with serving(names["Receiver"]) as host:
        settings.PRIVATE_HOSTS = [host]
        good, names["SECRET"] = endpoints.create(
            manager.team, url=f"http://{host}/", kinds=["task.completed"], by=manager, now=NOW
        )
        other, _ = endpoints.create(manager.team, url=f"http://{host}/", kinds=["task.completed"], by=manager, now=NOW)
        Endpoint.objects.exclude(pk__in=[good.pk, other.pk]).delete()
        lifecycle.complete(task, by=manager, now=NOW)
        work(NOW)
        sending.resend(good.dispatches.get(), now=NOW)
        work(NOW)
    assert (good.dispatches.get().status, other.dispatches.get().status) == (204, 401)
    assert capsys.readouterr().out == f"task.completed /tasks/{task.pk}\n", "and once"


def test_a_completed_task_is_told_once_with_all_that_the_api_shows(
    task: Any, manager: User, receiver: Receiver
) -> None:
    row = complete(task, manager)
    for _ in range(2):
        work(NOW)
    row.refresh_from_db()
    assert (row.state, row.tries, row.status, row.sent_at) == (Dispatch.SENT, 1, 204, NOW)
    (message,) = receiver.messages
    assert message.id == str(row.event_id)
    assert message.good_for == receiver.secrets
    told = message.payload
    assert (told["type"], told["timestamp"]) == ("task.completed", "2026-06-17T10:00:00Z")
    data = told["data"]
    assert (data["id"], data["path"]) == (task.pk, f"/tasks/{task.pk}")
    assert data["actor_id"] == data["user_id"] == manager.pk
    assert (data["task"]["title"], data["task"]["status"]) == ("Call “Bo”", "done")
    args = Job.objects.get(name="automation.tasks.send_webhook").args
    assert args == [str(row.pk), 1], "ids only"


@pytest.mark.parametrize(
    ("answer", "status"),
    [(HANG_UP, None), (500, 500), (404, 404), ((302, {"Location": "http://127.0.0.1:1/"}, b""), 302), (429, 429)],
)
def test_what_is_not_taken_comes_again_under_the_same_id_and_in_the_same_bytes(
    task: Any, manager: User, receiver: Receiver, answer: Any, status: int | None
) -> None:
    receiver.answers = [answer]
    row = complete(task, manager)
    work(NOW)
    row.refresh_from_db()
    assert (row.state, row.status, row.tries) == (Dispatch.QUEUED, status, 1)
    assert NOW + timedelta(seconds=5) <= row.next_try_at <= NOW + timedelta(seconds=6)
    assert Endpoint.objects.get().failing_since == NOW
    work(NOW + 3 * HOUR)
    row.refresh_from_db()
    assert (row.state, row.tries) == (Dispatch.SENT, 2)
    first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)
    assert second.good_for == receiver.secrets, "signed anew, as of its own time"
    assert Endpoint.objects.get().failing_since is None


def test_the_schedule_goes_over_days_then_it_has_failed(task: Any, manager: User, receiver: Receiver) -> None:
    receiver.answers = [(503, {}, b"<h1>Down\x00 for\nrepairs</h1>")] * 20
    row = complete(task, manager)
    at, seen = NOW, [NOW]
    while row.state == Dispatch.QUEUED:
        work(at)
        row.refresh_from_db()
        at = row.next_try_at or at
        seen.append(at)
    waits = [later - earlier for earlier, later in pairwise(seen)][: len(backoff.WAITS)]
    assert all(least <= wait <= 1.1 * least for least, wait in zip(backoff.WAITS, waits, strict=True))
    assert (row.state, row.tries, len(receiver.messages)) == (Dispatch.FAILED, 11, 11)
    assert row.answer == "<h1>Down for repairs</h1>"
    assert not Notification.objects.filter(kind=Notification.WEBHOOK).exists(), (
        "the endpoint fails for three days, not yet for five"
    )
    assert not Job.objects.filter(state=Job.DEAD).exists()


def test_what_the_receiver_asks_for_makes_a_wait_longer_within_bounds(
    task: Any, manager: User, receiver: Receiver
) -> None:
    far = "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"
    asked = ["3600", "Wed, 17 Jun 2026 14:00:00 GMT", "99999999999", "soon", "-5", far]
    receiver.answers = [(429, {"Retry-After": word}, b"") for word in asked]
    row, waits, at = complete(task, manager), [], NOW
    for _ in asked:
        work(at)
        row.refresh_from_db()
        waits.append(row.next_try_at - at)
        at = row.next_try_at
    assert waits[0] == HOUR
    assert waits[1] == timedelta(hours=3)
    assert waits[2] == 24 * HOUR
    assert waits[3] <= 1.1 * backoff.WAITS[3]
    assert waits[4] <= 1.1 * backoff.WAITS[4]
    assert waits[5] <= 1.1 * backoff.WAITS[5], "a zone that no clock holds says nothing"


def test_a_process_killed_between_send_and_mark_sends_again_under_the_same_id(
    task: Any, manager: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = calling.call

    def killed(*args: Any, **options: Any) -> Any:
        real(*args, **options)
        raise KeyboardInterrupt

    row = complete(task, manager)
    monkeypatch.setattr(calling, "call", killed)
    with pytest.raises(KeyboardInterrupt):
        work(NOW)
    monkeypatch.undo()
    row.refresh_from_db()
    assert (row.state, row.tries) == (Dispatch.SENDING, 1)
    with pytest.raises(sending.CannotResend):
        sending.resend(row, now=NOW)
    work(NOW + timedelta(minutes=1))
    assert len(receiver.messages) == 1, "its lease still runs"
    work(NOW + timedelta(minutes=6))
    row.refresh_from_db()
    assert (row.state, row.tries) == (Dispatch.SENT, 2)
    first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)
    assert sending.send(row.pk, row.turn, now=NOW)["skipped"], "its job again does nothing"


def test_a_job_that_dies_of_our_own_fault_leaves_it_failed(
    task: Any, manager: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = complete(task, manager)

    def broken(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("no bytes left")

    monkeypatch.setattr(calling, "call", broken)
    at = NOW
    for wait in (0, 60, 120, 240):
        at += timedelta(seconds=wait)
        work(at)
    row.refresh_from_db()
    assert row.state == Dispatch.FAILED
    assert "no bytes left" in row.answer
    monkeypatch.undo()
    sending.resend(row, now=at)
    work(at)
    row.refresh_from_db()
    assert row.state == Dispatch.SENT


def test_a_cancelled_one_is_no_failed_try_and_is_sent_when_it_is_put_back(
    task: Any, manager: User, receiver: Receiver, endpoint: Endpoint
) -> None:
    row = complete(task, manager)
    job = Job.objects.get(name=recording.SEND_JOB, args__0=str(row.pk))
    assert cancelling.cancel(job, by=manager, now=NOW)
    row.refresh_from_db()
    endpoint.refresh_from_db()
    assert (row.state, row.tries, row.answer) == (Dispatch.FAILED, 0, queue.CANCELLED)
    assert endpoint.failing_since is None, "nobody asked it"
    assert cancelling.put_back(job, by=manager, now=NOW)
    work(NOW)
    row.refresh_from_db()
    assert (row.state, row.tries, len(receiver.messages)) == (Dispatch.SENT, 1, 1)


def test_a_cancelled_one_that_was_sent_again_meanwhile_is_not_sent_twice(
    task: Any, manager: User, receiver: Receiver
) -> None:
    row = complete(task, manager)
    job = Job.objects.get(name=recording.SEND_JOB, args__0=str(row.pk))
    cancelling.cancel(job, by=manager, now=NOW)
    row.refresh_from_db()
    sending.resend(row, now=NOW)
    cancelling.put_back(job, by=manager, now=NOW)
    work(NOW)
    row.refresh_from_db()
    assert (row.state, len(receiver.messages)) == (Dispatch.SENT, 1)


def test_410_switches_it_off_and_the_managers_are_told(task: Any, manager: User, receiver: Receiver) -> None:
    colleague, member = (builders.make_user(team=manager.team, role=role) for role in (User.MANAGER, User.MEMBER))
    receiver.answers = [410]
    builders.make_task(manager)
    row = complete(task, manager)
    later = NOW + timedelta(seconds=1)  # what is due at one instant goes in any order
    other = lifecycle.create(manager.team, title="Another", now=later)
    work(later)
    row.refresh_from_db()
    endpoint = Endpoint.objects.get()
    assert (row.state, row.status, endpoint.is_active) == (Dispatch.FAILED, 410, False)
    assert "410" in endpoint.off_reason
    waiting = Dispatch.objects.get(event__subject_id=other.pk, event__kind="task.created")
    assert (waiting.state, waiting.answer) == (Dispatch.FAILED, sending.SWITCHED_OFF)
    told = Notification.objects.filter(kind=Notification.WEBHOOK)
    assert {notice.user for notice in told} == {manager, colleague}
    assert told[0].path == f"/settings/webhooks/{endpoint.pk}"
    assert not Notification.objects.filter(user=member, kind=Notification.WEBHOOK).exists()
    line = Change.objects.get(kind="webhook", verb="paused")
    assert (line.actor, line.after["is_active"]) == (None, False)
    lifecycle.create(manager.team, title="Nobody hears of it", now=NOW)
    assert not Event.objects.filter(data__task__title="Nobody hears of it").exists()
    endpoints.change(endpoint, by=manager, now=NOW, is_active=True)
    sending.resend(row, now=NOW)
    work(NOW)
    row.refresh_from_db()
    assert row.state == Dispatch.SENT


def test_an_endpoint_that_takes_nothing_for_five_days_is_switched_off(manager: User, receiver: Receiver) -> None:
    endpoint = listen(receiver, manager)
    receiver.answers = [500] * 30
    for day in range(7):
        lifecycle.create(manager.team, title="Call", now=NOW + day * DAY)
        work(NOW + day * DAY)
        endpoint.refresh_from_db()
        assert endpoint.is_active == (day < 5)
    assert "five days" in endpoint.off_reason
    assert Notification.objects.filter(kind=Notification.WEBHOOK, user=manager).count() == 1


def test_one_that_does_not_answer_is_not_asked_for_each_event_that_waits(
    manager: User, receiver: Receiver, settings: Any
) -> None:
    listen(receiver, manager)
    settings.PRIVATE_HOSTS = [receiver.host, "127.0.0.1:9"]
    silent, _ = endpoints.create(manager.team, url="http://127.0.0.1:9/", kinds=["task.created"], by=manager, now=NOW)
    for title in ("one", "two", "three"):
        lifecycle.create(manager.team, title=title, now=NOW)
    work(NOW)
    answers = list(silent.dispatches.values_list("answer", flat=True))
    assert answers.count(sending.RESTS) == 2, answers
    assert len(receiver.messages) == 3, "the other one waits for nobody"
    work(NOW + timedelta(seconds=10))
    assert set(silent.dispatches.values_list("answer", "tries")) == {(sending.RESTS, 2)}
    work(NOW + timedelta(seconds=80))
    assert sorted(silent.dispatches.values_list("tries", flat=True)) == [3, 3, 3]


def test_one_that_refuses_slowly_rests_as_well(
    manager: User, receiver: Receiver, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(calling.time, "monotonic", lambda: next(clock))
    receiver.answers = [500] * 10
    for title in ("one", "two", "three"):
        lifecycle.create(manager.team, title=title, now=NOW)
    work(NOW)
    assert len(receiver.messages) == 1


def test_whoever_asks_for_a_try_gets_one_however_silent_it_was(
    manager: User, receiver: Receiver, endpoint: Endpoint
) -> None:
    receiver.answers = [HANG_UP]
    lifecycle.create(manager.team, title="one", now=NOW)
    work(NOW)
    row = endpoint.dispatches.get()
    endpoint.refresh_from_db()
    sending.resend(row, now=NOW)
    endpoints.test(endpoint, by=manager, now=NOW)
    work(NOW)
    assert set(endpoint.dispatches.values_list("state", flat=True)) == {Dispatch.SENT}


def test_one_that_answers_slowly_gets_a_share_of_the_time_and_loses_no_try(
    manager: User, receiver: Receiver, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(calling.time, "monotonic", lambda: next(clock))
    for number in range(20):
        lifecycle.create(manager.team, title=str(number), now=NOW)
    work(NOW)
    assert len(receiver.messages) == 1
    first = Job.objects.filter(name="automation.tasks.send_webhook").count()
    for seconds in range(10, 1_500, 10):
        work(NOW + timedelta(seconds=seconds))
        assert len(receiver.messages) <= 2 + seconds / 40
    assert set(endpoint.dispatches.values_list("state", "tries")) == {(Dispatch.SENT, 1)}
    assert Job.objects.filter(name="automation.tasks.send_webhook").count() < 5 * first, "each is put off a few times"


def test_during_a_rotation_both_secrets_prove_it_and_only_the_new_one_after(
    manager: User, receiver: Receiver, endpoint: Endpoint
) -> None:
    old = receiver.secrets[0]
    new = endpoints.rotate(endpoint, by=manager, now=NOW)
    receiver.secrets.append(new)
    for at in (NOW, NOW + 23 * HOUR, NOW + 25 * HOUR):
        endpoints.test(endpoint, by=manager, now=at)
        work(at)
    assert [message.good_for for message in receiver.messages] == [[old, new], [old, new], [new]]


def test_a_ping_is_tried_once_also_while_it_is_off(manager: User, receiver: Receiver, endpoint: Endpoint) -> None:
    endpoints.change(endpoint, by=manager, now=NOW, is_active=False)
    receiver.answers = [500]
    row = endpoints.test(endpoint, by=manager, now=NOW)
    work(NOW)
    row.refresh_from_db()
    assert (row.state, row.status, receiver.types) == (Dispatch.FAILED, 500, ["ping"])
    assert Endpoint.objects.get().failing_since is None


def test_an_address_that_turned_private_is_not_called(
    task: Any, manager: User, receiver: Receiver, settings: Any
) -> None:
    row = complete(task, manager)
    settings.PRIVATE_HOSTS = []
    work(NOW)
    row.refresh_from_db()
    assert row.state == Dispatch.QUEUED
    assert "https" in row.answer
    assert receiver.messages == []


def test_a_secret_that_cannot_be_read_is_said(task: Any, manager: User, receiver: Receiver, settings: Any) -> None:
    row = complete(task, manager)
    settings.SECRET_KEY = "another"
    work(NOW)
    row.refresh_from_db()
    assert "another NEXTMOVE_SECRET_KEY" in row.answer
    assert receiver.messages == []


def test_what_was_told_long_ago_is_forgotten(task: Any, manager: User, receiver: Receiver) -> None:
    complete(task, manager)
    assert housekeeping.prune(now=NOW + 30 * DAY) == 0
    with time_machine.travel(NOW + 31 * DAY, tick=False):
        assert tasks.cleanup_old_assignments()["webhooks"] == 1
    assert not Dispatch.objects.exists()


def test_with_an_endpoint_its_log_goes_and_what_others_were_told_stays(manager: User, receiver: Receiver) -> None:
    one, other = listen(receiver, manager), listen(receiver, manager, "task.completed")
    task = builders.make_task(manager)
    lifecycle.complete(task, by=manager, now=NOW)
    lifecycle.create(manager.team, title="Call", now=NOW)
    assert (Event.objects.count(), Dispatch.objects.count()) == (2, 3)
    endpoints.delete(one, by=manager, now=NOW)
    assert list(Dispatch.objects.values_list("endpoint", "event__kind")) == [(other.pk, "task.completed")]
    assert Event.objects.count() == 1


@pytest.mark.parametrize("url", ["http://example.org/", "https://10.0.0.1/", "https://x/" + "y" * 500, "nonsense"])
def test_what_must_not_be_called_cannot_be_saved(manager: User, url: str) -> None:
    with pytest.raises(endpoints.BadEndpoint) as refused:
        endpoints.create(manager.team, url=url, kinds=["task.created"], by=manager, now=NOW)
    assert refused.value.field == "url"


def test_the_body_is_the_same_whatever_order_the_database_keeps(manager: User) -> None:
    data = {"b": [{"y": 1.50, "x": "ü"}], "a": None}
    event = Event(kind="ping", at=NOW, data=data)
    shuffled = Event(kind="ping", at=NOW, data=dict(reversed(data.items())))
    assert calling.body_of(event) == calling.body_of(shuffled)
    assert json.loads(calling.body_of(event)) == {"type": "ping", "timestamp": "2026-06-17T10:00:00Z", "data": data}
