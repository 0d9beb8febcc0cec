"""MCP over standard input and output: a client starts us as a process of its own, beside the database."""

import asyncio
import signal
from typing import Any

from django.db import close_old_connections
from mcp.server import Server
from mcp.server.stdio import stdio_server

from agents.asking import Api
from agents.server import build


def run(secret: str) -> None:
    """Until the client closes our input. Raises Problem at once for a token that does not count."""
    _caller(secret).token()
    # The thread that reads our input would not hear Ctrl-C otherwise; every effect is one transaction.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(_serve(build(lambda: _caller_later(secret))))


def _caller(secret: str) -> Api:
    return Api(f"Bearer {secret}", address="stdio")


def _caller_later(secret: str) -> Api:
    """On a connection that still stands: hours may lie between two messages."""
    close_old_connections()
    return _caller(secret)


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
