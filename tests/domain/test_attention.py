"""What comes next for a contact."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import attention
from domain.attention import Next, next_thing

NOW = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
instants = st.none() | st.integers(-500, 500).map(lambda hours: NOW + timedelta(hours=hours))
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
PLAIN: dict[str, Any] = {
    "has_task": False,
    "task_due": None,
    "touch_at": None,
    "step_at": None,
    "may_contact": True,
    "now": NOW,
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Next(attention.MAKE)),
        ({"may_contact": False}, Next(attention.LEAVE)),
        ({"may_contact": False, "touch_at": EARLIER, "step_at": LATER}, Next(attention.LEAVE)),
        ({"may_contact": False, "has_task": True}, Next(attention.TASK)),
        ({"has_task": True, "task_due": EARLIER}, Next(attention.LATE_TASK, EARLIER)),
        ({"has_task": True, "task_due": LATER, "touch_at": EARLIER}, Next(attention.LATE_TOUCH, EARLIER)),
        ({"has_task": True, "task_due": LATER, "touch_at": LATER, "step_at": LATER}, Next(attention.TASK, LATER)),
        ({"has_task": True, "touch_at": NOW + timedelta(days=6)}, Next(attention.TOUCH, NOW + timedelta(days=6))),
        ({"has_task": True, "touch_at": NOW + timedelta(days=8)}, Next(attention.TASK)),
        ({"step_at": LATER, "touch_at": NOW + timedelta(hours=2)}, Next(attention.STEP, LATER)),
    ],
)
def test_what_is_due_first_goes_first(given: dict[str, Any], expected: Next) -> None:
    assert next_thing(**{**PLAIN, **given}) == expected


@given(st.booleans(), instants, instants, instants, st.booleans())
def test_nothing_that_is_planned_is_due_before_it(
    has_task: bool, due: datetime | None, touch: datetime | None, step: datetime | None, may_contact: bool
) -> None:
    found = next_thing(has_task=has_task, task_due=due, touch_at=touch, step_at=step, may_contact=may_contact, now=NOW)
    others = [due if has_task else None, *((touch, step) if may_contact else ())]
    if found.at is not None:
        assert found.at == min(at for at in others if at is not None)
    assert (found.kind in (attention.MAKE, attention.LEAVE)) == (
        not has_task and (not may_contact or touch is step is None)
    )
