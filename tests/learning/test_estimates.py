"""What tasks really take: beside the estimate, from finished ones of the workspace, the kind and the person."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from learning import estimates
from learning.models import EstimateFit, TeamLearning
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)


@pytest.fixture
def member() -> User:
    return builders.make_user()


def finished(member: User, count: int, *, kind: str = "rule:1", estimate: float | None = 2, actual: float = 3) -> None:
    Task.objects.bulk_create(
        Task(
            team=member.team,
            assignee=member,
            title="Done",
            kind=kind,
            status=Task.DONE,
            estimated_hours=estimate,
            actual_hours=actual,
            created_at=NOW - timedelta(days=100 - n),
            completed_at=NOW - timedelta(days=99 - n),
        )
        for n in range(count)
    )


def test_an_estimate_is_set_right_by_how_earlier_ones_went(member: User) -> None:
    task = builders.make_task(member, kind="rule:1", estimated_hours=4)
    before = estimates.of_task(task)
    assert before is not None
    assert (before.middle, before.corrects) == (4, False)
    finished(member, 80)
    assert estimates.fit(member.team, now=NOW) == 80
    after = estimates.of_task(task)
    assert after is not None
    assert after.corrects
    assert after.middle == pytest.approx(6, rel=0.01)
    assert after.low <= after.middle <= after.high < before.high
    assert [(one.level, one.n) for one in after.basis] == [
        ("workspace", 80), ("kind", 80), ("person", 80), ("person_kind", 80)
    ]  # fmt: skip
    task.refresh_from_db()
    assert task.estimated_hours == 4


def test_without_an_estimate_the_kind_tells(member: User) -> None:
    finished(member, 40, kind="rule:1", estimate=None, actual=1)
    finished(member, 40, kind="rule:2", estimate=None, actual=8)
    estimates.fit(member.team, now=NOW)
    short, long = (estimates.of_task(builders.make_task(member, kind=kind)) for kind in ("rule:1", "rule:2"))
    assert short is not None
    assert long is not None
    assert short.middle < 2 < 5 < long.middle
    assert short.estimate is None


def test_the_task_itself_tells_nothing_of_itself_and_other_teams_nothing(member: User) -> None:
    finished(builders.make_user(), 80)
    task = builders.make_task(member, kind="rule:1", estimated_hours=4)
    Task.objects.filter(pk=task.pk).update(status=Task.DONE, actual_hours=40, completed_at=NOW)
    found = estimates.of_task(Task.objects.get(pk=task.pk))
    assert found is not None
    assert {one.n for one in found.basis} == {0}


def test_who_changes_the_team_leaves_what_was_learned_there(member: User) -> None:
    finished(member, 80)
    member.team = builders.make_team()
    member.save()
    found = estimates.of_task(builders.make_task(member, kind="rule:1", estimated_hours=4))
    assert found is not None
    assert {one.n for one in found.basis} == {0}


def test_a_fit_takes_the_place_of_the_one_before_and_can_be_switched_off(member: User) -> None:
    finished(member, 30)
    for _ in range(2):
        estimates.fit(member.team, now=NOW)
    row = EstimateFit.objects.get()
    assert row.tasks == 30
    assert row.scale > 1, "what was foreseen before anything was known was too little"
    TeamLearning.objects.create(team=member.team, estimates=False)
    assert estimates.of_task(builders.make_task(member)) is None


def test_what_was_entered_when_it_was_done_already_had_no_estimate(member: User) -> None:
    """Of a task and of a fit alike: who writes both down afterwards knows the hours."""
    finished(member, 20, estimate=2, actual=2)
    Task.objects.filter(status=Task.DONE).update(completed_at=F("created_at"))
    finished(member, 12, estimate=2, actual=6)
    estimates.fit(member.team, now=NOW)
    found = estimates.of_task(builders.make_task(member, kind="rule:1", estimated_hours=2))
    assert found is not None
    assert found.basis[0].n == 12
    told = EstimateFit.objects.get().report
    assert told["workspace"]["n"] == 12
    without = estimates.of_task(builders.make_task(member, kind="rule:1", estimated_hours=None))
    assert without is not None
    assert without.basis[0].n == 32


def test_what_was_estimated_once_the_work_had_begun_had_no_estimate(member: User) -> None:
    """Also where it was changed then, or where nobody said when it began and it was over; what only was said again
    counts. Of a task and of a fit alike."""
    finished(member, 12, estimate=2, actual=6)
    known = {task.pk for task in Task.objects.all()}
    begun = NOW - timedelta(days=2)
    for at, changes in (
        (begun - timedelta(hours=1), {"estimated_hours": 4.0}),
        (begun + timedelta(hours=1), {"estimated_hours": 8}),
        (NOW + timedelta(days=1), {"estimated_hours": 8}),
        (NOW + timedelta(days=1), {"estimated_hours": 4.0, "title": "The same hours"}),
        (NOW + timedelta(days=1), {"estimated_hours": None}),
    ):
        for started in (True, False):
            task = builders.make_task(
                member,
                kind="rule:1",
                estimated_hours=4 if "title" in changes else 2,
                created_at=NOW - timedelta(days=9),
            )
            if started:
                Task.objects.filter(pk=task.pk).update(started_at=begun, status=Task.IN_PROGRESS)
            if at < NOW:
                lifecycle.edit(task, by=member, now=at, **changes)
            task.refresh_from_db()
            lifecycle.complete(task, by=member, now=NOW, actual_hours=Decimal(8))
            if at > NOW:
                lifecycle.edit(task, by=member, now=at, **changes)
            stood = at < begun or "title" in changes or (at < NOW and not started)
            known |= {task.pk} if stood else set()
    estimates.fit(member.team, now=NOW)
    found = estimates.of_task(builders.make_task(member, kind="rule:1", estimated_hours=2))
    assert found is not None
    assert found.basis[0].n == len(known) == 12 + 2 + 1 + 2
    assert EstimateFit.objects.get().report["workspace"]["n"] == len(known)
    without = estimates.of_task(builders.make_task(member, kind="rule:1", estimated_hours=None))
    assert without is not None
    assert without.basis[0].n == 12 + 10
