"""Sequences, campaigns and enrolments through HTTP: made, previewed, enrolled in, ended, taken back, migrated."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from automation import tasks
from automation.models import Enrolment, EnrolmentStep
from crm.models import Contact
from tests import builders
from tests.api.conftest import Caller, World, problem
from work.models import Task

pytestmark = pytest.mark.database

BASE = "/api/task-automation"
SEQUENCES, CAMPAIGNS, ENROLMENTS = f"{BASE}/sequences/", f"{BASE}/campaigns/", f"{BASE}/enrolments/"
NOW = datetime(2026, 6, 17, 10, tzinfo=UTC)
DAY = timedelta(days=1)

STEPS: list[dict[str, Any]] = [
    {"title": "Thank {{contact_name}}", "delay": {"kind": "elapsed", "hours": 24}},
    {"title": "Call {{contact_name}}", "delay": {"kind": "business", "days": 3, "at": "09:00"}, "priority": "high"},
]


@pytest.fixture(autouse=True)
def clock(db: None) -> Any:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def member(world: World) -> Caller:
    return Caller(world.member)


def made(caller: Caller, path: str = SEQUENCES, **fields: Any) -> dict[str, Any]:
    body = {"name": "After the demo", "steps": STEPS} | fields
    response = caller.post(path, body)
    assert response.status_code == 201, response.content
    return dict(json.loads(response.content))


def sent(caller: Caller, path: str, body: Any = None, status: int = 200, method: str = "POST") -> Any:
    response = caller(method, path, body)
    assert response.status_code == status, response.content
    return json.loads(response.content)


def contacts(world: World, count: int, **fields: Any) -> list[int]:
    return [builders.make_contact(world.member, **fields).pk for _ in range(count)]


def test_a_sequence_is_made_with_keys_that_stay(member: Caller) -> None:
    sequence = made(member)
    keys = [step["key"] for step in sequence["steps"]]
    assert len(set(keys)) == 2
    assert sequence["exits"]["statuses"] == ["lost"]
    path = f"{SEQUENCES}{sequence['id']}/"
    changed = sent(
        member, path, {"name": "x", "steps": [{"title": "New"}, *({**STEPS[1], "priority": "low"},)]}, method="PUT"
    )
    assert [step["key"] == keys[1] for step in changed["steps"]] == [False, True]
    assert sent(member, path, method="GET")["name"] == "x"
    assert [row["id"] for row in sent(member, SEQUENCES, method="GET")["results"]] == [sequence["id"]]
    assert member("DELETE", path).status_code == 204
    assert member.get(path).status_code == 404


@pytest.mark.parametrize(
    ("step", "pointer"),
    [
        ({"title": "{{nobody}}"}, "/steps/0/title"),
        ({"title": "x", "condition": "contact.size > 3"}, "/steps/0/condition"),
        ({"title": "x", "delay": {"kind": "elapsed", "days": 2}}, "/steps/0/delay"),
        ({"title": "x", "delay": {"days": -2}}, "/steps/0/delay/days"),
        ({"title": "x", "assign": "user:999999"}, "/steps/0/assign"),
        ({"title": "x", "required_skills": [{"skill": "Juggling"}]}, "/steps/0/required_skills"),
        ({"title": "x", "wait_for_previous": True}, "/steps/0/wait_for_previous"),
        ({"title": "x", "colour": "red"}, "/steps/0/colour"),
    ],
)
def test_a_wrong_step_is_pointed_at(member: Caller, step: dict[str, Any], pointer: str) -> None:
    document = problem(member.post(SEQUENCES, {"name": "x", "steps": [step]}), 422)
    assert [fault["pointer"] for fault in document["errors"]] == [pointer]


def test_a_ready_made_sequence_is_copied_to_be_changed(member: Caller, world: World) -> None:
    sent(member, f"{BASE}/schedule-sequence/", {"contact_id": world.contact.pk}, 201)
    (preset,) = sent(member, SEQUENCES, method="GET")["results"]
    assert (preset["preset"], len(preset["steps"])) == ("standard", 4)
    refused = problem(member("PATCH", f"{SEQUENCES}{preset['id']}/", {"name": "Mine"}), 409)
    assert "copy it" in refused["detail"]
    copy = sent(member, f"{SEQUENCES}{preset['id']}/copy", {"name": "Mine"}, 201)
    assert (copy["name"], copy["preset"], copy["owner_id"]) == ("Mine", "", world.member.pk)
    sent(member, f"{SEQUENCES}{copy['id']}/", {"slip": "push"}, method="PATCH")


def test_the_preview_prints_dates_and_refusals_and_writes_nothing(member: Caller, world: World) -> None:
    sequence = made(member)
    refusing = builders.make_contact(world.member, do_not_contact=True)
    foreign = builders.make_contact(world.lead)
    asked = {"contact_ids": [world.contact.pk, refusing.pk, foreign.pk]}
    preview = sent(member, f"{SEQUENCES}{sequence['id']}/preview", asked)
    assert (preview["welcome"], preview["refused"]) == (1, 2)
    fine, refused, unknown = preview["contacts"]
    assert [step["at"] for step in fine["steps"]] == ["2026-06-18T10:00:00Z", "2026-06-22T09:00:00Z"]
    assert refused["refused"]["code"] == "do_not_contact"
    assert unknown["refused"]["code"] == "unknown"
    assert not Enrolment.objects.exists()


def test_enrolled_one_by_one_and_shown_with_each_step(member: Caller, world: World, clock: Any) -> None:
    sequence = made(member)
    enrolled = sent(member, f"{SEQUENCES}{sequence['id']}/enrol", {"contact_ids": [world.contact.pk]}, 201)
    (one,) = enrolled["enrolled"]
    clock.move_to(NOW + DAY)
    tasks.process_automation_workflows()
    shown = sent(member, f"{ENROLMENTS}{one['enrolment_id']}/", method="GET")
    assert [step["state"] for step in shown["steps"]] == ["done", "planned"]
    assert shown["next_step_at"] == "2026-06-22T09:00:00Z"
    task = Task.objects.get(pk=shown["steps"][0]["task_id"])
    assert task.title == f"Thank {world.contact.name}"
    listed = sent(member, f"{ENROLMENTS}?contact_id={world.contact.pk}&state=active", method="GET")["results"]
    assert [row["id"] for row in listed] == [one["enrolment_id"]]
    assert sent(member, f"{ENROLMENTS}?sequence_id={sequence['id'] + 1}", method="GET")["results"] == []


def test_enrolling_twice_names_batch_and_enrolment(member: Caller, world: World) -> None:
    path, asked = f"{SEQUENCES}{made(member)['id']}/enrol", {"contact_ids": [world.contact.pk]}
    first = sent(member, path, asked, 201)
    document = problem(member.post(path, asked), 409)
    assert document["errors"][0]["code"] == "already_enrolled"
    assert f"batch {first['batch_id']}" in document["detail"]
    assert f"enrolment {first['enrolled'][0]['enrolment_id']}" in document["detail"]


def test_more_than_a_hundred_ask_first(member: Caller, world: World) -> None:
    path, ids = f"{SEQUENCES}{made(member)['id']}/enrol", contacts(world, 101)
    Contact.objects.filter(pk=ids[0]).update(do_not_contact=True)
    document = problem(member.post(path, {"contact_ids": ids}), 409)
    assert "101 contacts: 100 would be enrolled, 1 refused" in document["detail"]
    assert not Enrolment.objects.exists()
    enrolled = sent(member, path, {"contact_ids": ids, "confirm": True, "spread_days": 5}, 201)
    assert (len(enrolled["enrolled"]), len(enrolled["refused"])) == (100, 1)
    days = {one["started_at"][:10] for one in enrolled["enrolled"]}
    assert days == {"2026-06-17", "2026-06-18", "2026-06-19", "2026-06-22", "2026-06-23"}
    batches = sent(member, f"{BASE}/batches/?limit=200", method="GET")["results"]
    (bulk,) = [batch for batch in batches if batch["kind"] == "bulk"]
    assert (bulk["id"], bulk["steps_to_come"], bulk["progress"]) == (enrolled["batch_id"], 200, 0)


def test_the_schedule_endpoint_takes_a_sequence_of_the_teams_own(member: Caller, world: World) -> None:
    steps = [*STEPS, {"title": "Ask", "delay": {"hours": 240}, "wait_for_previous": True}]
    sequence = made(member, steps=steps, pacing="at_once")
    body = {"contact_id": world.contact.pk, "sequence_id": sequence["id"]}
    answer = sent(member, f"{BASE}/schedule-sequence/", body, 201)
    assert answer["tasks_created"] == 2
    assert [task["due_date"] for task in answer["tasks"]] == ["2026-06-18T10:00:00Z", "2026-06-22T09:00:00Z"]
    assert [(step["title"], step["due_date"]) for step in answer["planned"]] == [("Ask", "2026-06-27T18:00:00Z")]
    again = problem(member.post(f"{BASE}/schedule-sequence/", body), 409)
    assert str(answer["batch_id"]) in again["detail"]


def test_a_reply_told_over_http_ends_it_and_is_taken_back(member: Caller, world: World, clock: Any) -> None:
    body = {"contact_id": world.contact.pk, "sequence_type": "gentle"}
    answer = sent(member, f"{BASE}/schedule-sequence/", body, 201)
    clock.move_to(NOW + DAY)
    reply = {"contact_id": world.contact.pk, "activity_type": "email_replied"}
    sent(member, "/api/activities", reply, 202)
    tasks.drain_team(world.team.pk)
    shown = sent(member, f"{ENROLMENTS}{answer['enrolment_id']}/", method="GET")
    assert (shown["state"], shown["reason"]) == ("exited", "The contact replied.")
    ids = [task["id"] for task in answer["tasks"]]
    assert set(Task.objects.filter(pk__in=ids).values_list("status", flat=True)) == {"obsolete"}
    clock.move_to(NOW + DAY + timedelta(minutes=9))
    undone = sent(member, f"{ENROLMENTS}{answer['enrolment_id']}/undo")
    assert undone["state"] == "active"
    assert set(Task.objects.filter(pk__in=ids).values_list("status", flat=True)) == {"todo"}
    problem(member.post(f"{ENROLMENTS}{answer['enrolment_id']}/undo"), 409)


def test_paused_resumed_and_stopped(member: Caller, world: World, clock: Any) -> None:
    enrolled = sent(
        member,
        f"{SEQUENCES}{made(member)['id']}/enrol",
        {"contact_ids": [world.contact.pk], "start_delay_hours": 24},
        201,
    )
    path = f"{ENROLMENTS}{enrolled['enrolled'][0]['enrolment_id']}/"
    assert sent(member, path + "pause", {})["state"] == "paused"
    problem(member.post(path + "pause", {}), 409)
    clock.move_to(NOW + 2 * DAY)
    resumed = sent(member, path + "resume")
    assert (resumed["state"], resumed["next_step_at"]) == ("active", "2026-06-21T10:00:00Z")
    stopped = sent(member, path + "stop")
    assert (stopped["state"], stopped["next_step_at"]) == ("stopped", None)
    assert [step["state"] for step in stopped["steps"]] == ["cancelled", "cancelled"]
    problem(member.post(path + "resume"), 409)


def test_the_migration_is_looked_at_before_it_is_done(member: Caller, world: World) -> None:
    sequence = made(member)
    sent(member, f"{SEQUENCES}{sequence['id']}/enrol", {"contact_ids": contacts(world, 2)}, 201)
    first, second = sequence["steps"]
    steps = [{**first, "delay": {"hours": 48}}, {**second}, {"title": "Ask", "delay": {"hours": 480}}]
    sent(member, f"{SEQUENCES}{sequence['id']}/", {"steps": steps}, method="PATCH")
    before = list(EnrolmentStep.objects.order_by("pk").values())
    looked = sent(member, f"{SEQUENCES}{sequence['id']}/migrate-preview", {})
    assert [change["change"] for change in looked["enrolments"][0]["changes"]] == ["moved", "kept", "new"]
    assert sent(member, f"{SEQUENCES}{sequence['id']}/migrate", {"dry_run": True})["migrated"] == 0
    assert list(EnrolmentStep.objects.order_by("pk").values()) == before
    done = sent(member, f"{SEQUENCES}{sequence['id']}/migrate", {})
    assert (done["migrated"], done["left"]) == (2, 0)
    assert done["enrolments"] == looked["enrolments"]
    assert EnrolmentStep.objects.filter(due_at=NOW + 2 * DAY).count() == 2


def test_a_campaign_with_its_steps(member: Caller, world: World, clock: Any) -> None:
    steps = [
        {"name": "Call {{contact_name}}", "delay_days": 1},
        {"message_type": "wait", "delay_days": 2},
        {"name": "Follow up call", "body": "Ask how it went", "delay_days": 3},
    ]
    campaign = made(member, CAMPAIGNS, steps=steps)
    assert [step["order"] for step in campaign["steps"]] == [1, 2, 3]
    enrolled = sent(member, f"{CAMPAIGNS}{campaign['id']}/enrol", {"contact_ids": contacts(world, 3)}, 201)
    for day in (1, 6):
        clock.move_to(NOW + day * DAY)
        tasks.process_automation_workflows()
    assert Task.objects.filter(title="Follow up call", description="Ask how it went").count() == 3
    batches = sent(member, f"{BASE}/batches/?campaign_id={campaign['id']}", method="GET")["results"]
    assert {batch["kind"] for batch in batches} == {"campaign", "bulk"}
    (bulk,) = [batch for batch in batches if batch["id"] == enrolled["batch_id"]]
    assert (bulk["tasks_count"], bulk["steps_to_come"]) == (6, 0)


@pytest.mark.parametrize(("kind", "word"), [("email", "E-mail"), ("sms", "SMS")])
def test_a_channel_that_is_not_set_up_is_refused_saying_why(member: Caller, kind: str, word: str) -> None:
    body = {"name": "Spring", "steps": [{"message_type": kind, "name": "Hello"}]}
    made_before = made(member, CAMPAIGNS, steps=[{"name": "Call"}])
    for method, path in (("POST", CAMPAIGNS), ("PUT", f"{CAMPAIGNS}{made_before['id']}/")):
        document = problem(member(method, path, body), 422)
        assert document["errors"][0]["pointer"] == "/steps/0/message_type"
        assert f"{word} is not set up for this team" in document["errors"][0]["message"]


def test_a_bulk_run_of_a_campaign_starts_over_several_days(member: Caller, world: World, clock: Any) -> None:
    campaign, ids = made(member, CAMPAIGNS, steps=[{"name": "Call", "delay_days": 1}]), contacts(world, 6)
    path = f"{CAMPAIGNS}{campaign['id']}"
    shown = sent(member, f"{path}/preview", {"contact_ids": ids, "spread_days": 3}, 200)
    sent(member, f"{path}/enrol", {"contact_ids": ids, "spread_days": 3}, 201)
    due = [one["steps"][0]["at"] for one in shown["contacts"]]
    assert [at[:10] for at in due] == ["2026-06-18"] * 2 + ["2026-06-19"] * 2 + ["2026-06-20"] * 2
    for day, tasks_by_then in ((1, 2), (2, 4), (3, 6)):
        clock.move_to(NOW + day * DAY)
        tasks.process_automation_workflows()
        assert Task.objects.filter(title="Call").count() == tasks_by_then


def test_a_start_in_the_past_is_refused(member: Caller, world: World) -> None:
    body = {"contact_ids": [world.contact.pk], "start_at": "2026-06-01T00:00:00Z"}
    document = problem(member.post(f"{SEQUENCES}{made(member)['id']}/enrol", body), 422)
    assert document["errors"][0]["pointer"] == "/start_at"
