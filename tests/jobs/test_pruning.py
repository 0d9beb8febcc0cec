"""What is old goes piece by piece: a statement never takes more than a piece, and what changed meanwhile stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from assignment import runs
from assignment.models import Decision, Run
from jobs import pruning, queue
from jobs.models import Job
from people import undo_notes
from people.models import UndoNote
from tests import builders
from webhooks import housekeeping
from webhooks.models import Event

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=365)


def jobs(state: str) -> None:
    times = {"run_at": LONG_AGO, "send_at": LONG_AGO, "created_at": LONG_AGO, "done_at": LONG_AGO}
    Job.objects.bulk_create(Job(key=f"{state}{n}", name="tests.work", state=state, **times) for n in range(5))


def decisions(given: bool) -> None:
    member = builders.make_user()
    run = Run.objects.create(
        team=member.team, created_at=LONG_AGO, state=Run.DONE, value=0, bound=0, passes=1, version=1
    )
    tasks = [builders.make_task(team=member.team) for _ in range(5)]
    Decision.objects.bulk_create(
        Decision(run=run, position=n, task=task, task_version=1, to_user=member if given else None)
        for n, task in enumerate(tasks)
    )


def notes() -> None:
    user = builders.make_user()
    UndoNote.objects.bulk_create(UndoNote(user=user, steps=[], made_at=LONG_AGO) for _ in range(5))


def told() -> None:
    team = builders.make_team()
    Event.objects.bulk_create(
        Event(id=uuid4(), team=team, key=f"{n}", subject_id=n, data={}, at=LONG_AGO, created_at=LONG_AGO)
        for n in range(5)
    )


@pytest.mark.parametrize(
    ("make", "prune", "model"),
    [
        (lambda: jobs(Job.DONE), queue.prune, Job),
        (lambda: jobs(Job.REVOKED), queue.prune, Job),
        (lambda: decisions(given=True), runs.prune, Decision),
        (lambda: decisions(given=False), runs.prune, Decision),
        (notes, undo_notes.prune, UndoNote),
        (told, housekeeping.prune, Event),
    ],
    ids=["done jobs", "cancelled jobs", "decisions", "decisions for nobody", "undo notes", "webhooks"],
)
def test_no_statement_takes_more_than_a_piece(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], None], prune: Callable[..., Any], model: type[Model]
) -> None:
    make()
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        prune(now=NOW)
    assert not model._default_manager.exists()
    table = connection.ops.quote_name(model._meta.db_table)
    pieces = [one["sql"] for one in asked if one["sql"].startswith(f"DELETE FROM {table}")]
    assert len(pieces) >= 3, pieces  # the rows that a run takes with it are asked for once more


def test_what_was_tried_again_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(Job.REVOKED)
    old = Job.objects.filter(state=Job.REVOKED)
    first = old.order_by("pk").first()
    assert first is not None
    listed = Job.objects.none().__class__.values_list

    def meanwhile(rows: Any, *names: str, **how: Any) -> Any:
        found = list(listed(rows, *names, **how))
        Job.objects.filter(pk=first.pk).update(state=Job.PENDING)
        return found

    monkeypatch.setattr(old.__class__, "values_list", meanwhile)
    assert pruning.prune(old) == 4
    assert Job.objects.get().pk == first.pk
