"""Cursors of lists: what is no cursor of ours shows the first page."""

import base64

import pytest

from crm.models import Contact
from tests import builders
from web import paging

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 3_000, id="deep"),
        '["a\\u0000b", 1]',
        '["\\ud800", 1]',
        '["a", "x"]',
        '["a", 1e999]',
        '[["a"], {}]',
        '{"a": 1, "b": 2}',
        "7",
    ],
)
def test_what_is_no_cursor_shows_the_first_page(text: str) -> None:
    contact = builders.make_contact(name="Ada")
    shown = paging.of(Contact.objects.all(), "name", "id", cursor=cursor(text))
    assert (shown.rows, shown.first) == ([contact], True)
