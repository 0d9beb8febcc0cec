"""Timestamps come back as they went in, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001 (hypothesis adds the zone)
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))]),
    )
)
def test_a_timestamp_comes_back_in_utc_to_the_microsecond(instant: datetime) -> None:
    task = builders.make_task(due_date=instant, created_at=instant)
    (found,) = Task.objects.filter(pk=task.pk).values_list("due_date", flat=True)
    assert found == instant
    assert found.tzinfo is UTC
    assert Task.objects.get(pk=task.pk).due_date == instant
