"""Servers on this machine that keep what they are given, or answer as they are told: for mail, and for all the rest."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiosmtpd.controller import Controller

from tests import processes


@dataclass
class MailServer:
    """What arrived, in order; `answers` are given to the next mails instead of taking them."""

    letters: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    handler = MailServer(port=processes.free_port())
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    settings.MAILS = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", handler.port
    yield handler
    if controller.server is not None:  # a test may have stopped it
        controller.stop()


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))


HANGS_UP, KEEPS_SILENT = 0, -1
ECHO = "echo"
"""Says back all that it was sent."""


@dataclass
class Services:
    """Stands for every service that is reached by HTTP. `answers` are given in turn, then 200; what hangs up or keeps
    silent took the message all the same.
    """

    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    host: str = ""
    quiet: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.asked.append(Asked(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body))
        status, said = self.answers.pop(0) if self.answers else (200, "ok")
        if said == ECHO:
            said = f"{handler.path} {body.decode()} {dict(handler.headers)}"
        if status == KEEPS_SILENT:
            self.quiet.wait(5)
        if status <= 0:
            handler.close_connection = True
            return
        handler.send_response(status)
        handler.send_header("Location", f"{self.url}/elsewhere")
        handler.send_header("Content-Length", str(len(said.encode())))
        handler.end_headers()
        handler.wfile.write(said.encode())


@pytest.fixture
def services(settings: Any) -> Iterator[Services]:
    known = Services()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            known.take(self)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.host = f"127.0.0.1:{server.server_address[1]}"
    settings.PRIVATE_HOSTS = [known.host]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield known
    known.quiet.set()
    server.shutdown()
    server.server_close()
