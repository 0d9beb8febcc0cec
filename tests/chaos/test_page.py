"""The page on what happened under faults says what its figures say, and those are what is promised."""

import json

import pytest

from tests.chaos import page

FIGURES: page.Figures = json.loads(page.FIGURES.read_text())


def test_the_page_says_what_was_counted() -> None:
    said = page.PAGE.read_text()
    assert page.BEGIN in said
    assert page.written(said, FIGURES) == said


@pytest.mark.parametrize("name", sorted(FIGURES.keys() - {"recovery"}))
def test_what_was_counted_is_what_is_promised(name: str) -> None:
    """How long it took is as the machine was, and stands beside what is promised."""
    assert page.faults(name, FIGURES[name]) == []
