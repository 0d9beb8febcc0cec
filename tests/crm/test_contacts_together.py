"""Contacts changed by the hundred are changed as one by one, and cost no more the more they are."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import contacts
from crm.models import Activity, Contact
from jobs import announcing
from tests import builders
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DATES = st.sampled_from([None, NOW - timedelta(days=3), NOW + timedelta(days=9, microseconds=5)])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Ada", "Björn"]),
        "phone": st.sampled_from(["", "030 901820", "+49 170 1234567"]),
        "company": st.sampled_from(["", "Lumen"]),
        "status": st.sampled_from([word for word, _ in Contact.STATUSES]),
        "contact_cadence": st.sampled_from(["", "weekly", "days:10"]),
        "next_follow_up_at": DATES,
        "timezone": st.sampled_from(["", "Europe/Berlin", "America/New_York"]),
        "lead_score": st.integers(-5, 5),
        "tags": st.lists(st.sampled_from(["vip", "b"]), unique=True),
        "do_not_contact": st.booleans(),
        "owner_id": st.sampled_from(["first", "second", None]),
    },
)


def left(pks: list[int], heard: list[announcing.Fact]) -> list[Any]:
    """All that can be told of the contacts afterwards, with nothing of which contact it is."""
    rows = []
    for pk in pks:
        (row,) = Contact.objects.filter(pk=pk).values()
        ledger = Activity.objects.filter(contact_id=pk).order_by("pk").values("activity_type", "data", "actor_id")
        told = [(fact.key.partition(f":{pk}:")[2], fact.details) for fact in heard if fact.subject_id == pk]
        rows.append(({**row, "id": 0, "email": ""}, list(ledger), told))
    return rows


@given(was=st.lists(VALUES, min_size=3, max_size=3), becomes=st.lists(VALUES, min_size=3, max_size=3))
@settings(max_examples=10, suppress_health_check=list(HealthCheck))
def test_many_at_one_go_are_as_one_by_one(
    was: list[dict[str, Any]], becomes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = builders.make_manager()
    people = {"first": owner, "second": builders.make_user(team=owner.team)}
    for values in (*was, *becomes):
        if values.get("owner_id") in people:
            values["owner_id"] = people[values["owner_id"]].pk
    common: dict[str, Any] = {"team": owner.team, "owner_id": owner.pk, "name": "C", "created_at": NOW}
    heard: list[announcing.Fact] = []
    monkeypatch.setattr(announcing, "_listeners", [heard.extend])
    ways = []
    for together in (False, True):
        made = [builders.make_contact(None, **common | values) for values in was]
        pks = [row.pk for row in made]
        Contact.objects.filter(pk=pks[0]).update(status="lost")  # by hand, and not looked at yet
        heard.clear()
        wanted = dict(zip(pks, becomes, strict=True))
        with transaction.atomic():
            if together:
                assert contacts.update_all(wanted, by=owner, now=NOW) == set(pks)
            else:
                for row, values in zip(made, becomes, strict=True):
                    contacts.update(row, by=owner, now=NOW, **values)
        ways.append(left(pks, heard))
    assert ways[0] == ways[1]


def test_more_of_them_cost_no_more_statements_and_one_that_is_gone_stops_nothing() -> None:
    owner = builders.make_manager()
    counted = []
    for number in (2, 40):
        made = [builders.make_contact(owner) for _ in range(number)]
        wanted = {row.pk: {"status": "active", "company": "Lumen", "lead_score": 3} for row in made}
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            assert contacts.update_all(wanted | {0: {"company": "gone"}}, by=owner, now=NOW) == set(wanted)
        counted.append(len(captured))
        assert Activity.objects.filter(contact__in=made, activity_type=Activity.STATUS_CHANGED).count() == number
    assert counted[0] == counted[1]
