"""MCP over streamable HTTP, at /mcp. Each request stands alone and is answered whole: any web process may do so."""

import asyncio
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from agents import extra
from agents.asking import Api
from api import errors
from api.errors import Problem


@csrf_exempt  # no cookie counts here
def endpoint(request: HttpRequest) -> HttpResponse:
    """Asks for the token first: before that nothing is read, and the library is not even loaded."""
    try:
        _check(request)
        api = Api.of(request)
        api.token()
        return async_to_sync(_served)(request, request.body, api)
    except Exception as error:
        return errors.handle(request, error)


def _check(request: HttpRequest) -> None:
    """Raises the problem of a request that no agent of ours sends: a page of another site may send any of them."""
    try:
        own = f"{request.scheme}://{request.get_host()}"
    except DisallowedHost:
        raise Problem(400, "The server does not go by this name: add it to NEXTMOVE_ALLOWED_HOSTS.") from None
    if request.headers.get("Origin", own) not in {own, settings.BASE_URL}:
        raise Problem(403, "Pages of other sites may not use this address. Set NEXTMOVE_BASE_URL if it is your own.")
    if request.method != "POST":
        raise Problem(405, "Send each message by POST: there is no stream to listen to.", headers={"Allow": "POST"})
    if missing := extra.needs():
        raise Problem(501, missing)


async def _served(request: HttpRequest, body: bytes, api: Api) -> HttpResponse:
    """The library's answer to this one request; the tools' own work is done in the thread that waits for it."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from agents.server import build

    unread, said = [body], []

    async def receive() -> dict[str, Any]:
        if not unread:
            await asyncio.Event().wait()  # for good: the client says nothing more, and is there until we answered
        return {"type": "http.request", "body": unread.pop(), "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    manager = StreamableHTTPSessionManager(build(lambda: api), json_response=True, stateless=True)
    async with manager.run():
        await manager.handle_request(_scope(request), receive, send)
    return _response(said)


def _scope(request: HttpRequest) -> dict[str, Any]:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    return {"type": "http", "method": "POST", "path": request.path, "query_string": b"", "headers": headers}


def _response(said: list[Any]) -> HttpResponse:
    """The messages of ASGI as one answer."""
    start, *parts = said
    response = HttpResponse(b"".join(part.get("body", b"") for part in parts), status=start["status"])
    response.headers.pop("Content-Type")
    for name, value in start.get("headers", ()):
        response.headers[name.decode("latin-1")] = value.decode("latin-1")
    response.headers["Cache-Control"] = "no-store"
    return response
