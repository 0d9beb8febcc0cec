"""What is learned can be switched off, by page and API, of the team and of one rule: then it has no effect at all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from learning import lead_features, lead_models, lead_scores
from people.models import User
from tests import builders
from tests.api.conftest import Caller
from tests.automation.test_learned_rules import NOW, happens, learned_hour, rule
from tests.web.conftest import BACKEND
from tests.web.test_audit import RULE_FORM

pytestmark = [pytest.mark.django_db, pytest.mark.database]
BOXES = {"won_statuses": "active", "lost_statuses": "lost", "urgent_share": "20", "deal_value_key": ""}
"""What the page sends besides the switches; those that it does not send are off."""


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def by_page(manager: User, client: Any, name: str) -> None:
    client.force_login(manager, backend=BACKEND)
    on = {other: "on" for other in ("times", "scores", "estimates") if other != name}
    assert client.post("/settings/learning", BOXES | on).status_code == 302


def by_api(manager: User, client: Any, name: str) -> None:
    assert Caller(manager)("PATCH", "/api/learning", {name: False}).status_code == 200


WAYS = pytest.mark.parametrize("switch_off", [by_page, by_api])
Way = Callable[[User, Any, str], None]


@WAYS
def test_best_times_of_a_team(switch_off: Way, manager: User, client: Any) -> None:
    rule(manager, best_time_within_hours=12)
    contact = learned_hour(manager)[0]
    assert happens(contact).timing is not None
    switch_off(manager, client, "times")
    task = happens(contact)
    assert (task.due_date, task.timing) == (NOW + timedelta(hours=1), None)
    assert Caller(manager).get(f"/api/contacts/{contact.pk}/best-time").json()["known"] is False


@WAYS
def test_scores_of_a_team(switch_off: Way, manager: User, client: Any) -> None:
    rule(manager, priority_from_score=True)
    contact = builders.make_contact(manager, phone="1", company="C")
    lead_features.take_snapshots(manager.team, now=NOW)
    lead_models.train(manager.team, now=NOW)
    lead_scores.refresh(manager.team, now=NOW)
    assert happens(contact).priority == "urgent"
    switch_off(manager, client, "scores")
    assert happens(contact).priority == "medium"
    assert lead_scores.refresh(manager.team, now=NOW).leads == 0
    assert Caller(manager).get(f"/api/contacts/{contact.pk}/score").json()["score"] is None


@WAYS
def test_estimates_of_a_team(switch_off: Way, manager: User, client: Any) -> None:
    for _ in range(30):
        builders.make_done_task(manager, estimated_hours=1, actual_hours=3)
    task = builders.make_task(manager, estimated_hours=1)
    asked = f"/api/tasks/{task.pk}/forecast"
    assert Caller(manager).get(asked).json()["middle"] > 2
    switch_off(manager, client, "estimates")
    assert Caller(manager).get(asked).json()["middle"] is None
    client.force_login(manager, backend=BACKEND)
    assert "Usually" not in client.get(f"/tasks/{task.pk}").content.decode()


def rule_by_page(manager: User, client: Any, pk: int) -> None:
    client.force_login(manager, backend=BACKEND)
    form = RULE_FORM | {"activity_types": "form_submitted", "repeat_policy": "every_time", "priority": "low"}
    assert client.post(f"/automations/task-scheduling/{pk}", form | {"delay": "1"}).status_code == 302


def rule_by_api(manager: User, client: Any, pk: int) -> None:
    off = {"best_time_within_hours": None, "priority_from_score": False, "task_priority": "low"}
    assert Caller(manager)("PATCH", f"/api/task-automation/rules/{pk}/", off).status_code == 200


@pytest.mark.parametrize("switch_off", [rule_by_page, rule_by_api])
def test_both_of_one_rule(switch_off: Callable[[User, Any, int], None], manager: User, client: Any) -> None:
    made_by = rule(manager, best_time_within_hours=12, priority_from_score=True)
    contact = learned_hour(manager)[0]
    lead_features.take_snapshots(manager.team, now=NOW)
    lead_models.train(manager.team, now=NOW)
    lead_scores.refresh(manager.team, now=NOW)
    before = happens(contact)
    assert before.timing is not None
    assert before.priority_source == "score"
    switch_off(manager, client, made_by.pk)
    task = happens(contact)
    assert (task.due_date, task.timing) == (NOW + timedelta(hours=1), None)
    assert (task.priority, task.priority_source) == ("low", "")
