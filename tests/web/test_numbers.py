"""Numbers are taken as people write them, and never guessed."""

import contextlib
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

import web
from tests.web.conftest import Office
from web import numbers
from work.models import Task

BOTH = pytest.mark.parametrize("language", ["en", "de"])
MEANT = {
    "1,5": "1.5",
    "1.5": "1.5",
    " 2,25 ": "2.25",
    "0,125": "0.125",
    "0.125": "0.125",
    ",5": "0.5",
    "3": "3",
    "1500": "1500",
    "-1,5": "-1.5",
    "1,5000": "1.5",
    "1.234,5": "1234.5",
    "1,234.5": "1234.5",
    "1.234.567": "1234567",
    "1 500,25": "1500.25",
    "1\u2019500.25": "1500.25",
}
UNCLEAR = ["1,500", "1.500", "12.345", "999,999"]
NONE = ["", "x", "1,2,3", "1.2.3", "1,5 h", "1e3", "NaN", "1.23,456.7", "--1", "1..5", "12,34.5", "٣"]


@BOTH
@pytest.mark.parametrize("typed", MEANT)
def test_a_number_is_read_alike_in_every_language(typed: str, language: str) -> None:
    with override(language):
        assert numbers.read(typed) == Decimal(MEANT[typed])


@BOTH
@pytest.mark.parametrize("typed", [*UNCLEAR, *NONE])
def test_what_is_unclear_is_refused(typed: str, language: str) -> None:
    with override(language), pytest.raises(numbers.Unclear):
        numbers.read(typed)


@pytest.mark.parametrize(
    ("language", "typed", "why"),
    [
        ("en", "1,500", "1,500 may be read in two ways: write 1500 or 1.5."),
        ("en", "1.125", "1.125 may be read in two ways: write 1125 or 1.1250."),
        ("de", "1.500", "1.500 lässt sich auf zwei Arten lesen: Schreiben Sie 1500 oder 1,5."),
        ("de", "2,000", "2,000 lässt sich auf zwei Arten lesen: Schreiben Sie 2000 oder 2."),
        ("de", "viel", "Schreiben Sie eine Zahl, etwa 1,5."),
    ],
)
def test_the_refusal_says_how_to_write_it_and_that_is_taken(language: str, typed: str, why: str) -> None:
    with override(language):
        with pytest.raises(numbers.Unclear) as refused:
            numbers.read(typed)
        assert str(refused.value) == why
        for way in re.findall(r"(?<= )[\d.,]*\d", why.partition(":")[2]):
            numbers.read(way)


@BOTH
@given(value=st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False, allow_infinity=False))
def test_what_a_form_shows_it_takes_back(language: str, value: Decimal) -> None:
    with override(language):
        assert numbers.read(numbers.written(value)) == value


@given(text=st.text(max_size=12) | st.from_regex(r"[-+ .,'\d]{0,12}", fullmatch=True))
def test_whatever_is_typed_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(numbers.Unclear):
        assert numbers.read(text).is_finite()


def test_no_page_has_a_decimal_field_of_another_kind() -> None:
    def forms_of(kind: type[forms.BaseForm]) -> list[type[forms.BaseForm]]:
        return [kind, *(one for sub in kind.__subclasses__() for one in forms_of(sub))]

    for module in Path(web.__file__).parent.glob("*.py"):
        __import__(f"web.{module.stem}")
    ours = [one for one in forms_of(forms.BaseForm) if one.__module__.startswith("web.")]
    other = [
        f"{one.__qualname__}.{name}"
        for one in ours
        for name, field in one.base_fields.items()
        if isinstance(field, forms.DecimalField | forms.FloatField) and not isinstance(field, numbers.NumberField)
    ]
    assert len(ours) > 20
    assert other == []


@pytest.mark.django_db
@BOTH
@pytest.mark.parametrize(("typed", "hours"), [("1,5", "1.5"), ("1.5", "1.5"), ("1.234,5", None), ("1,500", None)])
def test_hours_are_typed_as_one_writes_them(
    language: str, typed: str, hours: str | None, office: Office, browser_of: Any
) -> None:
    browser = browser_of(office.member)
    browser.cookies["django_language"] = language
    done = browser.post(f"/tasks/{office.task.pk}/complete", {"actual_hours": typed}, follow=True)
    task = Task.objects.get(pk=office.task.pk)
    assert task.actual_hours == (None if hours is None else Decimal(hours))
    if typed == "1,500":
        assert ("zwei Arten" if language == "de" else "two ways") in done.content.decode()
