"""Sequences: the printed offsets, elapsed across a clock change."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from domain.sequencing import PRESETS, UnknownSequence, sequence_due_dates

START = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))  # the clock springs forward that night


@pytest.mark.parametrize(
    ("preset", "delay", "days"),
    [
        ("standard", 0, [1, 3, 7, 14]),
        ("aggressive", 0, [1, 2, 4, 7]),
        ("gentle", 0, [3, 7, 14, 30]),
        ("aggressive", 24, [2, 3, 5, 8]),
        ("aggressive", Decimal("12"), [1.5, 2.5, 4.5, 7.5]),
    ],
)
def test_offsets_are_elapsed_days_from_the_start(preset, delay, days):
    due = sequence_due_dates(preset, start=START, start_delay_hours=delay)
    assert due == [START.astimezone(UTC) + timedelta(days=d) for d in days]
    assert all(d.tzinfo is UTC for d in due)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownSequence, match="standard, aggressive, gentle"):
        sequence_due_dates("fierce", start=START)


@pytest.mark.parametrize("delay", [-1, Decimal("-0.5"), float("nan"), float("inf")])
def test_a_delay_must_be_a_number_of_hours(delay):
    with pytest.raises(ValueError, match="0 or more hours"):
        sequence_due_dates("standard", start=START, start_delay_hours=delay)


def test_presets_ascend():
    assert all(list(days) == sorted(set(days)) for days in PRESETS.values())
