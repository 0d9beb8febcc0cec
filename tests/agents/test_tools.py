"""What an agent may do with a token, and what it hears when it may not."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client, MCPError

from agents import server
from agents.tools import TOOLS
from api import limits
from automation.models import Firing
from crm.models import Activity
from people import tokens
from people.models import ApiToken, Change
from tests import builders
from tests.agents.conftest import Agent
from tests.api.conftest import Caller, World, problem
from tests.api.conftest import world as world
from tests.processes import ROOT
from work.models import Task

READING = ["my_work", "why", "rule_dry_run", "workload", "list_rules", "find_contacts"]
WRITING = ["next_task", "complete_task", "create_task"]


def agent_of(user: Any, *scopes: str) -> Agent:
    return Agent(builders.make_token(user, scopes=scopes or ("*",)))


SCOPES: list[tuple[tuple[str, ...], list[str]]] = [
    (("notifications:read",), []),
    (("tasks:read",), ["my_work", "why"]),
    (("rules:read",), ["why", "rule_dry_run", "list_rules"]),
    (("rules:write",), ["why", "rule_dry_run", "list_rules"]),
    (("workload:read",), ["workload"]),
    (("contacts:read",), ["find_contacts"]),
    (("tasks:read", "rules:read", "workload:read", "contacts:read"), READING),
    (("tasks:write",), ["my_work", *WRITING, "why"]),
    (("*",), list(TOOLS)),
]


@pytest.mark.django_db
def test_a_token_shows_the_tools_of_its_scopes() -> None:
    user = builders.make_user()
    for scopes, shown in SCOPES:
        for mode in ("auto", "legacy"):
            assert agent_of(user, *scopes).tools(mode) == shown, scopes


def test_the_page_for_people_names_each_tool_and_its_scopes() -> None:
    page = (ROOT / "docs/how-to/agents.md").read_text()
    rows = {row.split("`")[1]: row.rsplit("|", 2)[1] for row in page.splitlines() if row.startswith("| `")}
    named = {tool: tuple(re.findall(r"`(\w+:\w+)`", scopes)) for tool, scopes in rows.items()}
    assert named == {tool.name: tool.scopes for tool in TOOLS.values()}


@pytest.mark.django_db
def test_clients_are_told_which_tools_write() -> None:
    async def described(client: Client) -> Any:
        return (await client.list_tools()).tools

    for tool in agent_of(builders.make_user()).talk(described):
        assert tool.annotations.read_only_hint == (tool.name in READING)
        assert tool.annotations.destructive_hint == (tool.name == "complete_task")
        assert ("idempotency_key" in tool.input_schema["properties"]) == (tool.name in WRITING)
        assert tool.input_schema["additionalProperties"] is False
        assert len(tool.description) > 20


def test_a_scope_that_is_lacking_is_said_and_nothing_is_done(world: World) -> None:
    before = Task.objects.count(), Task.objects.filter(status=Task.DONE).count()
    reader = agent_of(world.member, "tasks:read")
    for tool, arguments in (
        ("complete_task", {"task_id": world.task.pk}),
        ("create_task", {"title": "Sneak in"}),
        ("next_task", {}),
    ):
        assert "lacks the scope tasks:write" in reader.refusal(tool, **arguments)
    assert "lacks the scope rules:read" in reader.refusal("why", rule_id=world.rule.pk, contact_id=world.contact.pk)
    assert (Task.objects.count(), Task.objects.filter(status=Task.DONE).count()) == before


@pytest.mark.django_db
def test_my_work_is_mine_alone_and_in_the_order_of_the_page() -> None:
    me, now = builders.make_manager(), timezone.now()
    hours = {"Someday": None, "Tomorrow": 24, "Late": -2, "Soon": 1}
    for title, ahead in hours.items():
        builders.make_task(me, title=title, due_date=None if ahead is None else now + timedelta(hours=ahead))
    builders.make_task(builders.make_user(team=me.team), title="Another's")
    builders.make_done_task(me)
    found = agent_of(me).data("my_work")
    assert [task["title"] for task in found["tasks"]] == ["Late", "Soon", "Tomorrow", "Someday"]
    assert (found["open"], found["overdue"]) == (4, 1)
    few = agent_of(me).data("my_work", limit=1)
    assert (few["open"], [task["title"] for task in few["tasks"]]) == (4, ["Late"])


def test_my_work_reads_more_than_one_page(world: World) -> None:
    first = builders.make_task(world.lead, due_date=timezone.now() - timedelta(days=9))
    Task.objects.bulk_create(
        Task(team=world.team, owner=world.lead, assignee=world.lead, title=f"Task {n}") for n in range(210)
    )
    found = agent_of(world.lead).data("my_work", limit=1)
    assert (found["open"], found["tasks"][0]["id"]) == (211, first.pk)


@pytest.mark.django_db
def test_the_next_task_comes_with_its_reason_or_the_reason_why_there_is_none() -> None:
    me = builders.make_user()
    builders.make_working_week(me, days=range(7), starts="00:00", ends="23:59")
    nothing = agent_of(me).data("next_task")
    assert (nothing["task"], bool(nothing["reason"])) == (None, True)
    waiting = builders.make_task(team=me.team, title="Call Ada", estimated_hours=1)
    given_out = agent_of(me).data("next_task", idempotency_key="morning")
    assert given_out["task"]["title"] == "Call Ada"
    assert given_out["reason"]
    waiting.refresh_from_db()
    assert waiting.assignee == me
    builders.make_task(team=me.team, estimated_hours=1)
    assert agent_of(me).data("next_task", idempotency_key="morning") == given_out, "the same answer, and no second task"


def test_completing_twice_with_a_key_completes_once(world: World) -> None:
    agent = agent_of(world.member)
    asked = {"task_id": world.task.pk, "actual_hours": 1.5, "notes": "Wants a quote", "idempotency_key": "turn-7"}
    first, second = agent.data("complete_task", **asked), agent.data("complete_task", **asked)
    assert first == second
    assert first["automation"]["user_id"] == world.member.pk
    world.task.refresh_from_db()
    assert (world.task.status, world.task.actual_hours, world.task.notes) == ("done", 1.5, "Wants a quote")
    assert Activity.objects.filter(task_id=world.task.pk, activity_type="task_completed").count() == 1
    other = agent.refusal("complete_task", **(asked | {"actual_hours": 2}))
    assert "Idempotency-Key was used for another request" in other


def test_a_made_task_is_the_callers_and_the_audit_says_so(world: World) -> None:
    made = agent_of(world.member).data(
        "create_task",
        title="Send the offer",
        priority="high",
        due_date="2026-12-01T10:00:00Z",
        contact_id=world.contact.pk,
        estimated_hours=1.25,
        assignee_id=world.member.pk,
    )
    task = Task.objects.get(pk=made["id"])
    assert (task.owner, task.assignee, task.contact) == (world.member, world.member, world.contact)
    assert (task.title, task.priority, float(task.estimated_hours)) == ("Send the offer", "high", 1.25)
    line = Change.objects.get(kind="task", subject_id=str(task.pk), verb="created")
    assert line.actor == world.member


def test_wrong_arguments_are_named_each(world: World) -> None:
    agent = agent_of(world.member)
    refused = agent.refusal("create_task", priority="at once", colour="red")
    assert "title: Field required" in refused
    assert "priority: Input should be" in refused
    assert "colour: There is no such field here" in refused
    assert "task_id" in agent.refusal("complete_task")
    assert "give task_id alone" in agent.refusal("why")
    assert "give task_id alone" in agent.refusal("why", task_id=1, rule_id=1)
    assert "give task_id alone" in agent.refusal("why", rule_id=1)
    unknown = agent.refusal("create_task", title="For nobody", contact_id=builders.make_contact().pk)
    assert "that you may see" in unknown
    assert not Task.objects.filter(title="For nobody").exists()


def test_what_is_another_teams_is_not_there_in_the_words_of_the_api(world: World) -> None:
    stranger, over_http = agent_of(world.stranger), Caller(world.stranger)
    for tool, arguments, path in (
        ("complete_task", {"task_id": world.task.pk}, f"/automation/tasks/{world.task.pk}/complete"),
        ("rule_dry_run", {"rule_id": world.rule.pk}, f"/api/task-automation/rules/{world.rule.pk}/dry-run"),
    ):
        assert stranger.refusal(tool, **arguments) == problem(over_http.post(path, {}), 404)["detail"]
    said = problem(over_http.get(f"/api/tasks/{world.task.pk}"), 404)["detail"]
    assert stranger.refusal("why", task_id=world.task.pk) == said
    assert stranger.data("find_contacts", q=world.contact.name) == {"contacts": [], "more": False}
    assert stranger.data("list_rules")["rules"] == []
    world.task.refresh_from_db()
    assert world.task.status == Task.TODO


def test_why_a_task_is_whose_it_is_and_why_a_rule_fired(world: World) -> None:
    agent = agent_of(world.member)
    task = agent.data("why", task_id=world.task.pk)
    assert (task["assignment"]["user_id"], task["rule_id"]) == (world.member.pk, world.rule.pk)
    told = agent.data("why", rule_id=world.rule.pk, contact_id=world.contact.pk)
    over_http = Caller(world.member).post(
        f"/api/task-automation/rules/{world.rule.pk}/explain", {"contact_id": world.contact.pk}
    )
    assert told == json.loads(over_http.content)


def test_a_dry_run_says_what_would_be_and_writes_nothing(world: World) -> None:
    for _ in range(6):
        builders.make_activity(builders.make_contact(world.member), activity_type=Activity.EMAIL_CLICKED)
    agent, before = agent_of(world.member), (Firing.objects.count(), Task.objects.count())
    run = agent.data("rule_dry_run", rule_id=world.rule.pk)
    assert (run["would_create"], len(run["samples"]["create"])) == (6, 5)
    tried = agent.data("rule_dry_run", rule_id=world.rule.pk, changes={"condition": "contact.lead_score > 99"})
    assert (tried["would_create"], tried["no_match"]) == (0, tried["examined"])
    assert (Firing.objects.count(), Task.objects.count()) == before
    assert "condition" in agent.refusal("rule_dry_run", rule_id=world.rule.pk, changes={"condition": "contact."})
    assert "view_team" in agent_of(builders.make_user(team=world.team)).refusal("rule_dry_run", rule_id=world.rule.pk)


def test_the_workload_is_the_teams_for_leads_and_their_own_for_the_rest(world: World) -> None:
    assert agent_of(world.lead).data("workload")["team"]["total_team_members"] == 3
    with time_machine.travel(timezone.now(), tick=False):  # during a working day the hours left get fewer meanwhile
        own = agent_of(world.member).data("workload")["user"]
        assert agent_of(world.lead).data("workload", user_id=world.member.pk)["user"] == own
    assert own["user_id"] == world.member.pk
    assert "view_team" in agent_of(world.member).refusal("workload", user_id=world.lead.pk)


def test_rules_and_contacts_are_found_by_what_people_call_them(world: World) -> None:
    agent = agent_of(world.member)
    assert [rule["id"] for rule in agent.data("list_rules", is_active=True)["rules"]] == [world.rule.pk]
    assert agent.data("list_rules", is_active=False)["rules"] == []
    builders.make_contact(world.member, name=world.contact.name + "1")
    found = agent.data("find_contacts", q=world.contact.name.upper(), limit=1)
    assert ([row["id"] for row in found["contacts"]], found["more"]) == ([world.contact.pk], True)


def test_what_happens_to_the_token_counts_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agent_of(world.member)

    async def ended_meanwhile(client: Client) -> tuple[Any, Any]:
        before = await client.call_tool("my_work", {})
        await server.sync_to_async(revoke)()
        return before, await client.call_tool("my_work", {})

    def revoke() -> None:
        tokens.revoke(ApiToken.objects.get(user=world.member), now=timezone.now())

    before, after = agent.talk(ended_meanwhile)
    assert (before.is_error, after.is_error) == (False, True)
    assert "revoked" in after.content[0].text
    with pytest.raises(MCPError, match="revoked"):
        agent.tools()
    monkeypatch.setattr(limits, "REQUESTS_PER_MINUTE", 1)
    assert "Wait" in agent_of(world.member).refusal("my_work")


def test_an_unknown_tool_is_said_with_those_there_are(world: World) -> None:
    with pytest.raises(MCPError, match=r"There is no tool fly: use one of my_work"):
        agent_of(world.member).call("fly")


def test_a_fault_of_ours_is_logged_and_never_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(TOOLS["my_work"], run=lambda api, me, wanted: 1 / 0)
    monkeypatch.setitem(TOOLS, "my_work", broken)
    assert agent_of(world.member).refusal("my_work") == server.BROKEN
    assert "tool failed: my_work" in caplog.text


WORDS = sorted({name for tool in TOOLS.values() for name in tool.arguments.model_fields})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tool=st.sampled_from(sorted(TOOLS)), arguments=st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=4))
def test_whatever_a_model_makes_up_is_answered_in_words(world: World, tool: str, arguments: dict[str, Any]) -> None:
    limits.reset()
    result = agent_of(world.manager).call(tool, **arguments)
    assert server.BROKEN not in result.content[0].text
    assert "on our side" not in result.content[0].text
