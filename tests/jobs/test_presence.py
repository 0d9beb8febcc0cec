"""Who works is seen: while it works, for a while when it is silent, and not after it has left."""

import threading
from datetime import timedelta

import pytest
from celery import signals

from jobs import presence
from jobs.models import Worker
from jobs.runner import Runner, lanes
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds since NOW, for both clocks."""
    seconds = [0.0]
    monkeypatch.setattr(presence.time, "monotonic", lambda: seconds[0])
    monkeypatch.setattr(presence.timezone, "now", lambda: NOW + timedelta(seconds=seconds[0]))
    return seconds


def test_one_row_a_worker_that_is_renewed_every_ten_seconds(clock: list[float], django_assert_num_queries) -> None:
    own = presence.Presence(Worker.RUNNER, "notices")
    for second in range(1, 26):
        clock[0] = float(second)
        own.show()
    (row,) = Worker.objects.all()
    assert (row.part, row.lane, row.started_at) == ("runner", "notices", NOW + timedelta(seconds=1))
    assert row.seen_at == NOW + timedelta(seconds=21)
    with django_assert_num_queries(0):
        own.show()
    own.leave()
    assert not Worker.objects.exists()


def test_one_that_was_killed_is_listed_for_a_while_and_then_forgotten(clock: list[float]) -> None:
    clock[0] = 1.0
    presence.Presence(Worker.CELERY).show()
    clock[0] += presence.KEEP.total_seconds() + 1
    presence.Presence(Worker.BEAT).show()
    assert [row.part for row in Worker.objects.all()] == ["beat"]


def test_a_database_that_is_away_does_not_stop_it(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise presence.DatabaseError

    clock[0] = 1.0
    monkeypatch.setattr(Worker.objects, "filter", away)
    own = presence.Presence(Worker.RUNNER)
    own.show()
    own.leave()
    monkeypatch.undo()
    assert not Worker.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_celery_worker_shows_itself_by_its_heart() -> None:
    assert {"presence"} <= {key[0] for key, _ in signals.heartbeat_sent.receivers}
    own = presence.OfCelery()
    own.show(sender=None)
    own.show(sender=None)
    assert [row.part for row in Worker.objects.all()] == ["celery"]
    own.leave(sender=None)
    assert not Worker.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_each_lane_of_the_runner_is_seen_and_leaves() -> None:
    stop, seen = threading.Event(), set()

    class Looking(Runner):
        def _round(self) -> int:
            seen.update(Worker.objects.values_list("lane", flat=True))
            if seen == {"", *lanes()}:
                self.stop.set()
            return 1

    Looking(stop).forever()
    assert seen == {"", *lanes()}
    assert not Worker.objects.exists()
