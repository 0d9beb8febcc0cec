"""One bad record among 500: 499 are done at once, the bad one is tried again, given up with its reason, told to the
team's managers, and done when somebody has mended the cause and runs it again; nothing twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from automation import activation, drafting, engine, sweeps
from automation.models import Enrolment, Firing, ScheduledTaskBatch, TaskAutomationRule
from automation.programmes import enrolling, stepping
from crm.models import Activity, Contact
from jobs import runner
from jobs.models import Job
from jobs.running import MAX_RETRIES
from notifications import outbox
from notifications.models import Notification
from people.models import User
from tests import builders, volume
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PROMISED, MANY = 500, 100
"""As many as are promised where it is quick, events on SQLite; elsewhere as few as show the same."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def people(request: pytest.FixtureRequest, manager: User, now: datetime) -> list[Contact]:
    """Contacts that nothing is to be done about yet."""
    quick = connection.vendor == "sqlite" and "clicks" in request.node.name
    row = Contact(owner=manager, team=manager.team, name="x", created_at=now - 90 * DAY)
    volume.multiply(row, PROMISED if quick else MANY, name="'Contact ' || i")
    Contact.objects.update(quiet_at=None)
    return list(Contact.objects.order_by("pk"))


@dataclass
class Case:
    """Work for all of them, and how to count what was done. `breaks` is the function that the bad one makes raise."""

    prepare: Callable[[User, list[Contact], datetime], None]
    breaks: tuple[Any, str]
    is_bad: Callable[..., Any]
    count: Callable[[], int]


def work_off(manager: User, now: datetime) -> None:
    """What a runner does with what is due; twice, since doing it again does nothing."""
    for _ in range(2):
        engine.drain(manager.team_id, now=now)
        sweeps.run(manager.team_id, now=now)


def clicks(manager: User, people: list[Contact], now: datetime) -> None:
    make_rule(manager)
    row = Activity(team=manager.team, contact=people[0], activity_type="email_clicked", occurred_at=now)
    volume.multiply(row, len(people), contact_id=f"{people[0].pk} + i", source_key="'click:' || i")


def steps(manager: User, people: list[Contact], now: datetime) -> None:
    sequence = builders.make_sequence(manager, days=(1, 2))
    for contact in people:
        enrolling.enrol(sequence, contact, owner=manager, now=now - 25 * HOUR)


def pauses(manager: User, people: list[Contact], now: datetime) -> None:
    steps(manager, people, now)
    paused = {"state": "paused", "paused_at": now - 2 * HOUR, "resume_at": now - HOUR, "next_step_at": None}
    Enrolment.objects.update(**paused)


def touches(manager: User, people: list[Contact], now: datetime) -> None:
    cadence = {"contact_cadence": "weekly", "seen_cadence": "weekly"}
    Contact.objects.update(**cadence, next_touch_at=now - HOUR)


def unplanned(manager: User, people: list[Contact], now: datetime) -> None:
    Contact.objects.update(contact_cadence="weekly", seen_cadence="weekly")


def missed(manager: User, people: list[Contact], now: datetime) -> None:
    late = now - 3 * DAY
    Contact.objects.update(next_follow_up_at=late, seen_follow_up_at=late, next_touch_at=late, touched_for=late)


def late_tasks(manager: User, people: list[Contact], now: datetime) -> None:
    row = Task(owner=manager, team=manager.team, assignee=manager, contact=people[0], title="Call", due_date=now - HOUR)
    volume.multiply(row, len(people), contact_id=f"{people[0].pk} + i")


def reminders(manager: User, people: list[Contact], now: datetime) -> None:
    row = Task(owner=manager, team=manager.team, contact=people[0], title="Call", due_date=now + HOUR)
    row.reminder_offset_hours = 2
    volume.multiply(row, len(people), contact_id=f"{people[0].pk} + i")


def series(manager: User, people: list[Contact], now: datetime) -> None:
    row = ScheduledTaskBatch(
        owner=manager,
        team=manager.team,
        contact=people[0],
        name="Weekly",
        kind=ScheduledTaskBatch.RECURRING,
        cadence="weekly",
        recurs_from=ScheduledTaskBatch.SCHEDULE,
        task_template={"title": "Call {{contact_name}}"},
        next_run_at=now - HOUR,
        created_at=now - 7 * DAY,
    )
    volume.multiply(row, len(people), contact_id=f"{people[0].pk} + i")


def waiting(manager: User, people: list[Contact], now: datetime) -> None:
    rule = make_rule(manager, trigger_type="time", trigger_config={"every": {"days": 1}})
    row = Firing(rule=rule, kind="time", contact=people[0], outcome=Firing.WAITING, due_at=now, occurred_at=now, at=now)
    volume.multiply(row, len(people), contact_id=f"{people[0].pk} + i", trigger_key="'time:contact:' || i")


def silences(manager: User, people: list[Contact], now: datetime) -> None:
    rule = make_rule(manager, trigger_type="inactivity", trigger_config={"days": 90}, created_at=now - 100 * DAY)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(planned_for="planned", planned_at=now - 99 * DAY)
    Contact.objects.update(quiet_at=now)


def audience(manager: User, people: list[Contact], now: datetime) -> None:
    config = {"every": {"days": 1}, "audience": "contacts"}
    rule = make_rule(manager, trigger_type="time", trigger_config=config, created_at=now - 3 * DAY)
    planned = {"planned_for": "planned", "planned_at": now - 3 * DAY, "next_run_at": now - HOUR}
    TaskAutomationRule.objects.filter(pk=rule.pk).update(**planned)


def matching(manager: User, people: list[Contact], now: datetime) -> None:
    config = {"every": {"days": 1}, "audience": "contacts"}
    rule = make_rule(manager, trigger_type="time", trigger_config=config, is_active=False)
    activation.activate(rule, now=now, apply_to_current=True)


def make_rule(manager: User, **fields: Any) -> TaskAutomationRule:
    """One that lets a rush pass: that it would pause itself is another matter."""
    return builders.make_rule(manager, burst=0, **fields)


def tasks_made() -> int:
    return Task.objects.values("contact").distinct().count()


def told(kind: str) -> Callable[[], int]:
    return lambda: Notification.objects.filter(kind=kind).values("task__contact").distinct().count()


def planned() -> int:
    return Contact.objects.filter(cadence_anchor_day__isnull=False).count()


def resumed() -> int:
    return Enrolment.objects.filter(state="active", paused_at__isnull=True, resume_at__isnull=True).count()


CREATE, TELL = (lifecycle, "create"), (outbox, "tell")


def of_contact(bad: Contact) -> Callable[..., bool]:
    return lambda *args, **more: more.get("contact") == bad


def of_event(bad: Contact) -> Callable[..., bool]:
    return lambda rule, event, *more, **also: event.contact == bad


def of_task(bad: Contact) -> Callable[..., bool]:
    return lambda *args, **more: more.get("task") is not None and more["task"].contact_id == bad.pk


CASES = {
    "clicks": Case(clicks, (drafting, "draft"), of_event, tasks_made),
    "steps": Case(steps, CREATE, of_contact, tasks_made),
    "touches": Case(touches, CREATE, of_contact, tasks_made),
    "missed follow-ups": Case(missed, CREATE, of_contact, tasks_made),
    "series": Case(series, CREATE, of_contact, tasks_made),
    "firings that waited": Case(waiting, CREATE, of_contact, tasks_made),
    "silences": Case(silences, CREATE, of_contact, tasks_made),
    "an audience": Case(audience, CREATE, of_contact, tasks_made),
    "records that match": Case(matching, CREATE, of_contact, tasks_made),
    "late tasks": Case(late_tasks, TELL, of_task, told(Notification.OVERDUE)),
    "reminders": Case(reminders, TELL, of_task, told(Notification.REMINDER)),
}


def broken(monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str], is_bad: Callable[..., bool]) -> None:
    """One record makes the product raise something nobody foresaw."""
    owner, name = where
    real = getattr(owner, name)

    def raising(*args: Any, **more: Any) -> Any:
        if is_bad(*args, **more):
            raise ZeroDivisionError("the bad one")
        return real(*args, **more)

    monkeypatch.setattr(owner, name, raising)


def let_time_pass() -> None:
    """The waits between tries are over."""
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(state=Job.PENDING).update(run_at=past, send_at=past)
    while runner.run_due():
        pass


@pytest.mark.parametrize("name", CASES)
def test_all_others_are_done_and_the_bad_one_dies_and_is_replayed(
    name: str, manager: User, people: list[Contact], now: datetime, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    case, bad = CASES[name], people[len(people) // 2]
    case.prepare(manager, people, now)
    with monkeypatch.context() as cause:
        broken(cause, case.breaks, case.is_bad(bad))
        work_off(manager, now)
        let_time_pass()  # an audience is worked through by a job of its own
        assert case.count() == len(people) - 1
        (job,) = Job.objects.exclude(state=Job.DONE)
        for tried in range(job.retries, MAX_RETRIES + 1):
            assert (job.state, job.retries) == (Job.PENDING, tried)
            let_time_pass()
            work_off(manager, now)
            job.refresh_from_db()
        assert (job.state, case.count()) == (Job.DEAD, len(people) - 1)
    assert "the bad one" in job.error
    (notice,) = Notification.objects.filter(kind=Notification.JOB_DEAD)
    assert (notice.user, notice.body) == (manager, job.error)

    headers = {"authorization": f"Bearer {builders.make_token(manager)}"}
    answer = client.post(f"/automation/jobs/{job.pk}/retry", headers=headers)
    assert answer.status_code == 202, answer.content
    made = Task.objects.count(), Notification.objects.count()
    let_time_pass()
    job.refresh_from_db()
    assert (job.state, case.count()) == (Job.DONE, len(people)), job.error
    work_off(manager, now)
    let_time_pass()
    after = Task.objects.count(), Notification.objects.count()
    assert all(one - before <= 1 for before, one in zip(made, after, strict=True)), (made, after)


def test_a_pause_that_cannot_be_ended_is_a_job_too(
    manager: User, people: list[Contact], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses(manager, people[:20], now)
    bad = Enrolment.objects.order_by("pk")[7]
    with monkeypatch.context() as cause:
        broken(cause, (sweeps.enrolments.pausing, "_resume"), lambda row, **more: row.pk == bad.pk)
        work_off(manager, now)
    assert resumed() == 19
    let_time_pass()
    assert resumed() == 20
    bad.refresh_from_db()
    assert bad.steps.get(number=1).due_at == now, "due an hour ago, and moved by the hour of the pause"


def test_a_touch_that_cannot_be_planned_is_planned_by_its_job(
    manager: User, people: list[Contact], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    unplanned(manager, people, now)
    bad = people[7]
    with monkeypatch.context() as cause:
        broken(cause, (sweeps.cadence, "planned"), lambda contact, *more: contact.pk == bad.pk)
        work_off(manager, now)
        assert planned() == len(people) - 1
        bad.refresh_from_db()
        assert bad.next_touch_at == now + DAY, "it is not forgotten meanwhile"
    let_time_pass()
    bad.refresh_from_db()
    assert (planned(), bad.next_touch_at == now + DAY) == (len(people), False)


def test_a_step_that_fails_leaves_its_enrolment_where_it_was(
    manager: User, people: list[Contact], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was half done before the fault is undone with it."""
    steps(manager, people[:1], now)
    with monkeypatch.context() as cause:
        broken(cause, (stepping.lifecycle, "create"), lambda *args, **more: True)
        work_off(manager, now)
    assert list(Enrolment.objects.values_list("state", "steps__state").order_by("steps__number")) == [
        ("active", "planned"),
        ("active", "planned"),
    ]
    let_time_pass()
    assert tasks_made() == 1
