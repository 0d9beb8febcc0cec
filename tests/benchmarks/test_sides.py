"""What is measured side by side does the same: otherwise the ratio says nothing."""

import json
from typing import Any

import pytest
from django.test import Client

from benchmarks import __main__ as bench
from benchmarks import decisions, intake
from crm.models import Activity, Contact
from people.models import User
from tests import builders

ALIKE = ("team_id", "contact_id", "activity_type", "occurred_at", "source", "origin", "signal", "data", "processed_at")


@pytest.fixture
def member() -> User:
    return builders.make_user()


def post(client: Client, name: str, body: Any, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return client.post(intake.PATHS[name], body, content_type="application/json", headers=headers)


@pytest.mark.django_db
@pytest.mark.urls("benchmarks.urls")
def test_the_view_of_the_framework_writes_the_rows_that_the_product_writes(client: Client, member: User) -> None:
    contacts = [builders.make_contact(member).pk for _ in range(3)]
    token = builders.make_token(member, scopes=("activities:write",))
    written = {}
    for name in intake.PATHS:
        answer = post(client, name, intake.activities(name, 1, contacts), token)
        assert (answer.status_code, answer.json()["accepted"]) == (202, intake.EACH)
        rows = Activity.objects.filter(source_key__startswith=f"{name}-").order_by("source_key")
        written[name] = list(rows.values_list(*ALIKE, "content_hash"))
    own, usual = written.values()
    assert own == usual
    assert len(own) == intake.EACH


@pytest.mark.django_db
@pytest.mark.urls("benchmarks.urls")
@pytest.mark.parametrize("name", intake.PATHS)
def test_both_sides_ask_for_the_same_rights(client: Client, member: User, name: str) -> None:
    colleagues: Contact = builders.make_contact(builders.make_user(team=member.team))
    body = json.dumps([{"contact_id": colleagues.pk, "activity_type": "call", "source_key": "x"}])
    post(client, name, body, builders.make_token(member))
    assert post(client, name, body, builders.make_token(member, scopes=("tasks:read",))).status_code == 403
    assert post(client, name, body, "nm_unknown").status_code == 401
    assert not Activity.objects.filter(activity_type="call").exists()


def test_templates_and_conditions_say_what_the_plain_ways_say() -> None:
    assert decisions.STEPS["template"]() == decisions.STEPS["replace"]()
    assert decisions.STEPS["condition"]() is decisions.STEPS["function"]() is True


def test_a_part_that_there_is_not_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "engine", "nothing"])
    with pytest.raises(SystemExit):
        bench.arguments()
    assert "there is no part nothing" in capsys.readouterr().err
