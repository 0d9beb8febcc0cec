"""A peer that runs already, beside a Nextmove that runs already: how many events a second each takes.

`python -m benchmarks.peers --own URL --token TOKEN --hook URL [--n8n URL] [--odoo URL --database NAME --user NAME
--password WORD]` sends the same number of events to each, over connections that stay open, peer and product in turn.
What is sent, and what has to be set up before, is in docs/benchmarks/peers.md. Nothing of a peer is in this repository.
"""

import argparse
import http.client
import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

ROUNDS, EVENTS, CLIENTS, BATCH = 5, 400, 4, 100
ANSWER_SECONDS, FINISH_SECONDS = 60, 300


class Refused(Exception):
    """What was asked was not done; the message holds the answer."""


class Target(Protocol):
    """Where events go. `send` returns once the target has answered that it took them all, `finish` once all that was
    sent is done; both raise Refused.
    """

    name: str
    url: str
    most: int
    """So many events go with one request."""

    def send(self, line: "Line", numbers: Sequence[int]) -> None: ...

    def finish(self) -> None: ...


@dataclass
class Line:
    """One connection to an address, kept open."""

    url: str
    connection: http.client.HTTPConnection | None = None

    def post(self, body: Any, *, path: str = "", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        parts = urlsplit(self.url)
        if self.connection is None:
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            self.connection = kind(parts.netloc, timeout=ANSWER_SECONDS)
        where = path or parts.path or "/"
        where += f"?{parts.query}" if parts.query and not path else ""
        said = {"Content-Type": "application/json", **(headers or {})}
        self.connection.request("POST", where, json.dumps(body), said)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()


@dataclass
class Ours:
    """The product. What it has taken is done when its newest event was processed, for it does them in turn."""

    own: str
    token: str
    contacts: Sequence[tuple[int, str]]
    """Ids and addresses that take turns."""
    url: str
    most: int
    name: str = "Nextmove"
    run: str = field(default_factory=lambda: str(time.time_ns()))

    def finish(self) -> None:
        until = time.monotonic() + FINISH_SECONDS
        while not processed(*get(self.own, "/api/activities?activity_type=email_clicked&limit=1", self.token)):
            if time.monotonic() > until:
                raise Refused(f"Nextmove did not finish within {FINISH_SECONDS} s: is its worker running?")
            time.sleep(0.15)


class Listed(Ours):
    """Clicks in lists, to POST /api/activities."""

    def send(self, line: "Line", numbers: Sequence[int]) -> None:
        said = [
            {
                "contact_id": self.contacts[number % len(self.contacts)][0],
                "activity_type": "email_clicked",
                "source": "peers",
                "source_key": f"{self.run}-{number}",
            }
            for number in numbers
        ]
        taken(*line.post(said, headers={"Authorization": f"Bearer {self.token}"}), said)


class Hooked(Ours):
    """One click a request, to the address of a source for SendGrid: it takes as many as come."""

    def send(self, line: "Line", numbers: Sequence[int]) -> None:
        for number in numbers:
            event = {
                "email": self.contacts[number % len(self.contacts)][1],
                "event": "click",
                "timestamp": int(time.time()),
                "sg_event_id": f"{self.run}-{number}",
                "url": "https://example.com/",
            }
            status, said = line.post([event])
            if not 200 <= status < 300:
                raise Refused(f"Nextmove: {status} {said[:200]!r}")


@dataclass
class N8n:
    """One event a request to the address of a webhook node."""

    url: str
    name: str = "n8n"
    most: int = 1

    def send(self, line: Line, numbers: Sequence[int]) -> None:
        for number in numbers:
            event = {"email": f"peer{number}@example.com", "event": "click", "campaign": f"c{number % 10}"}
            status, said = line.post(event)
            if not 200 <= status < 300:
                raise Refused(f"n8n: {status} {said[:200]!r}")

    def finish(self) -> None:
        """It answers when its last node is done, if it is set up as the page says."""


@dataclass
class Odoo:
    """Leads made through JSON-RPC, `most` with one call: each is what the peer's automation rules look at."""

    url: str
    database: str
    password: str
    uid: int
    most: int = 1
    name: str = "Odoo"

    def send(self, line: Line, numbers: Sequence[int]) -> None:
        leads = [{"name": f"peer {n}", "email_from": f"peer{n}@example.com", "type": "lead"} for n in numbers]
        made = result(*line.post(execute(self, "crm.lead", "create", [leads]), path="/jsonrpc"))
        if len(made if isinstance(made, list) else [made]) != len(leads):
            raise Refused(f"Odoo made {made} of {len(leads)} leads")

    def finish(self) -> None:
        """It answers when its rules are done."""


def taken(status: int, body: bytes, said: Sequence[Any]) -> None:
    """Raises Refused unless Nextmove answered that it accepted all that was said."""
    try:
        accepted = json.loads(body)["accepted"] if status == 202 else None
    except (ValueError, KeyError, TypeError):
        accepted = None
    if accepted != len(said):
        raise Refused(f"Nextmove: {status} {body[:200]!r}")


def call(service: str, method: str, *arguments: Any) -> dict[str, Any]:
    """A call of JSON-RPC as Odoo's external API takes it."""
    said = {"service": service, "method": method, "args": list(arguments)}
    return {"jsonrpc": "2.0", "id": 1, "method": "call", "params": said}


def execute(peer: Odoo, model: str, method: str, arguments: list[Any]) -> dict[str, Any]:
    return call("object", "execute_kw", peer.database, peer.uid, peer.password, model, method, arguments)


def result(status: int, body: bytes) -> Any:
    """What a call of JSON-RPC returned. Raises Refused with the peer's own words."""
    try:
        said = json.loads(body)
    except ValueError:
        raise Refused(f"Odoo: {status} {body[:200]!r}") from None
    if not isinstance(said, dict) or status != 200 or "result" not in said:
        error = said.get("error", {}) if isinstance(said, dict) else {}
        words = (error.get("data") or {}).get("message") or error.get("message") or body[:200]
        raise Refused(f"Odoo: {status} {words}")
    return said["result"]


def signed_in(url: str, database: str, user: str, password: str, *, most: int) -> Odoo:
    """Raises Refused when the peer does not know them."""
    line = Line(url)
    try:
        uid = result(*line.post(call("common", "login", database, user, password), path="/jsonrpc"))
    finally:
        line.close()
    if not isinstance(uid, int) or isinstance(uid, bool):
        raise Refused(f"Odoo does not let {user} into {database}")
    return Odoo(url, database, password, uid, most)


def get(own: str, path: str, token: str) -> tuple[int, bytes]:
    parts = urlsplit(own)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def listed(status: int, body: bytes) -> list[dict[str, Any]]:
    """The rows of a page of Nextmove. Raises Refused for anything else."""
    try:
        rows = json.loads(body)["results"] if status == 200 else None
    except (ValueError, KeyError, TypeError):
        rows = None
    if not isinstance(rows, list):
        raise Refused(f"Nextmove: {status} {body[:200]!r}")
    return rows


def processed(status: int, body: bytes) -> bool:
    """Whether the newest event of the page has been looked at."""
    return all(row["processed_at"] is not None for row in listed(status, body)[:1])


def contacts_of(status: int, body: bytes) -> list[tuple[int, str]]:
    """Ids and addresses of the contacts of a page that have one. Raises Refused when none has."""
    found = [(int(row["id"]), str(row["email"])) for row in listed(status, body) if row["email"]]
    if not found:
        raise Refused("Nextmove names no contact that has an address: make some first")
    return found


def a_second(target: Target, events: int, clients: int, begin: int) -> float:
    """Events a second, from the first that is sent to the last that is done, from this many connections at once.

    They are numbered from `begin`. Raises Refused for the first that is not taken.
    """
    parcels = iter([range(n, min(n + target.most, begin + events)) for n in range(begin, begin + events, target.most)])
    lock, refused = threading.Lock(), list[Exception]()

    def work() -> None:
        line = Line(target.url)
        try:
            while not refused:
                with lock:
                    parcel = next(parcels, None)
                if parcel is None:
                    return
                target.send(line, parcel)
        except (Refused, OSError, http.client.HTTPException) as failure:
            refused.append(failure)
        finally:
            line.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if refused:
        raise Refused(str(refused[0]))
    target.finish()
    return events / (time.perf_counter() - started)


def compare(
    own: Target, peer: Target, *, rounds: int, events: int, clients: int, speed: Callable[..., float] = a_second
) -> dict[str, float]:
    """Medians of events a second, and of the ratio over paired rounds; the first round warms both up."""
    begins = itertools.count(0, events)
    taken: dict[str, list[float]] = {own.name: [], peer.name: []}
    for number in range(rounds + 1):
        for target in (own, peer) if number % 2 else (peer, own):
            found = speed(target, events, clients, next(begins))
            if number:
                taken[target.name].append(found)
    ratios = [one / other for one, other in zip(*taken.values(), strict=True)]
    speeds = {f"{name}, events a second": statistics.median(found) for name, found in taken.items()}
    name = f"{own.name} / {peer.name}"
    return speeds | {name: statistics.median(ratios), f"{name}: least": min(ratios), f"{name}: most": max(ratios)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--own", required=True, metavar="URL", help="of a running Nextmove")
    parser.add_argument("--token", required=True, help="one with contacts:read and activities:write")
    parser.add_argument(
        "--hook", required=True, metavar="URL", help="of its source for SendGrid, which takes single events"
    )
    parser.add_argument("--n8n", metavar="URL", help="of a webhook node")
    parser.add_argument("--odoo", metavar="URL")
    for name in ("database", "user", "password"):
        parser.add_argument(f"--{name}", help="of Odoo")
    parser.add_argument("--events", type=int, default=EVENTS, help="a round")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    if asked.odoo and not all((asked.database, asked.user, asked.password)):
        parser.error("--odoo needs --database, --user and --password")
    if not (asked.odoo or asked.n8n):
        parser.error("name a peer: --n8n or --odoo")
    contacts = contacts_of(*get(asked.own, "/api/contacts?limit=200", asked.token))
    pairs: list[tuple[int, Target]] = []
    if asked.n8n:
        pairs.append((1, N8n(asked.n8n)))
    if asked.odoo:
        known = (asked.odoo, asked.database, asked.user, asked.password)
        pairs += [(most, signed_in(*known, most=most)) for most in (1, BATCH)]
    for most, peer in pairs:
        address = asked.hook if most == 1 else f"{asked.own.rstrip('/')}/api/activities"
        own = (Hooked if most == 1 else Listed)(asked.own, asked.token, contacts, address, most)
        words = "one event a request" if most == 1 else f"{most} events a request"
        print(f"\n{peer.name}, {words}, {asked.clients} connections", flush=True)
        sizes = {"rounds": asked.rounds, "events": asked.events, "clients": asked.clients}
        for name, value in compare(own, peer, **sizes).items():
            print(f"  {name:34} {value:11.2f}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
