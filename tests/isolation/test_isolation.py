"""Whoever asks and whatever they ask: an answer tells of what they may see, a list of all of it, and of nothing else.

Every endpoint and page is asked about what is theirs, what is a colleague's and what is another team's.
"""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from api import limits
from api.urls import api
from automation.exports.lists import LISTS
from people import feeds
from people.models import User
from tests import builders
from tests.agents.conftest import Agent
from tests.api.test_snapshots import patterns
from tests.isolation import world as worlds
from tests.isolation.world import World
from tests.web.conftest import BACKEND

pytestmark = pytest.mark.django_db

KIND_OF = (
    ("/api/conflicts/", ""),
    ("/api/contacts/", "contact"),
    ("/api/experiments/", ""),
    ("/api/exports/", "list"),
    ("/api/forms/", "form"),
    ("/api/imports/", "import"),
    ("/api/lead-models/", ""),
    ("/api/notifications/deliveries/", "delivery"),
    ("/api/notifications/", "notification"),
    ("/api/reports/", "report"),
    ("/api/skills/", "skill"),
    ("/api/sources/", "source"),
    ("/api/task-automation/batches/", ""),
    ("/api/task-automation/campaigns/", "campaign"),
    ("/api/task-automation/enrolments/", "enrolment"),
    ("/api/task-automation/rules/", "rule"),
    ("/api/task-automation/sequences/", "sequence"),
    ("/api/tasks/", "task"),
    ("/api/teams/", "team"),
    ("/api/tokens/", "token"),
    ("/api/unmatched/", "activity"),
    ("/api/users/", "user"),
    ("/api/webhooks/deliveries/", ""),
    ("/api/webhooks/", "webhook"),
    ("/automation/assignments/runs/", "run"),
    ("/automation/jobs/", "job"),
    ("/automation/performance/user/", "user"),
    ("/automation/tasks/", "task"),
    ("/automation/users/", "user"),
    ("/automation/workload/team/rebalance-suggestions/", "suggestion"),
    ("/automation/workload/user/", "user"),
    ("/activity/conflicts/", ""),
    ("/activity/", "activity"),
    ("/automations/campaigns/", "campaign"),
    ("/automations/enrolments/", "enrolment"),
    ("/automations/jobs/", "job"),
    ("/automations/sequences/", "sequence"),
    ("/automations/task-scheduling/backtests/", "backtest"),
    ("/automations/task-scheduling/", "rule"),
    ("/contacts/", "contact"),
    ("/export/", "list"),
    ("/imports/", "import"),
    ("/inbox/", "notification"),
    ("/settings/forms/", "form"),
    ("/settings/notifications/deliveries/", "delivery"),
    ("/settings/sources/", "source"),
    ("/settings/team/skills/", "skill"),
    ("/settings/tokens/", "token"),
    ("/settings/webhooks/", "webhook"),
    ("/tasks/", "task"),
    ("/team/members/", "user"),
    ("/team/reports/", "report"),
    ("/team/workload/people/", "user"),
    ("/team/workload/plans/", "run"),
    ("/team/workload/tasks/", "task"),
    ("/views/", "view"),
)
"""What the first parameter of an address names; nothing where no row of the world has such an id."""
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\{(\w+)\}")
WORDS = {"on": "2026-12-24", "verb": "pause", "preset": "none", "channel": "email", "subject": "rule:1"}
"""Parameters that are no ids; whatever else stands behind the first one is 1."""
NOT_ASKED = (
    "/admin",
    "/accounts/",
    "/hooks/",
    "/go/",
    "/unsubscribe/",
    "/calendar/",
    "/healthz",
    "/readyz",
    "/metrics",
)
"""Addresses that ask for no person, or belong to a library, and are looked at elsewhere."""
NOBODYS = {int: 10**9, uuid.UUID: uuid.UUID(int=9)}
"""Ids that no row has."""
ROLES = {"member": 0, "lead": -2, "manager": -1}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Made once; each test takes back what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield worlds.make(7)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _no_limits() -> Iterator[None]:
    limits.reset()
    yield
    limits.reset()


class Visitor:
    """One person at the pages and at the API."""

    def __init__(self, user: User) -> None:
        self.user, self.seen, self.named = user, worlds.seen_by(user), worlds.named_to(user)
        self.browser = Client(raise_request_exception=True)
        self.browser.force_login(user, backend=BACKEND)
        self.program = Client(raise_request_exception=True)
        self.headers = {"Authorization": f"Bearer {builders.make_token(user)}"}

    def ask(self, path: str, method: str = "GET", body: Any = None) -> HttpResponse:
        limits.reset()
        if path.startswith(("/api/", "/automation/")):
            sent = {"data": json.dumps(body or {}), "content_type": "application/json"} if method != "GET" else {}
            return self.program.generic(method, path, headers=self.headers, **sent)
        if method == "GET":
            return self.browser.get(path)
        return self.browser.generic(method, path, "", "application/x-www-form-urlencoded")

    def check(self, path: str, response: HttpResponse) -> set[tuple[str, str]]:
        """What the answer tells of; fails when that is not theirs to see, or when the server failed."""
        assert response.status_code < 500, path
        told = worlds.named_in(text_of(response))
        hidden = {(kind, pk) for kind, pk in told if pk not in self.named[kind]}
        assert not hidden, f"{self.user.role} {self.user.pk} reads {hidden} at {path}"
        return told


def text_of(response: HttpResponse) -> str:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return body.decode(errors="replace")


def kind_of(path: str) -> str:
    return next((kind for start, kind in KIND_OF if path.startswith(start)), "")


def filled(path: str, first: Any) -> str:
    """The address with its parameters' values."""
    values = iter([first])

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return str(WORDS.get(name) or next(values, 1))

    return PARAMETER.sub(value, path)


def addresses() -> list[str]:
    pages = {path for path in patterns(get_resolver()) if not path.startswith(("/api/", "/automation/", *NOT_ASKED))}
    return sorted(pages | set(api.get_openapi_schema()["paths"]))


def readable() -> list[str]:
    """All addresses that answer to GET, as far as the API's document tells; pages are just asked."""
    spec = api.get_openapi_schema()["paths"]
    return [path for path in addresses() if "get" in spec.get(path, {"get": 1}) and not path.startswith(NOT_ASKED)]


def asked(world: World, kind: str, visitor: Visitor) -> Iterator[tuple[Any, bool, bool]]:
    """Of a kind one id that they may see and one of their team's that they may not, and one of another team; with
    whether they may, and whether it is their team's.
    """
    own, other = world.teams if visitor.user.team_id == world.teams[0].pk else reversed(world.teams)
    ids = world.of(kind, own)
    yield from [(pk, True, True) for pk in ids if str(pk) in visitor.seen[kind]][:1]
    yield from [(pk, False, True) for pk in ids if str(pk) not in visitor.seen[kind]][:1]
    yield world.of(kind, other)[0], False, False


@pytest.fixture(params=ROLES)
def visitor(request: pytest.FixtureRequest, world: World) -> Visitor:
    return Visitor(world.people[world.teams[0].pk][ROLES[request.param]])


def test_every_address_with_a_row_in_it_is_known() -> None:
    """So that none is left out in silence."""
    starts = tuple(start for start, _ in KIND_OF)
    own = {"{channel}", "{subject}", "<str:channel>", "<str:preset>"}
    unknown = [path for path in addresses() if PARAMETER.search(path) and not path.startswith((*starts, *NOT_ASKED))]
    assert [path for path in unknown if not own & set(re.findall(r"[<{][^>}]*[>}]", path))] == [
        "/settings/security/devices/<int:pk>/end",
        "/settings/team/days-off/<int:row>/remove",
    ]


def test_answers_tell_of_what_one_may_see_and_of_nothing_else(world: World, visitor: Visitor) -> None:
    told = set()
    for path in readable():
        kind = kind_of(path)
        if not PARAMETER.search(path):
            response = visitor.ask(path)
            told |= visitor.check(path, response)
        elif kind in worlds.SEEN:
            for pk, may, is_own in asked(world, kind, visitor):
                address = filled(path, pk)
                response = visitor.ask(address)
                told |= visitor.check(address, response)
                if not is_own:  # told apart from a row that there is not, it would be known to be there
                    nobodys = visitor.ask(filled(path, NOBODYS[type(pk)]))
                    assert response.status_code == nobodys.status_code >= 400, (visitor.user.role, address)
                elif not may:
                    assert response.status_code in {403, 404, 405}, (visitor.user.role, address)
    kinds = {kind for kind, _ in told}
    assert kinds >= {"task", "contact", "rule", "sequence", "notification", "user", "team", "skill", "activity"}, (
        "a test that is told of nothing would prove nothing"
    )


LISTED = {
    "/api/tasks": "task",
    "/api/contacts": "contact",
    "/api/notifications": "notification",
    "/api/skills": "skill",
    "/api/sources": "source",
    "/api/forms": "form",
    "/api/task-automation/rules/": "rule",
    "/api/task-automation/sequences/": "sequence",
    "/api/task-automation/campaigns/": "campaign",
    "/api/users": "user",
    "/api/tokens": "token",
}


@pytest.mark.parametrize("path", LISTED)
def test_a_list_holds_all_that_one_may_see(path: str, world: World, visitor: Visitor) -> None:
    kind, found, address = LISTED[path], set(), f"{path}?limit=2"
    response = visitor.ask(address)
    if response.status_code == 403:
        assert not visitor.seen[kind]
        return
    while True:
        answer = json.loads(response.content)
        found |= {str(row["id"]) for row in answer["results"]}
        if not answer["next"]:
            break
        address = answer["next"].split("://", 1)[-1]
        response = visitor.ask(address[address.index("/") :] if "://" in answer["next"] else answer["next"])
    made_since = {"token"}  # the visitor's own key
    assert found == visitor.seen[kind] or (kind in made_since and found <= set(worlds.seen_by(visitor.user)[kind]))


@pytest.mark.parametrize("name", LISTS)
def test_a_file_holds_what_one_may_see(name: str, world: World, visitor: Visitor) -> None:
    found = {}
    for form in ("csv", "json"):
        path = f"/api/exports/{name}?format={form}"
        response = visitor.ask(path)
        found[form] = visitor.check(path, response)
        page = f"/export/{name}?format={form}"
        visitor.check(page, visitor.ask(page))
    assert found["csv"] == found["json"]
    kind = {"tasks": "task", "contacts": "contact", "notifications": "notification", "rules": "rule"}.get(name)
    if kind:
        assert {pk for of, pk in found["csv"] if of == kind} == visitor.seen[kind] & world.ids(kind)


@pytest.mark.parametrize("kind", ["task", "contact", "rule", "user"])
def test_a_search_finds_what_one_may_see(kind: str, world: World, visitor: Visitor) -> None:
    for team in world.teams:
        for pk in world.of(kind, team)[:4]:
            path = f"/search?q=Mk{kind}{pk}"  # of which the page repeats nothing that reads as a row's name
            told = visitor.check(path, visitor.ask(path))
            if kind in ("task", "contact"):
                assert ((kind, str(pk)) in told) == (str(pk) in visitor.seen[kind]), path


def test_a_calendar_holds_ones_own_tasks(world: World, visitor: Visitor) -> None:
    secret = feeds.make(visitor.user, by=visitor.user, now=timezone.now())
    told = visitor.check("calendar", Client().get(f"/calendar/{secret}.ics"))
    assert {kind for kind, _ in told} <= {"task", "contact", "user"}


def test_what_one_filters_and_sorts_by_tells_nothing(world: World, visitor: Visitor) -> None:
    """By another team's ids, by every parameter of every list."""
    other = next(team for team in world.teams if team.pk != visitor.user.team_id)
    kinds = {"contact_id": "contact", "task_id": "task", "assignee_id": "user", "owner_id": "user", "actor_id": "user"}
    kinds |= {"sequence_id": "sequence", "campaign_id": "campaign"}
    for path, operations in api.get_openapi_schema()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            kind = kinds.get(parameter["name"])
            if kind is None or "{" in path:
                continue
            response = visitor.ask(f"{path}?{parameter['name']}={world.of(kind, other)[0]}")
            visitor.check(path, response)
            if response.status_code == 200:
                assert json.loads(response.content)["results"] == [], (path, parameter["name"])
    for page in ("/tasks", "/contacts", "/activity", "/automations/jobs", "/team/workload"):
        for name, kind in (("owner", "user"), ("assignee", "user"), ("contact", "contact"), ("skill", "skill")):
            address = f"{page}?{name}={world.of(kind, other)[0]}"
            visitor.check(address, visitor.ask(address))


def test_another_teams_place_in_a_list_leads_nowhere(world: World, visitor: Visitor) -> None:
    """A cursor that was given to somebody else, or was changed by hand."""
    stranger = Visitor(world.people[world.teams[1].pk][-1])
    for path in LISTED:
        answer = json.loads(stranger.ask(f"{path}?limit=1").content)
        if not answer["next"]:
            continue
        query = answer["next"].split("?", 1)[1]
        for changed in (query, query[:-1], query.replace("cursor=", "cursor=A"), query + "%00"):
            visitor.check(path, visitor.ask(f"{path}?{changed}"))


def state(user: User) -> dict[str, list[Any]]:
    """Every row of the product, but for what signing in and asking write of the one who asks."""
    left_out = {"people.ApiToken", "people.SignIn", "people.Device"}
    found = {}
    for model in apps.get_models():
        if model._meta.label in left_out or model._meta.app_label in {"sessions", "axes", "admin", "auth", "account"}:
            continue
        found[model._meta.label] = sorted(map(repr, model._base_manager.values_list()))
    return found


def test_nothing_of_another_team_can_be_changed_by_its_id(world: World) -> None:
    """By the manager of the other team, who may do all to their own."""
    visitor = Visitor(world.people[world.teams[1].pk][-1])
    victim, spec, tried = world.teams[0], api.get_openapi_schema()["paths"], 0
    before = state(visitor.user)
    for path in addresses():
        kind = kind_of(path)
        if kind not in worlds.SEEN or not PARAMETER.search(path):
            continue
        methods = [one.upper() for one in spec[path] if one != "get"] if path in spec else ["POST"]
        for method in methods:
            address = filled(path, world.of(kind, victim)[0])
            response = visitor.ask(address, method)
            assert response.status_code in {403, 404, 405, 409, 415, 422}, (method, address, response.status_code)
            tried += 1
    assert tried > 100
    after = state(visitor.user)
    assert {name for name in before if before[name] != after[name]} == set()


BODIES: tuple[tuple[str, str, dict[str, str], dict[str, Any]], ...] = (
    ("POST", "/api/tasks", {"contact_id": "contact"}, {"title": "x"}),
    ("POST", "/api/tasks", {"assignee_id": "user"}, {"title": "x"}),
    ("POST", "/api/tasks", {"owner_id": "user"}, {"title": "x"}),
    ("PATCH", "/api/tasks/{task}", {"contact_id": "contact"}, {}),
    ("PATCH", "/api/tasks/{task}", {"owner_id": "user"}, {}),
    ("POST", "/automation/tasks/{task}/assign", {"user_id": "user"}, {}),
    ("POST", "/api/contacts", {"owner_id": "user"}, {"name": "x", "email": "x@x.org"}),
    ("PATCH", "/api/contacts/{contact}", {"owner_id": "user"}, {}),
    ("POST", "/api/contacts/{contact}/merge", {"other_id": "contact"}, {}),
    ("POST", "/api/task-automation/sequences/{sequence}/enrol", {"contact_ids": "contact"}, {}),
    ("POST", "/api/task-automation/rules/{rule}/explain", {"contact_id": "contact"}, {}),
    ("POST", "/api/task-automation/schedule-sequence/", {"contact_id": "contact"}, {"sequence": "standard"}),
    ("POST", "/api/task-automation/schedule-recurring/", {"contact_id": "contact"}, {"title": "x", "interval_days": 7}),
    ("POST", "/api/activities", {"contact_id": "contact"}, {"activity_type": "email_opened"}),
    ("PATCH", "/api/users/{user}", {"team_id": "team"}, {}),
)
"""Requests that name a row of another team in their body."""


@pytest.mark.parametrize(("method", "path", "field", "rest"), BODIES)
def test_no_body_reaches_into_another_team(
    method: str, path: str, field: dict[str, str], rest: dict[str, Any], world: World
) -> None:
    own, other = world.teams
    visitor = Visitor(world.people[own.pk][-1])
    place = re.sub(r"\{(\w+)\}", lambda found: str(world.of(found[1], own)[0]), path)
    body = dict(rest)
    for name, kind in field.items():
        pk = world.of(kind, other)[0]
        body[name] = [pk] if name.endswith("s") else pk
    before = state(visitor.user)
    response = visitor.ask(place, method, body)
    after = state(visitor.user)
    refused = response.status_code in {400, 403, 404, 409, 422}
    assert refused or before == after, (response.status_code, response.content)
    if refused:
        assert {name for name in before if before[name] != after[name]} <= {"api.Reply"}
    visitor.check(place, response)


@pytest.mark.parametrize("tool", ["my_work", "workload"])
def test_an_agent_is_told_what_its_token_may_see(tool: str, world: World, visitor: Visitor) -> None:
    result = Agent(builders.make_token(visitor.user)).call(tool)
    told = worlds.named_in(str(result.structured_content) + str(result.content))
    assert not {(kind, pk) for kind, pk in told if pk not in visitor.seen[kind]}
