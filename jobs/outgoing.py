"""Calls to addresses that people give: to one public machine, checked and then held to, and nowhere else.

The name is looked up once, every address it has must be public, and the connection goes to the one that was checked:
a name that changes its mind meanwhile changes nothing. No redirect is followed, and what comes back is bounded in size
and time. An operator may name hosts of the own network in NEXTMOVE_PRIVATE_HOSTS.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection

SECONDS = 15.0
"""For one call as a whole."""
MOST_BYTES = 1024 * 1024
_CONNECTING = 5.0
_CHUNK = 64 * 1024
_LATE = "{host} did not answer within {seconds:g} s."
_PORTS = {"https": 443, "http": 80}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_HOLDS_IPV4 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))
"""IPv6 that leads to the IPv4 address in its last four bytes."""


class Forbidden(ValueError):
    """This address is not called; the message says why, and what to write instead."""


class Unreachable(Exception):
    """Nothing was handed over: no such name, no answer to the knock, or no trustworthy certificate."""


class Broken(Exception):
    """The connection was lost after the request began: whether it was taken, nobody can say."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """With their names in small letters."""
    body: bytes


def check(url: str) -> None:
    """Whether an address may be called as far as it shows without looking its name up. Raises Forbidden."""
    parts = _parts(url)
    try:
        literal = ipaddress.ip_address(str(parts.hostname))
    except ValueError:
        return
    if not _is_private_by_choice(parts) and not is_public(literal):
        raise Forbidden(_NOT_PUBLIC.format(host=parts.hostname))


def call(
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most_bytes: int = MOST_BYTES,
) -> Answer:
    """The answer, whatever its status; a redirect is an answer like others.

    Raises Forbidden, Unreachable, Broken (also for an answer of more bytes or seconds).
    """
    parts = _parts(url)
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    connection = _connection(parts.scheme, _address_of(parts, port), port, host)
    with _cut_after(seconds, connection) as cut:
        try:
            connection.connect()
        except (ssl.SSLError, urllib3.exceptions.SSLError) as failure:
            raise Unreachable(f"{host} has no certificate that can be trusted: {failure}") from failure
        except (OSError, urllib3.exceptions.HTTPError) as failure:
            raise Unreachable(f"{host} does not answer.") from failure
        connection.timeout = seconds
        try:
            connection.request(
                method,
                (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                body=body or None,
                headers={"Host": parts.netloc, "User-Agent": "Nextmove", **(headers or {})},
                preload_content=False,
                decode_content=False,
            )
            response = connection.getresponse()
            read = _read(response, most_bytes, host)
            if cut.is_set():
                raise Broken(_LATE.format(host=host, seconds=seconds))
            return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, read)
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as failure:
            late = cut.is_set() or isinstance(failure, TimeoutError | urllib3.exceptions.ReadTimeoutError)
            lost = f"The connection to {host} was lost: {failure}"
            raise Broken(_LATE.format(host=host, seconds=seconds) if late else lost) from failure


def is_public(address: _Address) -> bool:
    """Whether anybody in the world may have it: not of this machine, its network, or set aside for something else."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and any(address in network for network in _HOLDS_IPV4):
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:  # of old networks, which Python takes for public
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


_NOT_PUBLIC = (
    "{host} is not a public address: write one that can be reached from the internet, "
    "or let the operator name the host in NEXTMOVE_PRIVATE_HOSTS"
)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as fault:
        raise Forbidden(f"This is no web address ({fault}): write one such as https://example.org/inbox") from fault
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise Forbidden("Write a whole web address, such as https://example.org/inbox")
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in url.strip()):
        raise Forbidden("Write the address without spaces and special letters, as a browser copies it")
    if parts.username is not None:
        raise Forbidden("Leave the name and the password out of the address: there are fields for secrets")
    if parts.scheme == "http" and not _is_private_by_choice(parts):
        raise Forbidden("Write an https:// address: over http:// anybody on the way reads along")
    return parts


def _is_private_by_choice(parts: SplitResult) -> bool:
    """Named by the operator, as a host or as host:port."""
    host = str(parts.hostname)
    return bool({host, f"{host}:{parts.port or _PORTS[parts.scheme]}"} & set(settings.PRIVATE_HOSTS))


def _address_of(parts: SplitResult, port: int) -> str:
    """The address that the name has now; all of them must be allowed."""
    host = str(parts.hostname)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failure:
        raise Unreachable(f"There is no machine with the name {host}.") from failure
    addresses = [str(entry[4][0]) for entry in found]
    if not _is_private_by_choice(parts):
        for address in addresses:
            if not is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise Forbidden(_NOT_PUBLIC.format(host=host))
    return addresses[0]


def _connection(scheme: str, address: str, port: int, host: str) -> HTTPConnection:
    if scheme == "https":
        # The connection goes to the checked address; the certificate must be the name's.
        return HTTPSConnection(address, port, timeout=_CONNECTING, server_hostname=host, assert_hostname=host)
    return HTTPConnection(address, port, timeout=_CONNECTING)


@contextmanager
def _cut_after(seconds: float, connection: HTTPConnection) -> Iterator[threading.Event]:
    """Ends the connection when the time is over, however little at a time comes through it; the event says so."""
    cut = threading.Event()

    def end() -> None:
        cut.set()
        with suppress(OSError, AttributeError):  # it may not be there yet, or not any more
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
        connection.close()


def _read(response: urllib3.BaseHTTPResponse, most_bytes: int, host: str) -> bytes:
    parts, size = [], 0
    for chunk in response.stream(_CHUNK, decode_content=False):
        size += len(chunk)
        if size > most_bytes:
            raise Broken(f"{host} answered more than {most_bytes:,} bytes, which is not read.")
        parts.append(chunk)
    return b"".join(parts)
