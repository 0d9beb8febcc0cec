"""MCP over HTTP: who is let in, from where, and what is answered to the rest."""

import ast
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from agents import extra
from tests import builders
from tests.api.conftest import problem
from tests.architecture.test_house import ROOT, tracked

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def send(body: Any = LIST, *, token: str = "", method: str = "POST", **headers: str) -> HttpResponse:
    given = {"Accept": "application/json, text/event-stream"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    given |= {"Authorization": f"Bearer {token}"} if token else {}
    text = body if isinstance(body, bytes) else json.dumps(body)
    return Client(raise_request_exception=False).generic(method, "/mcp", text, "application/json", headers=given)


@pytest.fixture
def token(db: None) -> str:
    return builders.make_token(builders.make_user())


def test_without_a_token_that_counts_one_is_asked_to_sign_in(db: None) -> None:
    for given in ("", "nm_made_up"):
        refused = send(token=given)
        assert "token" in problem(refused, 401)["detail"]
        assert refused["WWW-Authenticate"].startswith("Bearer")
    ended = builders.make_token(builders.make_user(is_active=False))
    problem(send(token=ended), 401)


def test_a_cookie_is_no_way_in(db: None) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(builders.make_user())
    problem(browser.post("/mcp", json.dumps(LIST), content_type="application/json"), 401)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example"])
def test_pages_of_other_sites_are_refused(token: str, origin: str) -> None:
    assert "NEXTMOVE_BASE_URL" in problem(send(token=token, Origin=origin), 403)["detail"]


def test_the_own_site_may_ask_by_each_of_its_names(token: str, settings: Any) -> None:
    settings.BASE_URL = "https://tasks.example.org"
    for origin in ("http://testserver", "https://tasks.example.org"):
        assert send(token=token, Origin=origin).status_code == 200


def test_a_name_that_is_not_ours_is_refused(token: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["tasks.example.org"]
    problem(send(token=token), 400)


def test_there_is_no_stream_to_listen_to(token: str) -> None:
    for method in ("GET", "DELETE", "PUT"):
        refused = send(token=token, method=method)
        problem(refused, 405)
        assert refused["Allow"] == "POST"


def test_a_body_over_the_limit_is_refused(token: str) -> None:
    problem(send(b" " * (2 * 1024 * 1024 + 1), token=token), 413)


def test_without_the_library_it_says_how_to_install_it_and_logs_no_error(
    token: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    with caplog.at_level("ERROR"):
        assert "nextmove[mcp]" in problem(send(token=token), 501)["detail"]
    assert caplog.records == []


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
ODD: list[Any] = [
    b"",
    b"{",
    b"null",
    b"[" * 5000,
    [LIST, LIST],
    {"jsonrpc": "2.0", "id": 1, "result": {}},
    {"jsonrpc": "2.0", "id": None, "method": "tools/list"},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
    {"jsonrpc": "2.0", "id": 1, "method": "notifications/cancelled", "params": {"requestId": 1}},
    {"jsonrpc": "2.0", "id": 1, "method": "ping"},
    {"jsonrpc": "2.0", "id": 1, "method": "initialize"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "my_work", "arguments": []}},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "fly", "_meta": META}},
    {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {"_meta": META}},
    {"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {"_meta": META}},
]


@pytest.mark.parametrize("version", ["", "2025-06-18", "2026-07-28", "x"])
def test_whatever_is_sent_is_answered(token: str, version: str) -> None:
    """A message that got no answer would hold a thread of the server for good."""
    for body in ODD:
        method = body.get("method", "") if isinstance(body, dict) else ""
        headers = {"MCP-Protocol-Version": version, "Mcp-Method": method} if version else {}
        response = send(body, token=token, **headers)
        assert response.status_code < 500, (body, response.content)
        assert b"Traceback" not in response.content


def test_nothing_loads_the_library_before_an_agent_asks() -> None:
    """It takes a second and thirty megabytes, and is an extra."""
    late = ("mcp", "agents.server", "agents.stdio")
    for path in tracked(".py"):
        if path.parts[0] == "tests" or str(path) in ("agents/server.py", "agents/stdio.py"):
            continue
        for node in ast.parse((ROOT / path).read_text()).body:
            assert not imported(node) & set(late), path


def imported(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import):
        return {name.name.split(".")[0] for name in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, node.module.split(".")[0], *(f"{node.module}.{name.name}" for name in node.names)}
    return set()
