"""Talking to the tools as an agent does, with the client of the MCP library."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import httpx2
import pytest
from asgiref.sync import async_to_sync
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from agents.asking import Api
from agents.server import build
from api import limits

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _by_itself() -> Iterator[None]:
    limits.reset()
    yield
    limits.reset()


class Agent:
    """A client in memory; the server has the token."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def talk(self, about: Callable[[Client], Awaitable[T]], mode: str = "auto") -> T:
        server = build(lambda: Api(f"Bearer {self.secret}"))
        return talk(server, about, mode=mode)

    def tools(self, mode: str = "auto") -> list[str]:
        return self.talk(names, mode)

    def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return self.talk(lambda client: client.call_tool(tool, arguments))

    def data(self, tool: str, **arguments: Any) -> Any:
        """What a tool answers; fails when it refuses."""
        result = self.call(tool, **arguments)
        assert not result.is_error, text(result)
        return result.structured_content

    def refusal(self, tool: str, **arguments: Any) -> str:
        """The words of a refusal; fails when there is none."""
        result = self.call(tool, **arguments)
        assert result.is_error, text(result)
        return text(result)


def talk(server: Any, about: Callable[[Client], Awaitable[T]], *, mode: str = "auto") -> T:
    """One conversation; what the tools do, they do in this thread, and so in the test's transaction."""

    async def conversation() -> T | MCPError:
        async with Client(server, mode=mode) as client:
            try:
                return await about(client)
            except MCPError as error:  # raised in here, it would come out in a group of its own
                return error

    said = async_to_sync(conversation)()
    if isinstance(said, MCPError):
        raise said
    return said


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


def text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content)


def over_http(site: Any, secret: str, about: Callable[[Client], Awaitable[T]], *, mode: str = "auto") -> T:
    """A conversation with a running product at its /mcp."""

    async def conversation() -> T:
        sent = {"Authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(headers=sent, trust_env=False, timeout=30) as plain:
            transport = streamable_http_client(f"{site.url}/mcp", http_client=plain)
            async with Client(transport, mode=mode) as client:
                return await about(client)

    return async_to_sync(conversation)()


def over_stdio(site: Any, secret: str, about: Callable[[Client], Awaitable[T]]) -> T:
    """A conversation with a `nextmove mcp` of its own, beside a running product's database."""
    started = StdioServerParameters(
        command=sys.executable,
        args=["-m", "config.cli", "mcp"],
        env=site.environment | {"NEXTMOVE_TOKEN": secret},
        cwd=site.log.parent,
    )

    async def conversation() -> T:
        async with Client(started) as client:
            return await about(client)

    return async_to_sync(conversation)()
