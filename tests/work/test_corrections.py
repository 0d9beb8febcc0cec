"""Hours: refused where they can't be, corrected after the task is finished, and then scored as corrected."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from jobs.models import Job
from people.models import Change, User
from performance import scores
from tests import builders
from tests.builders import NOW
from work import corrections, lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def member() -> User:
    return builders.make_user()


def estimation(user: User) -> float | None:
    part: float | None = scores.as_dict(scores.compute(user, now=NOW))["estimation_accuracy"]
    return part


def finished(user: User, *, estimate: int, took: int) -> Task:
    task = builders.make_task(user, estimated_hours=estimate, created_at=NOW)
    lifecycle.complete(task, by=user, now=NOW, actual_hours=Decimal(took))
    task.refresh_from_db()
    return task


def test_corrected_hours_are_scored(member: User) -> None:
    task = finished(member, estimate=2, took=2)
    assert estimation(member) == 100
    before = Job.objects.count()
    task = lifecycle.edit(task, by=member, now=NOW, actual_hours=Decimal(4))
    assert Assignment.objects.get(task=task).actual_hours == 4
    assert estimation(member) == 50
    line = Change.objects.filter(kind="task").latest("pk")
    assert (line.before, line.after) == ({"actual_hours": 2.0}, {"actual_hours": 4.0})
    assert Job.objects.count() == before + 1
    assert Job.objects.filter(name=corrections.SCORE_JOB, args=[member.pk], key__startswith="task:").exists()
    lifecycle.edit(task, by=member, now=NOW, actual_hours=Decimal(2))
    lifecycle.edit(task, by=member, now=NOW, notes="nothing to follow")
    assert Job.objects.count() == before + 2


def test_what_was_promised_stays(member: User) -> None:
    task = finished(member, estimate=2, took=2)
    lifecycle.edit(task, by=member, now=NOW, estimated_hours=Decimal(8))
    assert Assignment.objects.get(task=task).estimated_hours == 2
    assert estimation(member) == 100


def test_the_one_who_finished_it_is_scored_whoever_corrects_it_and_whenever(member: User) -> None:
    manager = builders.make_manager(team=member.team)
    task = finished(member, estimate=2, took=2)
    lifecycle.set_status(task, Task.TODO, by=manager, now=NOW)
    lifecycle.edit(task, by=manager, now=NOW, actual_hours=Decimal(3))
    assert Assignment.objects.get(task=task, ended_at__isnull=False).actual_hours == 2, (
        "not finished: nothing to follow"
    )
    lifecycle.assign(task, manager, by=manager, now=NOW, method="manual", expected=member.pk)
    lifecycle.complete(task, by=manager, now=NOW)
    lifecycle.edit(task, by=member, now=NOW, actual_hours=Decimal(5))
    rows = Assignment.objects.filter(task=task, outcome=Assignment.COMPLETED)
    assert [(row.user_id, row.actual_hours) for row in rows] == [(manager.pk, 5)]


def test_the_admin_corrects_as_everybody_does(member: User, client: Any) -> None:
    boss = builders.make_manager(team=member.team, is_superuser=True, is_staff=True)
    client.force_login(boss)
    task = finished(member, estimate=2, took=2)
    page = reverse("admin:work_task_change", args=[task.pk])
    form = client.get(page).context["adminform"].form
    sent = {name: value for name in form.fields if (value := form.get_initial_for_field(form[name].field, name))}
    sent |= {
        f"{prefix}-{part}_FORMS": 0
        for prefix in ("skill_levels", "dependencies", "exclusions")
        for part in ("TOTAL", "INITIAL")
    }
    assert client.post(page, sent | {"actual_hours": "-1"}).status_code == 200
    assert client.post(page, sent | {"estimated_hours": "0"}).status_code == 200
    assert client.post(page, sent | {"actual_hours": "4"}).status_code == 302
    assert Assignment.objects.get(task=task).actual_hours == 4
    assert Job.objects.filter(key__startswith=f"task:{task.pk}:hours:").exists()


@pytest.mark.parametrize("hours", ["-0.01", "1000000", "NaN", "Infinity", "1.234"])
def test_hours_that_cannot_be_are_refused_and_nothing_is_changed(hours: str, member: User) -> None:
    wrong = Decimal(hours)
    task = builders.make_task(member)
    with pytest.raises(ValidationError) as refused:
        lifecycle.complete(task, by=member, now=NOW, actual_hours=wrong)
    assert list(refused.value.message_dict) == ["actual_hours"]
    for name in ("actual_hours", "estimated_hours", "reminder_offset_hours"):
        with pytest.raises(ValidationError, match=name):
            lifecycle.edit(task, by=member, now=NOW, **{name: wrong})
        with pytest.raises(ValidationError, match=name):
            lifecycle.create(member.team, title="New", now=NOW, **{name: wrong})
    task.refresh_from_db()
    assert (task.status, task.actual_hours) == (Task.TODO, None)


def test_no_task_takes_no_time(member: User) -> None:
    with pytest.raises(ValidationError, match="estimated_hours"):
        lifecycle.create(member.team, title="New", now=NOW, estimated_hours=0)


def test_a_pin_is_of_whoever_holds_it(member: User) -> None:
    manager = builders.make_manager(team=member.team)
    held, queued = builders.make_task(member), builders.make_task(team=member.team)
    with pytest.raises(ValidationError, match="Nobody holds this task: assign it first, then pin it"):
        lifecycle.edit(queued, by=manager, now=NOW, pinned=True)
    held = lifecycle.edit(held, by=member, now=NOW, pinned=True)
    lifecycle.assign(held, manager, by=manager, now=NOW, method="manual", expected=member.pk)
    held.refresh_from_db()
    assert held.pinned, "by hand it is given elsewhere all the same, and stays there"
    lifecycle.unassign(held, by=manager, now=NOW)
    held.refresh_from_db()
    assert not held.pinned
    line = Change.objects.filter(subject_id=held.pk).latest("pk")
    assert line.after == {"assignee_id": None, "pinned": False}
