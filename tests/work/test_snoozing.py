"""Putting a task off: until when, for whom, and never forward."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import calendars
from people.models import Change, TimeOff, User
from tests import builders
from work import lifecycle, snoozing
from work.models import Task

BERLIN = ZoneInfo("Europe/Berlin")
PLAN = calendars.Schedule(calendars.DEFAULT_WEEK, BERLIN)


@pytest.mark.parametrize(
    ("choice", "now", "expected"),
    [
        ("hour", datetime(2026, 6, 17, 8, tzinfo=UTC), datetime(2026, 6, 17, 9, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 6, 17, 8, tzinfo=UTC), datetime(2026, 6, 18, 7, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 6, 19, 21, 59, tzinfo=UTC), datetime(2026, 6, 22, 7, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 6, 21, 23, tzinfo=UTC), datetime(2026, 6, 23, 7, tzinfo=UTC)),
        ("tomorrow", datetime(2026, 3, 28, 8, tzinfo=UTC), datetime(2026, 3, 30, 7, tzinfo=UTC)),
        ("next_week", datetime(2026, 6, 17, 8, tzinfo=UTC), datetime(2026, 6, 22, 7, tzinfo=UTC)),
        ("next_week", datetime(2026, 6, 22, 8, tzinfo=UTC), datetime(2026, 6, 29, 7, tzinfo=UTC)),
    ],
)
def test_until_when(choice: str, now: datetime, expected: datetime) -> None:
    """In Berlin, Mondays to Fridays from nine; night, weekend and a change of the clock are no trouble."""
    assert snoozing.until(choice, PLAN, now=now) == expected


@given(st.integers(0, 10**9), st.sampled_from(snoozing.CHOICES))
def test_it_is_always_later_and_within_ten_days(seconds: int, choice: str) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert now < snoozing.until(choice, PLAN, now=now) <= now + timedelta(days=10)


@pytest.fixture
def member() -> User:
    return builders.make_user()


@pytest.mark.django_db
def test_it_is_due_when_its_holder_works_again(member: User) -> None:
    task = builders.make_task(member, due_date=builders.NOW, reminder_offset_hours=1)
    TimeOff.objects.create(user=member, starts_on=builders.NOW.date() + timedelta(days=1), ends_on="2026-06-18")
    snoozing.snooze(task, "tomorrow", by=member, now=builders.NOW)
    task = Task.objects.get()
    assert task.due_date == datetime(2026, 6, 19, 9, tzinfo=UTC)
    assert task.remind_at == datetime(2026, 6, 19, 8, tzinfo=UTC)
    assert Change.objects.filter(actor=member).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("hours", "offered"),
    [
        (None, ["hour", "tomorrow", "next_week"]),
        (-48, ["hour", "tomorrow", "next_week"]),
        (0.5, ["hour", "tomorrow", "next_week"]),
        (2, ["tomorrow", "next_week"]),
        (48, ["next_week"]),
        (24 * 14, []),
    ],
)
def test_only_what_puts_it_off_is_offered(hours: float | None, offered: list[str], member: User) -> None:
    due = None if hours is None else builders.NOW + timedelta(hours=hours)
    task = builders.make_task(member, due_date=due)
    assert snoozing.choices([task], by=member, now=builders.NOW) == {task.pk: offered}
    for choice in offered:
        snoozing.snooze(Task.objects.get(), choice, by=member, now=builders.NOW)
        Task.objects.update(due_date=due)


@pytest.mark.django_db
def test_it_never_comes_forward_and_is_nobody_elses_to_put_off(member: User) -> None:
    task = builders.make_task(member, due_date=builders.NOW + timedelta(days=30))
    with pytest.raises(snoozing.Later, match="stays as it is"):
        snoozing.snooze(task, "hour", by=member, now=builders.NOW)
    with pytest.raises(lifecycle.NotAllowed):
        snoozing.snooze(task, "hour", by=builders.make_user(team=member.team), now=builders.NOW)
    lifecycle.complete(task, by=member, now=builders.NOW)
    with pytest.raises(lifecycle.NotOpen, match="reopen"):
        snoozing.snooze(Task.objects.get(), "hour", by=member, now=builders.NOW)
    assert Task.objects.get().due_date == builders.NOW + timedelta(days=30)


def test_an_unknown_choice_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="hour, tomorrow, next_week"):
        snoozing.until("never", PLAN, now=builders.NOW)
