"""Stands outside and remembers each arrival: a receiver of webhooks, which knows an event again by its id, and a mail
server, which takes the same letter twice."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests import processes


class Gateway:
    def __init__(self, port: int, mail_port: int) -> None:
        self.port = port
        self.mail_port = mail_port
        self.arrivals: list[tuple[str, str]] = []
        """Webhook ids, with the title of the task each is about."""
        self.subjects: list[str] = []
        """Of letters."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mail_url(self) -> str:
        return f"smtp://127.0.0.1:{self.mail_port}"

    def heard(self) -> "Counter[str]":
        """Webhooks by title, each arrival."""
        return Counter(title for _, title in self.arrivals)

    def heard_once(self) -> "Counter[str]":
        """Webhooks by title, without those whose id was known already."""
        return Counter(title for _, title in set(self.arrivals))


@contextmanager
def listening() -> Iterator[Gateway]:
    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            gateway.arrivals.append((self.headers["webhook-id"], body["data"]["task"]["title"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    class TakesMail:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            gateway.subjects.append(str(message_from_bytes(envelope.content)["Subject"]))
            return "250 OK"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    server.daemon_threads = True
    mail = Controller(TakesMail(), hostname="127.0.0.1", port=processes.free_port())
    gateway = Gateway(server.server_address[1], mail.port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mail.start()
    try:
        yield gateway
    finally:
        mail.stop()
        server.shutdown()
        server.server_close()
