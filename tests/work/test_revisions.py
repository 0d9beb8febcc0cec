"""Tasks edited by the hundred are edited as one by one, and cost no more the more they are."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from people.models import Change
from tests import builders
from tests.builders import NOW
from work import lifecycle, revisions
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = timedelta(days=1)
EDITS: list[dict[str, Any]] = [
    {"title": "Call", "notes": "Soon"},
    {"due_date": NOW + 3 * DAY},
    {"due_date": NOW + 3 * DAY, "reminder_offset_hours": Decimal(2)},
    {"reminder_offset_hours": Decimal(1), "estimated_hours": Decimal("1.5"), "priority": "urgent"},
    {"description": "x" * 3_000},
    {"title": "as it was"},
]


def left(pks: list[int]) -> list[Any]:
    rows = [
        {**Task.objects.values().get(pk=pk), "id": 0}
        | {"told": list(Change.objects.filter(subject_id=str(pk)).values())}
        for pk in pks
    ]
    for row in rows:
        row["told"] = [{**line, "id": 0, "subject_id": ""} for line in row["told"]]
    return rows


def test_many_at_one_go_are_as_one_by_one() -> None:
    manager = builders.make_manager()
    other = builders.make_user(team=manager.team)
    edits = [*EDITS, {"owner": other}]
    ways = []
    for together in (False, True):
        made = [
            builders.make_task(
                manager,
                title="as it was",
                created_at=NOW,
                due_date=NOW + DAY,
                reminder_offset_hours=Decimal(24),
                reminded_at=NOW,
                due_wall="2026-01-01T09:00",
                due_zone="Europe/Berlin",
            )
            for _ in edits
        ]
        pks = [task.pk for task in made]
        with transaction.atomic():
            if together:
                assert revisions.edit_all(dict(zip(pks, edits, strict=True)), by=manager, now=NOW) == set(pks)
            else:
                for task, fields in zip(made, edits, strict=True):
                    lifecycle.edit(task, by=manager, now=NOW, **fields)
        ways.append(left(pks))
    assert ways[0] == ways[1]
    assert [len(row["told"]) for row in ways[1]] == [1, 1, 1, 1, 1, 0, 1]


def test_more_of_them_cost_no_more_statements_and_finished_ones_are_left() -> None:
    manager = builders.make_manager()
    done = builders.make_done_task(manager)
    counted = []
    for number in (2, 40):
        tasks = [builders.make_task(manager) for _ in range(number)]
        wanted = {task.pk: {"priority": "high", "due_date": NOW} for task in tasks}
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            there = revisions.edit_all(wanted | {done.pk: {"title": "No"}, 0: {"title": "No"}}, by=manager, now=NOW)
        assert there == set(wanted)
        counted.append(len(captured))
    assert counted[0] == counted[1]
    assert not Task.objects.filter(title="No").exists()


def test_what_has_to_be_looked_at_one_by_one_is_refused() -> None:
    with pytest.raises(TypeError, match="contact"):
        revisions.edit_all({1: {"contact": None}}, by=builders.make_manager(), now=NOW)
