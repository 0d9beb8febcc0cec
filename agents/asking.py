"""Asks our own API, in this process: the same addresses, rights, scopes, limits and refusals as over the network."""

import json
import uuid
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import structlog
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.urls import resolve

from api.auth import CHALLENGE, Bearer
from api.errors import Problem
from people.models import ApiToken

JSON = "application/json"
MOST_PAGES = 50
SIGN_IN = "Send `Authorization: Bearer <token>`. Make a token under Settings, API tokens, or at /api/tokens."


class Refused(Exception):
    """The API said no; the message is what it said, and so holds the next step."""


class Api:
    """The API as the holder of one token meets it."""

    def __init__(self, authorization: str, *, address: str = "", request_id: str = "") -> None:
        self.authorization, self.address = authorization, address
        self.request_id = request_id or uuid.uuid4().hex
        self._token: ApiToken | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> "Api":
        """For who sent this request, by its header alone: no cookie counts."""
        return cls(
            request.headers.get("Authorization", ""),
            address=str(request.META.get("REMOTE_ADDR", "")),
            request_id=getattr(request, "request_id", ""),
        )

    def token(self) -> ApiToken:
        """The token with its user. Raises Problem 401 for none that counts, 429 for too many requests."""
        if self._token is None:
            self._token = Bearer()(self._request("GET", "/mcp"))
        if self._token is None:
            raise Problem(401, SIGN_IN, headers=CHALLENGE)
        return self._token

    def get(self, path: str, **query: Any) -> Any:
        known = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(known)}")

    def every(self, path: str, **query: Any) -> list[Any]:
        """All rows of a list, page by page; of one that has no end, the first 10,000."""
        page = self.get(path, limit=200, **query)
        rows = list(page["results"])
        for _ in range(MOST_PAGES):
            if page["next"] is None:
                break
            page = self._ask("GET", page["next"])
            rows += page["results"]
        return rows

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """With a key, the second of two equal ones gets the first one's answer."""
        return self._ask("POST", path, body, {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key})

    def _ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        request = self._request(method, path, body, headers)
        match = resolve(request.path_info)
        with structlog.contextvars.bound_contextvars(request_id=self.request_id):
            response = match.func(request, *match.args, **match.kwargs)
        document = json.loads(response.content or b"null")
        if response.status_code >= 400:
            raise Refused(told(document["detail"], document["errors"]))
        return document

    def _request(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> HttpRequest:
        content = b"" if body is None else json.dumps(body).encode()
        place, _, query = path.partition("?")
        request = WSGIRequest(
            {
                "REQUEST_METHOD": method,
                "PATH_INFO": place,
                "QUERY_STRING": query,
                "SERVER_NAME": "localhost",
                "SERVER_PORT": "80",
                "REMOTE_ADDR": self.address,
                "HTTP_AUTHORIZATION": self.authorization,
                "CONTENT_TYPE": JSON,
                "CONTENT_LENGTH": str(len(content)),
                "wsgi.input": BytesIO(content),
                "wsgi.url_scheme": "http",
                **(headers or {}),
            }
        )
        request.request_id = self.request_id  # type: ignore[attr-defined]
        return request


def told(detail: str, faults: Iterable[dict[str, str]]) -> str:
    """A refusal in lines: what is wrong, then each field."""
    lines = [f"{fault['pointer'].strip('/')}: {fault['message']}" for fault in faults if fault["message"] != detail]
    return "\n".join([detail, *(line.removeprefix(": ") for line in lines)])
