"""`TaskScheduler` and the team names given what they cannot use: a clear refusal, and nothing made."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, transaction
from django.utils import timezone

from api.activities import OWN_RECORDS
from automation import PerformanceCalculator, TaskAutomationEngine, WorkloadBalancer, tasks
from automation.models import AutomationStep, Campaign, Enrolment, Firing, ScheduledTaskBatch, Sequence
from automation.programmes.eligibility import Refused
from automation.task_scheduler import TaskScheduler
from crm import erase, intake, merge
from crm.models import Activity, Contact
from jobs.models import Job
from people.models import Team, User
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CALLS: dict[str, Callable[[TaskScheduler, Any], Any]] = {
    "single": lambda scheduler, contact: scheduler.schedule_task_for_contact(contact, "Call"),
    "sequence": lambda scheduler, contact: scheduler.schedule_follow_up_sequence(contact),
    "activity": lambda scheduler, contact: scheduler.schedule_based_on_activity(contact, "email_opened"),
    "status": lambda scheduler, contact: scheduler.schedule_based_on_status(contact, "lead", "active"),
    "recurring": lambda scheduler, contact: scheduler.schedule_recurring_tasks(contact, "weekly", {"title": "Call"}),
}


NOBODY: tuple[Any, ...] = (None, "7", True, 2.0, 0, -1, 10**30, [])


@pytest.fixture
def user() -> User:
    return builders.make_manager()


@pytest.fixture
def contact(user: User) -> Contact:
    return builders.make_contact(user)


def everything() -> tuple[int, ...]:
    models: tuple[Any, ...] = (Task, Activity, Firing, ScheduledTaskBatch, Enrolment, Sequence, Job)
    return tuple(model.objects.count() for model in models)


@pytest.mark.parametrize("stale", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_scheduled_for_somebody_who_was_erased(user: User, contact: Contact, call: str, stale: bool) -> None:
    erase.erase(Contact.objects.get(pk=contact.pk), by=user, now=timezone.now())
    before = everything()
    with pytest.raises(Refused, match="erased: nothing is scheduled") as refused:
        CALLS[call](TaskScheduler(owner=user), contact if stale else contact.pk)
    assert refused.value.code == "erased"
    assert everything() == before
    assert not Contact.objects.exclude(contact_cadence="").exists()


@pytest.mark.parametrize("call", CALLS)
def test_another_teams_contact_is_refused_as_one_that_is_not_there(user: User, call: str) -> None:
    theirs = builders.make_contact()
    before = everything()
    for given in (theirs, theirs.pk):
        with pytest.raises(ValueError, match=r"^contact is .*: give a contact that is there, or its id"):
            CALLS[call](TaskScheduler(owner=user), given)
    assert everything() == before
    theirs.refresh_from_db()
    assert theirs.contact_cadence == ""


@pytest.mark.parametrize("call", CALLS)
def test_what_is_no_contact_is_refused(user: User, call: str) -> None:
    for given in (*NOBODY, Contact(name="New"), User(pk=1)):
        with pytest.raises(ValueError, match=r"^contact is .*: give a contact that is there, or its id"):
            CALLS[call](TaskScheduler(owner=user), given)


@pytest.mark.parametrize("call", CALLS)
def test_one_that_was_merged_stands_for_the_survivor_also_as_an_older_object(
    user: User, contact: Contact, call: str
) -> None:
    survivor = builders.make_contact(user)
    merge.merge(Contact.objects.get(pk=survivor.pk), Contact.objects.get(pk=contact.pk), by=user, now=timezone.now())
    CALLS[call](TaskScheduler(owner=user), contact)
    assert set(Task.objects.values_list("contact", flat=True)) == {survivor.pk}


def test_the_owner_is_a_saved_user() -> None:
    for owner in (*NOBODY, AnonymousUser(), User(username="new")):
        with pytest.raises(ValueError, match=r"^owner is .*: give a user who is saved and active"):
            TaskScheduler(owner=owner)


def test_the_owner_has_not_left() -> None:
    with pytest.raises(ValueError, match="active"):
        TaskScheduler(owner=builders.make_user(is_active=False))


HOURS: tuple[Any, ...] = (
    None,
    "2",
    True,
    -1,
    float("nan"),
    float("inf"),
    Decimal("NaN"),
    Decimal("sNaN"),
    10**400,
    1e300,
    [],
    2j,
)
WORDS: tuple[Any, ...] = (None, 7, True, "", "nothing", [], {}, b"weekly", "weekly\0")
TEXTS: tuple[Any, ...] = (None, 7, True, [], b"text", "nul\0", "half \ud800")
DATES: tuple[Any, ...] = (
    "2026-12-01T09:00:00Z",
    dt.date(2026, 12, 1),
    dt.datetime(2026, 12, 1),  # noqa: DTZ001 (that it has no zone is the point)
    5,
    True,
    dt.timedelta(days=1),
    dt.datetime.max.replace(tzinfo=dt.UTC),
    dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))),
)


def refuses(said: str, call: Callable[..., Any], *args: Any, **fields: Any) -> None:
    """A ValueError that says so, and nothing made."""
    before = everything()
    with pytest.raises(ValueError, match=said):
        call(*args, **fields)
    assert everything() == before, (args, fields)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("title", (*TEXTS, "", "  ", "x" * 256)),
        ("description", (*TEXTS, "x" * 20_001)),
        ("priority", WORDS),
        ("reminder_offset_hours", HOURS[1:]),
        ("due_date", DATES),
    ],
)
def test_a_single_task_names_the_argument_that_cannot_be_used(
    user: User, contact: Contact, argument: str, values: tuple[Any, ...]
) -> None:
    schedule = TaskScheduler(owner=user).schedule_task_for_contact
    for given in values:
        fields = {"title": "Call", "due_date": timezone.now(), argument: given}
        refuses(f"^{argument} is .*: give ", schedule, contact, **fields)


@pytest.mark.parametrize(("argument", "values"), [("sequence_type", WORDS), ("start_delay_hours", HOURS)])
def test_a_sequence_names_the_argument_that_cannot_be_used(
    user: User, contact: Contact, argument: str, values: tuple[Any, ...]
) -> None:
    schedule = TaskScheduler(owner=user).schedule_follow_up_sequence
    for given in values:
        refuses(f"^{argument} is .*: give ", schedule, contact, **{argument: given})


def test_an_activity_type_is_a_word(user: User, contact: Contact) -> None:
    schedule = TaskScheduler(owner=user).schedule_based_on_activity
    for given in (*TEXTS, "", " ", "x" * 61):
        refuses("^activity_type is .*: give ", schedule, contact, given)
    assert set(OWN_RECORDS) == intake.OWN_RECORDS
    for given in OWN_RECORDS:
        refuses("^activity_type is .*: give what a contact did", schedule, contact, given)


def test_a_status_is_one_of_those_there_are_and_another_one(user: User, contact: Contact) -> None:
    schedule = TaskScheduler(owner=user).schedule_based_on_status
    for given in WORDS:
        refuses("^new_status is .*: give ", schedule, contact, "lead", given)
        refuses("^old_status is .*: give ", schedule, contact, given, "lead")
    refuses("^new_status is .*: give another", schedule, contact, "lead", "lead")


@pytest.mark.parametrize(
    ("argument", "values", "said"),
    [
        ("cadence", (*WORDS, "days:0", "days:3651", 7.0), "^cadence is .*: give "),
        ("task_template", (None, 7, "Call", ["title"], []), "^task_template is .*: give "),
        ("task_template", ({},), "title"),
        ("task_template", ({"title": "Call", 7: 1, None: 2},), "Unknown field 7, None"),
        ("title", TEXTS, "title|template"),
        ("description", TEXTS[1:], "description|template"),
        ("priority", WORDS, "priority"),
        ("estimated_hours", (*HOURS[1:], 0), "^estimated_hours is .*: give "),
        ("reminder_offset_hours", HOURS[1:], "^reminder_offset_hours is .*: give "),
    ],
)
def test_a_series_says_what_cannot_be_used(
    user: User, contact: Contact, argument: str, values: tuple[Any, ...], said: str
) -> None:
    schedule = TaskScheduler(owner=user).schedule_recurring_tasks
    for given in values:
        asked = {"cadence": "weekly", "task_template": {"title": "Call", argument: given}}
        if argument in asked:
            asked = {"cadence": "weekly", "task_template": {"title": "Call"}} | {argument: given}
        refuses(said, schedule, contact, **asked)
    contact.refresh_from_db()
    assert contact.contact_cadence == ""


def test_hours_may_be_any_number_and_are_kept_to_two_places(user: User, contact: Contact) -> None:
    scheduler, due = TaskScheduler(owner=user), timezone.now() + dt.timedelta(days=2)
    for given, kept in ((1 / 3, "0.33"), (Decimal("1.505"), "1.51"), (2, "2"), (0, "0")):
        task = scheduler.schedule_task_for_contact(contact, "Call", due_date=due, reminder_offset_hours=given)
        assert Task.objects.get(pk=task.pk).reminder_offset_hours == Decimal(kept)
    template = {"title": "Call", "estimated_hours": Decimal("1.5"), "reminder_offset_hours": 1 / 3}
    (task,) = scheduler.schedule_recurring_tasks(contact, "days:10", template)
    task.refresh_from_db()
    assert (task.estimated_hours, task.reminder_offset_hours) == (Decimal("1.5"), Decimal("0.33"))


TEAM_CALLS: list[tuple[str, Callable[[Any], Any]]] = [
    ("task", TaskAutomationEngine.on_task_completed),
    ("task", TaskAutomationEngine.on_task_created),
    ("task", lambda task: TaskAutomationEngine().on_task_status_changed(task, "todo", "done")),
    ("user", PerformanceCalculator.calculate_performance_score),
    ("user", WorkloadBalancer.get_user_available_capacity),
    ("user", WorkloadBalancer.is_user_overloaded),
    ("team", PerformanceCalculator.calculate_team_performance),
    ("team", WorkloadBalancer.suggest_workload_rebalancing),
]


def test_the_team_names_take_a_row_that_is_there_or_its_id(user: User) -> None:
    builders.make_task(user)
    unsaved = {"task": Task(title="New"), "user": User(username="new"), "team": Team(name="New")}
    for argument, call in TEAM_CALLS:
        for given in (*NOBODY, unsaved[argument]):
            if (argument, given) != ("team", None):
                refuses(f"^{argument} is .*: give a {argument} that is there, or its id", call, given)


def test_the_team_names_take_words_and_numbers_that_are_some(user: User) -> None:
    task = builders.make_task(user)
    for given in WORDS:
        refuses("old_status is|no status", TaskAutomationEngine.on_task_status_changed, task, given, "done")
        refuses("new_status is|no status", TaskAutomationEngine.on_task_status_changed, task, "todo", given)
    for call in (PerformanceCalculator.identify_high_performers, PerformanceCalculator.identify_at_risk_performers):
        assert call(Decimal("50.5"), team=user.team) == []
        for given in (*HOURS, 101):
            refuses("^threshold is .*: give a number from 0 to 100", call, given)


def test_a_completion_is_answered_again_also_for_an_older_object(user: User) -> None:
    task = builders.make_task(user)
    older = Task.objects.get(pk=task.pk)
    assert TaskAutomationEngine.on_task_completed(task) == TaskAutomationEngine.on_task_completed(older)


def test_numbers_too_large_for_their_columns_are_refused_by_the_database(user: User) -> None:
    """On SQLite such a row could be written and never read again, nor any list with it."""
    step = {"campaign": Campaign.objects.create(owner=user, name="Spring"), "name": "Call"}
    made: list[tuple[Callable[..., Any], dict[str, Any], tuple[str, ...]]] = [
        (builders.make_rule, {"owner": user}, ("delay_hours", "reminder_offset_hours", "estimated_hours")),
        (builders.make_task, {"owner": user}, ("reminder_offset_hours", "estimated_hours", "actual_hours")),
        (AutomationStep.objects.create, step, ("delay_days",)),
    ]
    for make, fields, names in made:
        for name in names:
            row = make(**fields, **{name: Decimal("999999.99")})
            for value in (10**6, 10**9):
                with pytest.raises(DatabaseError), transaction.atomic():
                    make(**fields, **{name: value})
                with pytest.raises(DatabaseError), transaction.atomic():
                    type(row).objects.filter(pk=row.pk).update(**{name: value})
            row.refresh_from_db()
            assert getattr(row, name) == Decimal("999999.99")


def test_saving_the_object_that_was_given_keeps_the_cadence(user: User, contact: Contact) -> None:
    TaskScheduler(owner=user).schedule_recurring_tasks(contact, "monthly", {"title": "Call"})
    contact.company = "Byron & Co"
    contact.save()
    kept = Contact.objects.get(pk=contact.pk)
    assert (kept.contact_cadence, kept.seen_cadence) == ("monthly", "monthly")
    assert kept.next_touch_at is not None
    assert contact.next_touch_at == kept.next_touch_at
    later = kept.next_touch_at + dt.timedelta(days=30)
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=later)  # as a touch does
    contact.company = "Byron"
    contact.save()
    assert Contact.objects.get(pk=contact.pk).next_touch_at == later


@pytest.mark.parametrize(
    ("task", "argument", "more"),
    [
        (tasks.process_activity_triggers, "activity_id", []),
        (tasks.process_status_change_triggers, "contact_id", ["lead", "active"]),
        (tasks.assign_next_task_for_user, "user_id", []),
        (tasks.update_user_performance_metrics, "user_id", []),
        (tasks.send_task_assignment_notification, "assignment_id", []),
        (tasks.send_performance_update_notification, "user_id", []),
        (tasks.recalculate_team_performance, "team_id", []),
    ],
)
def test_a_job_called_directly_names_the_id_that_is_none(db: None, task: Any, argument: str, more: list[str]) -> None:
    for given in ("x", "", [], {}, 1.5, True, 2**70, "9" * 30):
        refuses(f"^{argument} is .*: give the id of a row", task, given, *more)
    for given in (2**62, "77"):
        task(given, *more)  # there is no such row
