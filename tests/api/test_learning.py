"""What was learned, over HTTP: of a contact, of a task, of a team, with its figures and what it rests on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.learning import best_time
from learning import nights
from learning.models import BestTimeCheck
from people.models import Change, User
from tests import builders
from tests.api.conftest import Caller, problem
from tests.learning import past

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def got(user: User, path: str) -> Any:
    answer = Caller(user).get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def learn(user: User) -> None:
    nights.learn(user.team, now=datetime.now(UTC))


def test_the_best_time_of_a_contact(manager: User) -> None:
    builders.make_working_week(manager, starts="00:00", ends="15:00", days=range(7))
    contact = builders.make_contact(manager, timezone="Asia/Tokyo")
    before = got(manager, f"/api/contacts/{contact.pk}/best-time")
    assert (before["known"], before["best_at"], before["chances"]) == (False, None, [])
    past.habit(contact, 5, until=datetime.now(UTC), days=10, idle=0)
    learn(manager)
    few = got(manager, f"/api/contacts/{contact.pk}/best-time")
    assert (few["known"], few["best_at"]) == (False, None)
    assert few["reason"] == "There is not enough history yet: 20 of 50 attempts."
    past.habit(contact, 5, until=datetime.now(UTC) - timedelta(days=20), days=40, idle=0)
    learn(manager)
    answer = got(manager, f"/api/contacts/{contact.pk}/best-time?within_hours=48")
    assert (answer["known"], answer["hour"], answer["zone"]) == (True, 14, "Asia/Tokyo")
    assert answer["kept_out"] == best_time.held_out(manager.team_id, contact.pk)
    assert datetime.fromisoformat(answer["best_at"]).astimezone(UTC).hour == 5
    assert len(answer["chances"]) == len(answer["attempts"]) == 24
    assert (answer["channel"], sum(answer["attempts"])) == ("call", answer["level_attempts"])
    assert answer["reason"].startswith(f"At 14:00 an answer within 4 h is {answer['chance']:.0%} likely, by ")


def test_what_chosen_hours_bring(manager: User) -> None:
    assert got(manager, "/api/learning")["times_compared"] is None
    learn(manager)
    few = got(manager, "/api/learning")["times_compared"]
    assert (few["verdict"], few["difference"], few["needed"]) == ("too_early", None, None)
    assert few["kept"] == {"contacts": 0, "answered": 0, "rate": None}
    BestTimeCheck.objects.update(kept=60, kept_answered=18, chosen=540, chosen_answered=172)
    told = got(manager, "/api/learning")["times_compared"]
    assert (told["verdict"], told["chosen"]["rate"]) == ("unclear", pytest.approx(172 / 540))
    assert told["low"] < 0 < told["difference"] < told["high"]
    assert 20_000 < told["needed"] < 26_000


def test_what_a_lead_is_worth_counts_in_its_rank(manager: User) -> None:
    small, large = builders.make_contact(manager, phone="1"), builders.make_contact(manager, phone="1")
    assert Caller(manager)("PATCH", "/api/learning", {"deal_value_key": "amount"}).json()["deal_value_key"] == "amount"
    problem(Caller(manager)("PATCH", "/api/learning", {"deal_value_key": "a" * 61}), 422)
    for contact, amount in ((small, 10), (large, 5000)):
        said = {"contact_id": contact.pk, "activity_type": "offer_made", "data": {"amount": amount}}
        assert Caller(manager)("POST", "/api/activities", said).status_code == 202
    learn(manager)
    told = got(manager, f"/api/contacts/{large.pk}/score")
    assert (told["deal_value"], told["rank"]) == (5000, 0)
    assert got(manager, f"/api/contacts/{small.pk}/score")["rank"] == 0.5


def test_the_score_of_a_lead(manager: User) -> None:
    contact = builders.make_contact(manager, phone="1", company="C", email="a@gmail.com")
    assert got(manager, f"/api/contacts/{contact.pk}/score")["score"] is None
    learn(manager)
    answer = got(manager, f"/api/contacts/{contact.pk}/score")
    assert (answer["score"], answer["chance"], answer["observed"], answer["rank"]) == (20, None, None, 0)
    assert {one["field"] for one in answer["reasons"]} == {"phone", "company"}
    assert answer["model"]["kind"] == "rules"
    assert answer["reason"] == "By points, not learned yet: 0 won and 0 lost, where 30 of each are needed."
    assert got(manager, f"/api/contacts/{contact.pk}")["lead_score"] == 20


def test_why_a_task_is_due_at_its_hour(manager: User) -> None:
    timing = {"reason": "learned", "chosen_by": "best_time", "propensity": 0.95, "chance": 0.5, "usual_chance": 0.25}
    moved, plain = timing | {"moved": True}, None
    for kept, told in ((timing, "Answers come sooner at this hour: 50%"), (moved, ""), (plain, "")):
        task = builders.make_task(manager, timing=kept)
        assert got(manager, f"/api/tasks/{task.pk}")["timing"].startswith(told)
        assert bool(got(manager, f"/api/tasks/{task.pk}")["timing"]) == bool(told)


def test_the_forecast_of_a_task(manager: User) -> None:
    task = builders.make_task(manager, estimated_hours=2)
    answer = got(manager, f"/api/tasks/{task.pk}/forecast")
    assert (answer["estimate"], answer["corrects"]) == (2, False)
    assert answer["reason"] == "No finished task tells of this yet."
    for n in range(9):
        builders.make_done_task(manager, estimated_hours=1, actual_hours=(1, 2, 3)[n % 3])
    answer = got(manager, f"/api/tasks/{task.pk}/forecast")
    assert not answer["corrects"]
    assert answer["reason"] == "Finished tasks until now: 9 of 10 needed. The estimate stands."
    for n in range(21):
        builders.make_done_task(manager, estimated_hours=1, actual_hours=(1, 2, 3)[n % 3])
    learn(manager)
    answer = got(manager, f"/api/tasks/{task.pk}/forecast")
    assert answer["corrects"]
    assert answer["low"] < answer["middle"] < answer["high"]
    assert answer["reason"].startswith("Usually 4.0 h, 8 of 10 times 1.8 to 6.3 h (30 tasks")
    Caller(manager)("PATCH", "/api/learning", {"estimates": False})
    assert got(manager, f"/api/tasks/{task.pk}/forecast")["middle"] is None


def test_what_a_team_lets_be_learned(manager: User) -> None:
    before = got(manager, "/api/learning")
    assert (before["won_statuses"], before["score_model"]) == (["active"], None)
    points = [{"field": "tag:vip", "points": 20, "equals": "yes"}]
    answer = Caller(manager)("PATCH", "/api/learning", {"points": points, "lost_statuses": ["lost", "inactive"]})
    assert answer.status_code == 200
    contact = builders.make_contact(manager, email="", tags=["vip"])
    learn(manager)
    assert got(manager, f"/api/contacts/{contact.pk}/score")["score"] == 20
    after = got(manager, "/api/learning")
    assert after["score_model"]["version"] == 1
    assert [one["channel"] for one in after["learned_times"]] == ["call", "email"]
    for one in after["learned_times"]:
        assert (len(one["chances"]), sum(one["tried"])) == (24, one["attempts"])
    line = Change.objects.get(kind="learning")
    assert line.after["lost_statuses"] == ["lost", "inactive"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"won_statuses": []}, "/won_statuses"),
        ({"won_statuses": ["lost"]}, "/lost_statuses"),
        ({"won_statuses": ["active", "lead"], "lost_statuses": ["lost", "inactive"]}, "/lost_statuses"),
        ({"points": [{"field": "gender", "points": 5}]}, "/points"),
        ({"points": [{"field": "tag:age", "points": 5}]}, "/points"),
        ({"points": [{"field": "shoe_size", "points": 5}]}, "/points"),
        ({"points": [{"field": "tag:gender:female", "points": 5}]}, "/points"),
        ({"points": [{"field": "tag:", "points": 5}]}, "/points"),
        ({"points": [{"field": "tag: ", "points": 5}]}, "/points"),
        ({"points": [{"field": "phone", "points": 5, "equals": "known", "at_least": 1}]}, "/points"),
        ({"points": [{"field": "phone", "points": points} for points in (5, 6)]}, "/points"),
        ({"points": [{"field": "tag:vip", "points": 5, "equals": equals} for equals in ("yes", None)]}, "/points"),
        ({"points": [{"field": "mail", "points": 500}]}, "/points/0/points"),
        ({"points": [{"field": "did:email_clicked", "points": 101}]}, "/points/0/points"),
        ({"points": [{"field": "did:email_clicked", "points": points} for points in (5, 6)]}, "/points"),
        ({"points": [{"field": "did:email_clicked", "points": 5, "equals": "yes"}]}, "/points"),
        ({"points": [{"field": "did:", "points": 5}]}, "/points"),
        ({"points": [{"field": "did:task_completed", "points": 5}]}, "/points"),
        ({"points": [{"field": "did:status_changed", "points": 5}]}, "/points"),
        ({"urgent_share": 0}, "/urgent_share"),
    ],
)
def test_what_cannot_be_learned_is_refused(manager: User, body: dict[str, Any], pointer: str) -> None:
    told = problem(Caller(manager)("PATCH", "/api/learning", body), 422)
    assert told["errors"][0]["pointer"] == pointer
    assert got(manager, "/api/learning")["won_statuses"] == ["active"]


def test_points_for_what_a_lead_did(manager: User) -> None:
    contact = builders.make_contact(manager, email="")
    line = {"field": "did:email_clicked", "points": 25}
    answer = Caller(manager)("PATCH", "/api/learning", {"points": [line]}).json()["points"]
    assert [one["points"] for one in answer if one["field"].startswith("did:")] == [25]
    assert {one["field"] for one in answer} == {"mail", "phone", "company", "did:email_clicked"}
    said = {"contact_id": contact.pk, "activity_type": "email_clicked"}
    Caller(manager)("POST", "/api/activities", said)
    learn(manager)
    assert got(manager, f"/api/contacts/{contact.pk}/score")["score"] == 25
    assert Change.objects.get(kind="learning").after["points"][0]["field"] == "did:email_clicked"


def test_points_for_a_tag_are_for_those_who_have_it(manager: User) -> None:
    tagged, plain = (builders.make_contact(manager, email="", tags=tags) for tags in (["vip"], []))
    answer = Caller(manager)("PATCH", "/api/learning", {"points": [{"field": "tag:vip", "points": 50}]})
    told = {line["field"]: line["equals"] for line in answer.json()["points"]}
    usual = ("email_opened", "email_clicked", "email_replied", "form_submitted", "meeting_booked")
    assert told == {"tag:vip": "yes", **{f"did:{kind}": None for kind in usual}}
    learn(manager)
    assert [got(manager, f"/api/contacts/{one.pk}/score")["score"] for one in (tagged, plain)] == [50, 0]


def test_no_version_is_made_while_scores_are_off(manager: User) -> None:
    ask = Caller(manager)
    ask("PATCH", "/api/learning", {"scores": False})
    told = problem(ask("POST", "/api/lead-models/train", None), 409)
    assert "switch them on first" in told["detail"]
    assert got(manager, "/api/lead-models")["results"] == []


def test_a_version_that_is_asked_for_knows_what_ended_today(manager: User) -> None:
    learn(manager)
    contacts = [builders.make_contact(manager) for _ in range(3)]
    learn(manager)
    for contact, status in zip(contacts, ("active", "lost", "lead"), strict=True):
        Caller(manager)("PATCH", f"/api/contacts/{contact.pk}", {"status": status})
    made = Caller(manager)("POST", "/api/lead-models/train", None).json()
    assert (made["n"], made["wins"]) == (2, 1)


def test_versions_of_the_score(manager: User) -> None:
    ask = Caller(manager)
    for version in (1, 2):
        assert ask("POST", "/api/lead-models/train", None).json()["version"] == version
    assert ask("POST", "/api/lead-models/1/activate", None).json()["held"]
    assert ask("POST", "/api/lead-models/train", None).json()["active"] is False
    listed = got(manager, "/api/lead-models")["results"]
    assert [(one["version"], one["active"]) for one in listed] == [(3, False), (2, False), (1, True)]
    assert ask("POST", "/api/lead-models/release", None).json()["version"] == 3
    whole = got(manager, "/api/lead-models/3")
    assert (whole["active"], whole["auc"], whole["checked_on"], whole["bands"]) == (True, None, 0, [])
    problem(ask("POST", "/api/lead-models/9/activate", None), 404)


def test_what_came_of_a_task_is_said_with_its_completion_or_after_it(manager: User) -> None:
    contact = builders.make_contact(manager)
    task, other = (builders.make_task(manager, contact=contact) for _ in range(2))
    ask = Caller(manager)
    problem(ask("PUT", f"/automation/tasks/{task.pk}/outcome", {"outcome": "won"}), 409)
    ask("PUT", f"/automation/tasks/{task.pk}/status", {"status": "done", "outcome": "no_answer"})
    assert got(manager, f"/api/tasks/{task.pk}")["outcome"] == "no_answer"
    ask("POST", f"/automation/tasks/{other.pk}/complete")
    for outcome in ("reached", None, "lost"):
        answer = ask("PUT", f"/automation/tasks/{other.pk}/outcome", {"outcome": outcome})
        assert answer.json() == {"success": True, "task_id": other.pk, "outcome": outcome or ""}
    told = problem(ask("PUT", f"/automation/tasks/{other.pk}/outcome", {"outcome": "maybe"}), 422)
    assert told["errors"][0]["pointer"] == "/outcome"
    assert got(manager, f"/api/tasks/{other.pk}")["outcome"] == "lost"
