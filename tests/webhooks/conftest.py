"""A web server of this machine that keeps what it is sent and checks each signature as a receiver should."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from jobs import runner
from jobs.announcing import KINDS
from people.models import User
from tests import builders
from tests.builders import NOW
from webhooks import endpoints
from webhooks.models import Endpoint

HANG_UP = 0


@dataclass
class Message:
    id: str
    body: bytes
    payload: dict[str, Any]
    good_for: list[str]
    """The secrets with which the signature proves to be right."""


@dataclass
class Receiver:
    """What arrived, in order. `answers` are given to the next calls, each a status with headers; then 204."""

    secrets: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    host: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"

    @property
    def types(self) -> list[str]:
        return [message.payload["type"] for message in self.messages]

    def take(self, headers: dict[str, str], body: bytes) -> Message:
        good_for, payload = [], {}
        for secret in self.secrets:
            try:
                payload = Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            good_for.append(secret)
        assert headers["Content-Type"] == "application/json"
        return Message(headers["webhook-id"], body, payload, good_for)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.messages.append(receiver.take(dict(self.headers), body))
        answer = receiver.answers.pop(0) if receiver.answers else 204
        status, headers, said = answer if isinstance(answer, tuple) else (answer, {}, b"")
        if status == HANG_UP:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A web server that answers so; its host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    found = Receiver()
    with serving(type("Handler", (_Handler,), {"receiver": found})) as found.host:
        settings.PRIVATE_HOSTS = [found.host]
        yield found


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def endpoint(receiver: Receiver, manager: User) -> Endpoint:
    """One that wants everything; the receiver knows its secret."""
    return listen(receiver, manager)


def listen(receiver: Receiver, manager: User, *kinds: str, now: datetime = NOW) -> Endpoint:
    row, secret = endpoints.create(manager.team, url=receiver.url, kinds=kinds or KINDS, by=manager, now=now)
    receiver.secrets.append(secret)
    return row


def work(at: datetime) -> None:
    """What a runner does at this instant, until nothing is due."""
    with time_machine.travel(at, tick=False):
        while runner.run_due():
            pass
