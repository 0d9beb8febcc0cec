"""Calls to addresses that people give: where they may go, and what is said when they can't."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import outgoing


@contextmanager
def serving(respond: Any) -> Iterator[str]:
    """A web server of this machine that answers as `respond(handler)` says; its host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        do_POST = do_PUT = do_GET

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def plain(status: int = 200, body: bytes = b"yes", **headers: str) -> Any:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return respond


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https://user:secret@example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org/\r\nX: y",
        "https://exämple.org/",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_never_called_is_refused_as_it_is_written_down(url: str) -> None:
    with pytest.raises(outgoing.Forbidden, match=r"[Ww]rite|Leave"):
        outgoing.check(url)
    with pytest.raises(outgoing.Forbidden):
        outgoing.call("GET", url)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "::1", "fe80::1%eth0", "fd00::1", "192.168.1.1"])
def test_a_name_that_leads_into_the_own_network_is_not_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _resolves(monkeypatch, address)
    outgoing.check("https://innocent.example.org/")
    with pytest.raises(outgoing.Forbidden, match="not a public address"):
        outgoing.call("GET", "https://innocent.example.org/")


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolves(monkeypatch, "93.184.215.14", "127.0.0.1")
    with pytest.raises(outgoing.Forbidden):
        outgoing.call("GET", "https://both.example.org/")


def test_the_connection_goes_to_the_address_that_was_checked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is looked up once: a second look could find another machine."""
    with serving(plain()) as host:
        port = host.partition(":")[2]
        settings.PRIVATE_HOSTS = ["chat.example.org"]
        looked_up = _resolves(monkeypatch, "127.0.0.1")
        answer = outgoing.call("GET", f"http://chat.example.org:{port}/")
    assert (answer.status, answer.body, looked_up) == (200, b"yes", ["chat.example.org"])


def test_a_redirect_is_an_answer_and_not_followed(settings: Any) -> None:
    seen: list[str] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.path)
        plain(302, Location="http://127.0.0.1:1/elsewhere")(handler)

    with serving(respond) as host:
        settings.PRIVATE_HOSTS = [host]
        answer = outgoing.call("POST", f"http://{host}/a?b=c", body=b"x")
    assert (answer.status, answer.headers["location"], seen) == (302, "http://127.0.0.1:1/elsewhere", ["/a?b=c"])


def test_only_the_named_port_of_a_host_is_allowed(settings: Any) -> None:
    settings.PRIVATE_HOSTS = ["127.0.0.1:81"]
    with pytest.raises(outgoing.Forbidden):
        outgoing.check("http://127.0.0.1:80/")


def test_nothing_listening_was_certainly_not_taken(settings: Any) -> None:
    settings.PRIVATE_HOSTS = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(outgoing.Unreachable, match="does not answer"):
        outgoing.call("GET", f"http://127.0.0.1:{port}/")


def test_a_certificate_of_nobody_is_not_trusted(settings: Any) -> None:
    with serving(plain()) as host:  # it speaks no TLS at all
        settings.PRIVATE_HOSTS = [host]
        with pytest.raises(outgoing.Unreachable, match="certificate"):
            outgoing.call("GET", f"https://{host}/")


def test_a_connection_that_breaks_leaves_it_open_whether_it_was_taken(settings: Any) -> None:
    with serving(lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)) as host:
        settings.PRIVATE_HOSTS = [host]
        with pytest.raises(outgoing.Broken):
            outgoing.call("POST", f"http://{host}/", body=b"x")


def test_more_than_is_wanted_is_not_read(settings: Any) -> None:
    with serving(plain(body=b"x" * 5000)) as host:
        settings.PRIVATE_HOSTS = [host]
        with pytest.raises(outgoing.Broken, match="1,000 bytes"):
            outgoing.call("GET", f"http://{host}/", most_bytes=1000)


@pytest.mark.parametrize("drips", [b"X", b"X-Long: "], ids=["body", "headers"])
def test_a_server_that_drips_is_cut_off_in_time(settings: Any, drips: bytes) -> None:
    """Each byte comes in time, all of them never do."""
    over = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if drips == b"X" else drips))
        for _ in range(2000):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            if over.wait(0.005):
                return

    with serving(respond) as host:
        settings.PRIVATE_HOSTS = [host]
        with pytest.raises(outgoing.Broken, match="did not answer within"):
            outgoing.call("GET", f"http://{host}/", seconds=0.1)
        over.set()


def test_who_is_reached_at_once_may_think_for_longer(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "_CONNECTING", 0.05)

    def respond(handler: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(0.15)
        plain()(handler)

    with serving(respond) as host:
        settings.PRIVATE_HOSTS = [host]
        assert outgoing.call("GET", f"http://{host}/").body == b"yes"


def test_what_is_sent_arrives_as_it_is(settings: Any) -> None:
    got: dict[str, Any] = {}

    def respond(handler: BaseHTTPRequestHandler) -> None:
        got["body"] = handler.rfile.read(int(handler.headers["Content-Length"]))
        got["host"], got["mark"] = handler.headers["Host"], handler.headers["X-Mark"]
        plain(201)(handler)

    with serving(respond) as host:
        settings.PRIVATE_HOSTS = [host]
        answer = outgoing.call("PUT", f"http://{host}/", body=b"\x00\xff", headers={"X-Mark": "m"})
    assert answer.status == 201
    assert got == {"body": b"\x00\xff", "host": host, "mark": "m"}


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_as_the_one_it_wraps(inner: ipaddress.IPv4Address) -> None:
    wrapped = [
        ipaddress.IPv6Address(b"\x00" * 10 + b"\xff\xff" + inner.packed),
        ipaddress.IPv6Address(b"\x00\x64\xff\x9b" + b"\x00" * 8 + inner.packed),
        ipaddress.IPv6Address(b"\x20\x02" + inner.packed + b"\x00" * 10),
    ]
    assert {outgoing.is_public(address) for address in wrapped} == {outgoing.is_public(inner)}


def _resolves(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Lets every name lead there; the answer fills with the names that are asked."""
    asked: list[str] = []

    def lookup(host: str, port: int, *_args: Any, **_options: Any) -> list[Any]:
        if host != addresses[0]:  # the connection asks for what an address in figures is
            asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", lookup)
    return asked


def test_what_old_networks_keep_to_themselves_is_not_public() -> None:
    assert not outgoing.is_public(ipaddress.ip_address("fec0::1"))
