"""Which port a start takes."""

import socket
from collections.abc import Iterator

import pytest

from config import preparing


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[range]:
    """Three neighbours that are free now, in place of 5000 to 5010."""
    for start in range(42000, 60000, 7):
        if all(preparing.free("127.0.0.1", port) for port in range(start, start + 3)):
            chosen = range(start, start + 3)
            monkeypatch.setattr(preparing, "PORTS", chosen)
            yield chosen
            return


def test_the_first_free_port_is_taken_silently(ports: range):
    assert preparing.choose_port("127.0.0.1", None) == (ports[0], [])


def test_the_next_free_one_is_said_aloud(ports: range):
    with socket.create_server(("127.0.0.1", ports[0])):
        assert preparing.choose_port("127.0.0.1", None) == (
            ports[1],
            [f"Port {ports[0]} is taken; using {ports[1]}."],
        )


def test_no_free_port_is_refused_with_the_mend(ports: range):
    servers = [socket.create_server(("127.0.0.1", port)) for port in ports]
    try:
        with pytest.raises(preparing.CannotStart, match="NEXTMOVE_PORT"):
            preparing.choose_port("127.0.0.1", None)
    finally:
        for server in servers:
            server.close()


def test_an_address_of_another_machine_is_refused_with_the_mend():
    with pytest.raises(preparing.CannotStart, match=r"0\.0\.0\.0"):
        preparing.free("192.0.2.1", 0)
