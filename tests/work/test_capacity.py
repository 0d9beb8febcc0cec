"""How many hours people have, day by day and by a due date, and how long work without an estimate is taken to be."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assignment import loads
from people.models import User
from tests import builders, volume
from work import capacity
from work.models import Task

WEDNESDAY = datetime(2026, 3, 4, 10, tzinfo=ZoneInfo("UTC"))

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return builders.make_user()


def test_the_focus_factor_takes_its_share_of_what_may_be_filled_and_none_of_what_is_contracted(member: User) -> None:
    User.objects.filter(pk=member.pk).update(focus_factor="0.75")
    member.refresh_from_db()
    builders.make_task(member, estimated_hours=31, due_date=WEDNESDAY + timedelta(days=1))
    week = capacity.week(member, now=WEDNESDAY)
    assert (week.contracted_hours, week.max_hours) == (40, 30)
    assert week.is_overloaded
    assert week.available_capacity == 0
    assert capacity.team_status(member.team, now=WEDNESDAY)["total_capacity_hours"] == 40


def test_what_is_due_as_the_week_ends_fills_the_week_as_it_does_its_last_day(member: User) -> None:
    midnight = datetime(2026, 3, 9, tzinfo=ZoneInfo("UTC"))
    builders.make_task(member, estimated_hours=41, due_date=midnight)
    builders.make_task(member, estimated_hours=50, due_date=midnight + timedelta(seconds=1))
    assert capacity.week(member, now=WEDNESDAY).used_hours == 41
    assert capacity.days(member, now=WEDNESDAY)[4].due_hours == 41
    builders.make_user(team=member.team)
    (load, _) = loads.weeks(
        member.team, list(User.objects.select_related("team").order_by("pk")), now=WEDNESDAY
    ).loads.values()
    assert [float(one.hours) for one in load.tasks] == [41], "and it may move"


@pytest.mark.parametrize(
    ("kinds", "usual"),
    [
        ("", 1),  # nothing says how long anything takes
        ("call:2 call:3 call:4 mail:9 mail:9 mail:9", 3),
        ("call:2 call:2 mail:9 mail:9 mail:9", 9),  # two of a kind are too few: the team's
        ("call:2 call:3 call:4>8 call:5>8", "5.5"),  # finished ones count with what they took
        ("call:2 call:2 call:2 call:0 call:0 call:0", 2),  # those that tell nothing count nothing
    ],
)
def test_work_without_an_estimate_takes_the_median_of_its_kind(member: User, kinds: str, usual: int | str) -> None:
    for word in kinds.split():
        kind, _, hours = word.partition(":")
        estimate, _, took = hours.partition(">")
        fields = {"status": "done", "actual_hours": took} if took else {}
        builders.make_task(team=member.team, kind=kind, estimated_hours=Decimal(estimate) or None, **fields)
    builders.make_task(team=builders.make_manager().team, kind="call", estimated_hours=50)
    assert capacity.UsualEstimates().of(member.team_id, "call") == Decimal(usual)


def test_each_day_tells_its_hours_what_is_due_and_what_is_left_until_its_end(member: User) -> None:
    User.objects.filter(pk=member.pk).update(focus_factor="0.5")
    member.refresh_from_db()
    builders.make_time_off(member, starts_on="2026-03-06")
    builders.make_task(member, estimated_hours=2, due_date=WEDNESDAY - timedelta(days=9))
    builders.make_task(member, estimated_hours=3, due_date=WEDNESDAY + timedelta(days=1))
    builders.make_task(member, estimated_hours=6, due_date=WEDNESDAY + timedelta(days=5))
    builders.make_task(member, estimated_hours=9, due_date=None)
    days = capacity.days(member, now=WEDNESDAY)
    assert [(day.on, day.hours, day.due_hours, day.free_until) for day in days] == [
        (date(2026, 3, 4), Decimal("3.5"), 2, Decimal("1.5")),  # seven hours are left of this day
        (date(2026, 3, 5), 4, 3, Decimal("2.5")),
        (date(2026, 3, 6), 0, 0, Decimal("2.5")),
        (date(2026, 3, 7), 0, 0, Decimal("2.5")),
        (date(2026, 3, 8), 0, 0, Decimal("2.5")),
        (date(2026, 3, 9), 4, 6, Decimal("0.5")),
        (date(2026, 3, 10), 4, 0, Decimal("4.5")),
    ]


def test_everybodys_week_is_read_in_the_same_number_of_queries(member: User) -> None:
    def queries(people: list[User]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            capacity.weeks(people, now=WEDNESDAY)
        return len(seen)

    many = [member, *(builders.make_user(team=member.team) for _ in range(12))]
    for one in many:
        builders.make_task(one, kind="call", estimated_hours=None)
    assert queries([member]) == queries(many)


@pytest.mark.database
def test_what_was_finished_long_ago_is_not_read(member: User) -> None:
    """Of thousands of tasks that somebody held, only the open ones, in an index of these alone."""
    volume.multiply(Task(team=member.team, assignee=member, title="Done", status="done", created_at=WEDNESDAY), 5000)
    builders.make_task(member, estimated_hours=2)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert len(capacity.bookings([member], capacity.UsualEstimates())[member.pk]) == 1
    plan = Task.objects.filter(assignee_id__in=[member.pk]).open().explain()
    assert any(index in plan for index in ("task_held", "task_next_of_contact")), plan


def test_a_night_shift_is_one_stretch_into_the_next_day(member: User) -> None:
    builders.make_working_week(member, starts="22:00", ends="06:00")
    assert capacity.week(member, now=WEDNESDAY).contracted_hours == 40
    assert [day.hours for day in capacity.days(member, now=WEDNESDAY)] == [2, 8, 8, 6, 0, 2, 8]
