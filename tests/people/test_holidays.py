"""Public holidays by country and region, and the days off of people and teams."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from people import holidays


@pytest.mark.parametrize(
    ("country", "region", "day", "off"),
    [
        ("DE", "", date(2026, 10, 3), True),
        ("DE", "", date(2026, 6, 4), False),
        ("DE", "BY", date(2026, 6, 4), True),  # Corpus Christi, in Bavaria but not in Berlin
        ("DE", "BE", date(2026, 6, 4), False),
        ("US", "", date(2026, 11, 26), True),
        ("US", "", date(2026, 7, 3), True),  # the Fourth is a Saturday: observed the day before
        ("", "", date(2026, 12, 25), False),
        ("XX", "", date(2026, 12, 25), False),  # written past the checks: no holidays, no failure
        ("DE", "QQ", date(2026, 10, 3), True),  # an unknown region has its country's
    ],
)
def test_holidays_by_country_and_region(country, region, day, off):
    assert (day in holidays.days_off((), country=country, region=region)) is off


def test_a_holiday_has_a_name():
    assert "Good Friday" in holidays.names("GB", "ENG", 2026)[date(2026, 4, 3)]


def test_only_the_years_asked_about_are_worked_out():
    holidays.names.cache_clear()
    place = holidays.days_off((), country="FR")
    assert date(2026, 7, 14) in place
    assert date(2026, 7, 15) not in place
    assert (holidays.names.cache_info().misses, holidays.names.cache_info().hits) == (1, 1)


def test_years_beyond_a_table_are_empty_and_quiet():
    assert date(2060, 5, 1) not in holidays.days_off((), country="IN")


def stretch(first, length):
    return date(2026, 1, 1) + timedelta(days=first), date(2026, 1, 1) + timedelta(days=first + length)


@given(away=st.lists(st.builds(stretch, st.integers(0, 60), st.integers(0, 20)), max_size=6), asked=st.integers(-2, 90))
def test_stretches_away_overlap_as_they_like(away, asked):
    day = date(2026, 1, 1) + timedelta(days=asked)
    assert (day in holidays.days_off(away)) is any(first <= day <= last for first, last in away)


def test_a_stretch_without_end_costs_nothing():
    assert date(5000, 1, 1) in holidays.days_off([(date(2026, 1, 1), date.max), (date(2020, 1, 1), date(2026, 1, 1))])


def test_what_is_not_a_date_is_no_day_off():
    assert "2026-12-25" not in holidays.days_off((), country="DE")


@pytest.mark.parametrize(
    ("own", "team", "found"),
    [
        (("", ""), ("DE", "BY"), ("DE", "BY")),
        (("AT", ""), ("DE", "BY"), ("AT", "")),  # another country has none of the team's regions
        (("AT", "9"), ("DE", "BY"), ("AT", "9")),
        (("", "BE"), ("DE", "BY"), ("DE", "BE")),
        (("", ""), ("", ""), ("", "")),
    ],
)
def test_a_person_of_their_own_place(own, team, found):
    assert holidays.effective(country=own[0], region=own[1], team_country=team[0], team_region=team[1]) == found


def test_codes_are_checked_with_a_hint():
    for right in ("", "DE", "UK"):
        holidays.validate_country(right)
    for wrong in ("de", "DEU", "XX"):
        with pytest.raises(ValidationError, match="two-letter code, such as DE"):
            holidays.validate_country(wrong)
    holidays.validate_region("BY", "DE")
    holidays.validate_region("BY")
    with pytest.raises(ValidationError, match="use one of BB, BE"):
        holidays.validate_region("QQ", "DE")
    with pytest.raises(ValidationError, match="needs its country"):
        holidays.validate_region("BY", "")
    with pytest.raises(ValidationError, match="of any country"):
        holidays.validate_region("Nowhere")


def test_both_codes_together_name_the_field():
    holidays.validate("", "BY", team_country="DE")
    with pytest.raises(ValidationError) as caught:
        holidays.validate("DE", "AK")
    assert list(caught.value.message_dict) == ["region"]
    with pytest.raises(ValidationError) as caught:
        holidays.validate("Germany", "")
    assert list(caught.value.message_dict) == ["country"]


def test_every_code_fits_its_column():
    assert max(len(region) for code in holidays.countries() for region in holidays.regions(code)) <= 20
