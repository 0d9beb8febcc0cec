"""How the answers of peers and of the product are read, against small servers that answer as they do."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from benchmarks import peers

Answer = Callable[[str, Any], tuple[int, Any]]


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server on loopback that answers each request as `answer` says; its address, and what it was asked."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked.append((self.path, body))
            status, said = answer(self.path, body)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def odoo(path: str, body: Any) -> tuple[int, Any]:
    service, method, arguments = (body["params"][name] for name in ("service", "method", "args"))
    if (service, method) == ("common", "login"):
        return 200, {"jsonrpc": "2.0", "id": body["id"], "result": 7 if arguments[2] == "right" else False}
    return 200, {"jsonrpc": "2.0", "id": body["id"], "result": list(range(len(arguments[5][0])))}


def nextmove(path: str, body: Any) -> tuple[int, Any]:
    if path.startswith("/api/contacts"):
        return 200, {"results": [{"id": 1, "email": ""}, {"id": 2, "email": "a@example.com"}]}
    if path.startswith("/api/activities?"):
        return 200, {"results": [{"id": 9, "processed_at": "2026-01-02T03:04:05Z"}]}
    return 202, {"accepted": len(body), "duplicates": 0, "rejected": []}


def ours(kind: type[peers.Ours], url: str, address: str, most: int) -> Any:
    contacts = peers.contacts_of(*peers.get(url, "/api/contacts?limit=200", "nm_x"))
    return kind(url, "nm_x", contacts, url + address, most)


def test_every_event_reaches_both_sides_once_a_round() -> None:
    with answering(nextmove) as (own, told), answering(odoo) as (peer, called):
        target = peers.signed_in(peer, "demo", "admin", "right", most=4)
        figures = peers.compare(ours(peers.Listed, own, "/api/activities", 4), target, rounds=2, events=10, clients=2)
    keys = [one["source_key"] for path, body in told if path == "/api/activities" for one in body]
    leads = [
        lead["name"]
        for _, body in called
        if body["params"]["method"] == "execute_kw"
        for lead in body["params"]["args"][5][0]
    ]
    assert len(keys) == len(set(keys)) == len(leads) == len(set(leads)) == 3 * 10
    least, ratio, most = (figures[f"Nextmove / Odoo{end}"] for end in (": least", "", ": most"))
    assert 0 < least <= ratio <= most


def test_single_events_go_to_the_hook_and_to_n8n_one_a_request() -> None:
    with answering(nextmove) as (own, told), answering(lambda *_: (200, {"message": "done"})) as (peer, called):
        target = peers.N8n(f"{peer}/webhook/events?key=1")
        peers.compare(ours(peers.Hooked, own, "/hooks/mail/sendgrid/s", 1), target, rounds=1, events=6, clients=3)
    assert [path for path, _ in called] == ["/webhook/events?key=1"] * 12
    hooked = [body for path, body in told if path == "/hooks/mail/sendgrid/s"]
    assert {len(body) for body in hooked} == {1}
    assert {body[0]["email"] for body in hooked} == {"a@example.com"}
    assert len({body[0]["sg_event_id"] for body in hooked}) == 12


def test_a_peer_that_refuses_ends_the_measuring_with_its_words() -> None:
    with answering(lambda *_: (429, b"slow down")) as (peer, _), pytest.raises(peers.Refused, match="slow down"):
        peers.a_second(peers.N8n(peer), 10, 2, 0)
    with answering(odoo) as (peer, _), pytest.raises(peers.Refused, match="does not let admin into demo"):
        peers.signed_in(peer, "demo", "admin", "wrong", most=1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "Odoo Server Error", "data": {"message": "Access Denied"}}}', "Access Denied"),
        (b'{"error": {"message": "Odoo Server Error"}}', "Odoo Server Error"),
        (b"<html>", "<html>"),
        (b"[]", r"\[\]"),
    ],
)
def test_an_error_of_odoo_is_said_in_its_own_words(body: bytes, words: str) -> None:
    with pytest.raises(peers.Refused, match=words):
        peers.result(200, body)


@pytest.mark.parametrize("body", [b'{"accepted": 1}', b'{"detail": "no"}', b"nothing", b"[]"])
def test_fewer_than_were_sent_are_not_all(body: bytes) -> None:
    with pytest.raises(peers.Refused):
        peers.taken(202, body, [1, 2])


def test_an_event_that_waits_is_not_done() -> None:
    assert not peers.processed(200, b'{"results": [{"processed_at": null}, {"processed_at": "2026-01-02T03:04:05Z"}]}')
    with pytest.raises(peers.Refused, match="403"):
        peers.processed(403, b'{"detail": "no"}')
    with pytest.raises(peers.Refused, match="make some first"):
        peers.contacts_of(200, b'{"results": [{"id": 1, "email": ""}]}')
