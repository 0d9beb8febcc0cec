"""What programs tell over HTTP, taken for what it is."""

from typing import Any

import pytest

from crm.models import Activity
from people.models import User
from tests import builders
from tests.api.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.mark.parametrize(
    ("data", "kind", "signal"),
    [
        ({"headers": {"Auto-Submitted": "auto-replied"}}, "email_auto_replied", "machine"),
        ({"headers": {"X-Autoreply": "yes"}, "subject": "Away until 12.12.2099"}, "email_auto_replied", "machine"),
        ({"headers": {"Auto-Submitted": "no", "Subject": "Re: Hi"}}, "email_replied", "unknown"),
        ({"headers": {"Subject": "Hi"}, "from": "noreply@example.com"}, "email_auto_replied", "machine"),
        ({"headers": ["Auto-Submitted: auto-replied"], "from": 7}, "email_replied", "unknown"),
        ({"headers": {"Auto-Submitted": 7, "X-A": None}}, "email_replied", "unknown"),
        ({"subject": "Out of office"}, "email_replied", "unknown"),
        ({}, "email_replied", "unknown"),
    ],
)
def test_a_reply_whose_headers_show_a_machine_is_told_as_one(
    manager: User, data: dict[str, Any], kind: str, signal: str
) -> None:
    contact = builders.make_contact(manager)
    said = {"contact_id": contact.pk, "activity_type": "email_replied", "source_key": "r1", "data": data}
    answers = [Caller(manager).post("/api/activities", said) for _ in range(2)]
    assert [(one.json()["accepted"], one.json()["duplicates"]) for one in answers] == [(1, 0), (0, 1)]
    row = Activity.objects.get(contact=contact)
    assert (row.activity_type, row.signal) == (kind, signal)
    assert row.data.items() >= data.items()
    assert ("automatic" in row.data) == (kind == "email_auto_replied")
