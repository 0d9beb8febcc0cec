"""Delays of a rule tried against each other, over HTTP: what it takes, how it stands, and how it ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation import engine, experimenting
from automation.models import TaskAutomationRule
from crm.models import Contact
from learning.models import Experiment, ExperimentShares
from people.models import User
from tests import builders
from tests.api.conftest import Caller, problem
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def rule(manager: User) -> TaskAutomationRule:
    made = builders.make_rule(manager)
    for _ in range(40):
        builders.make_firing(made, contact=builders.make_contact(manager), occurred_at=datetime.now(UTC) - DAY)
    return made


def asked(rule: TaskAutomationRule, **fields: Any) -> dict[str, Any]:
    return {"rule_id": rule.pk, "delays_hours": [24, 72], "effect": 0.5, "base": 0.3} | fields


def test_what_it_takes_is_told_before(manager: User, rule: TaskAutomationRule) -> None:
    ask = Caller(manager)
    planned = ask("POST", "/api/experiments/plan", asked(rule)).json()
    assert planned["total"] == 2 * planned["per_arm"]
    assert planned["weeks"] == pytest.approx(planned["total"] / 10)
    assert planned["refused"] is False
    hopeless = ask("POST", "/api/experiments/plan", asked(rule, effect=0.03)).json()
    assert (hopeless["refused"], hopeless["weeks"] > 100) == (True, True)
    assert "26 weeks" in problem(ask("POST", "/api/experiments", asked(rule, effect=0.03)), 422)["errors"][0]["message"]


def test_it_begins_is_looked_at_and_adopted(manager: User, rule: TaskAutomationRule) -> None:
    ask = Caller(manager)
    made = ask("POST", "/api/experiments", asked(rule))
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    assert (made.json()["verdict"], made.json()["window_hours"], made.json()["looked_at"]) == ("too_early", 240, None)
    problem(ask("POST", "/api/experiments", asked(rule)), 422)
    experimenting.look(manager.team, now=datetime.now(UTC))
    told = ask.get(f"/api/experiments/{number}").json()
    assert [arm["delay_hours"] for arm in told["arms"]] == [24, 72]
    assert told["looked_at"] is not None
    assert [arm["rate"] for arm in told["arms"]] == [None, None]
    next_look = datetime.fromisoformat(told["next_look"])
    assert (next_look.hour, next_look.minute) == (3, 0)
    assert timedelta() < next_look - datetime.now(UTC) <= DAY
    assert told["reason"] == "Nothing is said before 50 contacts of each delay had their time."
    assert [one["id"] for one in ask.get("/api/experiments").json()["results"]] == [number]
    problem(ask("POST", f"/api/experiments/{number}/adopt", None), 422)
    problem(ask("POST", f"/api/experiments/{number}/adopt", {"arm": 2}), 422)
    ended = ask("POST", f"/api/experiments/{number}/adopt", {"arm": 1}).json()
    assert (ended["decision"], ended["next_look"]) == ("adopted", None)
    assert ask.get(f"/api/task-automation/rules/{rule.pk}/").json()["delay_hours"] == 72
    problem(ask("POST", f"/api/experiments/{number}/stop", None), 409)


def test_what_a_test_cannot_show_is_optimised_and_nothing_is_said_of_it(
    manager: User, rule: TaskAutomationRule
) -> None:
    ask = Caller(manager)
    refused = problem(ask("POST", "/api/experiments", asked(rule, effect=0.03)), 422)
    assert "optimised, which proves nothing" in refused["errors"][0]["message"]
    without = {"rule_id": rule.pk, "delays_hours": [24, 72]}
    assert problem(ask("POST", "/api/experiments", without), 422)["errors"][0]["pointer"] == "/effect"
    made = ask("POST", "/api/experiments", without | {"kind": "optimise"})
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    told = {name: made.json()[name] for name in ("verdict", "winner", "planned", "per_arm", "comparisons", "kind")}
    assert told == {
        "verdict": "optimising",
        "kind": "optimise",
        "comparisons": [],
        **dict.fromkeys(("winner", "planned", "per_arm")),
    }
    contacts = [builders.make_contact(manager) for _ in range(30)]

    def click() -> dict[int, int]:
        """All of them; the hours after which each one's task is due."""
        events = [{"contact_id": one.pk, "activity_type": "email_clicked"} for one in contacts]
        assert ask("POST", "/api/activities", events).status_code == 202
        engine.drain(manager.team_id, now=datetime.now(UTC))
        found = Task.objects.open().filter(kind=f"rule:{rule.pk}")
        due = {one.contact_id: round((one.due_date - one.created_at) / timedelta(hours=1)) for one in found}
        found.update(status="done", completed_at=datetime.now(UTC))
        return due

    due = click()
    arms = ask.get(f"/api/experiments/{number}").json()["arms"]
    assert [arm["contacts"] for arm in arms] == [list(due.values()).count(hours) for hours in (24, 72)]
    assert [arm["share"] for arm in arms] == [0.5, 0.5]
    assert len(due) == 30
    ExperimentShares.objects.update(shares=[0.05, 0.95])
    assert click() == due, "whoever was drawn keeps the delay"
    told = ask.get(f"/api/experiments/{number}").json()["arms"]
    assert told == [arm | {"share": share} for arm, share in zip(arms, (0.05, 0.95), strict=True)]
    problem(ask("POST", f"/api/experiments/{number}/adopt", None), 422)
    assert ask("POST", f"/api/experiments/{number}/adopt", {"arm": 1}).json()["decision"] == "adopted"
    assert ask.get(f"/api/task-automation/rules/{rule.pk}/").json()["delay_hours"] == 72


@pytest.mark.parametrize(
    "wrong",
    [{"delays_hours": [24]}, {"delays_hours": [24, 24]}, {"effect": 0}, {"base": 1}, {"base": 0.8, "effect": 0.3}],
)
def test_what_cannot_be_tried_is_refused(manager: User, rule: TaskAutomationRule, wrong: dict[str, Any]) -> None:
    problem(Caller(manager)("POST", "/api/experiments", asked(rule, **wrong)), 422)


def test_a_rule_keeps_what_it_was_told_of_learning(manager: User, rule: TaskAutomationRule) -> None:
    path = f"/api/task-automation/rules/{rule.pk}/"
    changed = Caller(manager)("PATCH", path, {"best_time_within_hours": 24, "priority_from_score": True})
    assert changed.status_code == 200
    told = Caller(manager).get(path).json()
    assert (told["best_time_within_hours"], told["priority_from_score"]) == (24, True)
    for hours in (0, 337):
        problem(Caller(manager)("PATCH", path, {"best_time_within_hours": hours}), 422)


@pytest.mark.parametrize("kind", ["test", "optimise"])
@pytest.mark.parametrize(
    "changed",
    [
        {"delay_kind": "business", "delay_days": 2, "delay_hours": 0},
        {"delay_hours": 5},
        {"best_time_within_hours": 24},
        {"trigger_config": {"activity_types": ["email_opened"]}},
        {"condition": "contact.lead_score > 80"},
    ],
)
def test_what_delays_are_tried_on_stays_until_that_is_stopped(
    manager: User, rule: TaskAutomationRule, kind: str, changed: dict[str, Any]
) -> None:
    ask, path = Caller(manager), f"/api/task-automation/rules/{rule.pk}/"
    number = ask("POST", "/api/experiments", asked(rule, kind=kind)).json()["id"]
    [refused] = problem(ask("PATCH", path, changed), 422)["errors"]
    assert refused["pointer"].removeprefix("/") in changed
    assert "stop that first" in refused["message"]
    same = {"name": "Other", "delay_hours": 4, "trigger_config": {"activity_types": ["email_clicked"]}}
    assert ask("PATCH", path, same | {"is_active": False}).status_code == 200
    assert ask("POST", f"/api/experiments/{number}/stop", None).status_code == 200
    assert ask("PATCH", path, changed).status_code == 200


def test_contacts_that_come_again_count_once_in_what_it_takes(manager: User, rule: TaskAutomationRule) -> None:
    """The forty of last week came a year ago too, and some firings are about nobody."""
    ask = Caller(manager)
    before = ask("POST", "/api/experiments/plan", asked(rule)).json()
    for pk in Contact.objects.filter(firings__rule=rule).values_list("pk", flat=True):
        long_ago = datetime.now(UTC) - 365 * DAY
        builders.make_firing(rule, contact_id=pk, occurred_at=long_ago, at=long_ago)
    for _ in range(20):
        builders.make_firing(rule, contact=None)
    again = ask("POST", "/api/experiments/plan", asked(rule)).json()
    assert (before["weeks"], before["refused"]) == (10, False)
    assert again == before | {"weeks": None, "refused": True}


@pytest.mark.parametrize("kind", ["test", "optimise"])
def test_a_rule_that_is_off_tries_nothing(manager: User, rule: TaskAutomationRule, kind: str) -> None:
    ask, path = Caller(manager), f"/api/task-automation/rules/{rule.pk}/"
    ask("PATCH", path, {"is_active": False})
    refused = problem(ask("POST", "/api/experiments", asked(rule, kind=kind)), 422)
    assert "switch it on" in refused["errors"][0]["message"]
    ask("PATCH", path, {"is_active": True})
    made = ask("POST", "/api/experiments", asked(rule, kind=kind)).json()
    assert ask("DELETE", path).status_code in (200, 204)
    told = ask.get(f"/api/experiments/{made['id']}").json()
    assert (told["decision"], told["ended_at"] is not None) == ("stopped", True)


@pytest.mark.parametrize("kind", ["test", "optimise"])
def test_a_rule_for_nobody_tries_nothing(manager: User, rule: TaskAutomationRule, kind: str) -> None:
    ask = Caller(manager)
    TaskAutomationRule.objects.update(trigger_type="time", trigger_config={"every": {"days": 1}})
    refused = problem(ask("POST", "/api/experiments", asked(rule, kind=kind)), 422)
    assert "audience" in refused["errors"][0]["message"]
    TaskAutomationRule.objects.update(trigger_config={"every": {"days": 1}, "audience": "contacts"})
    assert ask("POST", "/api/experiments", asked(rule, kind=kind)).status_code == 201


def test_what_has_run_out_is_not_adopted_while_others_are_tried(manager: User, rule: TaskAutomationRule) -> None:
    ask = Caller(manager)
    first = ask("POST", "/api/experiments", asked(rule)).json()["id"]
    Experiment.objects.update(ended_at=datetime.now(UTC), decision=Experiment.RUN_OUT)
    TaskAutomationRule.objects.update(experiment=None)
    second = ask("POST", "/api/experiments", asked(rule)).json()["id"]
    refused = problem(ask("POST", f"/api/experiments/{first}/adopt", {"arm": 1}), 409)
    assert "stop that first" in refused["detail"]
    told = ask.get(f"/api/experiments/{second}").json()
    assert (told["decision"], ask.get(f"/api/experiments/{first}").json()["decision"]) == ("", "run_out")
    assert ask("POST", f"/api/experiments/{second}/stop", None).status_code == 200
    assert ask("POST", f"/api/experiments/{first}/adopt", {"arm": 1}).json()["decision"] == "adopted"


def test_a_rule_that_cannot_be_saved_takes_over_no_delay(manager: User, rule: TaskAutomationRule) -> None:
    ask = Caller(manager)
    number = ask("POST", "/api/experiments", asked(rule)).json()["id"]
    TaskAutomationRule.objects.update(required_skills=[{"skill": "Nobody has it", "level": 2}])
    refused = problem(ask("POST", f"/api/experiments/{number}/adopt", {"arm": 1}), 422)
    assert "mend it first" in str(refused)
    assert ask.get(f"/api/experiments/{number}").json()["decision"] == ""
