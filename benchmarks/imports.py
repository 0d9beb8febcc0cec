"""A file of 100,000 contacts through the site and its jobs, beside one of 10,000 and beside bare inserts."""

import contextlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.places import Place, migrated, python_in, serving
from tests import processes
from tests.processes import Site

FEW, MANY = 10_000, 100_000
"""Rows. The few are brought in first, and are there when the many come."""
BAD_EVERY = 1_000
ASKED_EVERY = 0.5
"""Seconds: what one token may ask in a minute is five times as much."""

PREPARE = """
from tests import builders
print(builders.make_token(builders.make_manager()))
"""

COUNT = """
from crm.models import Contact, ContactIdentity
print(Contact.objects.count(), ContactIdentity.objects.count())
"""

INSERT = """
import time
from django.db import transaction
from crm.models import Contact
from tests import builders

owner = builders.make_manager()
started = time.perf_counter()
for first in range(0, {rows}, 500):
    with transaction.atomic():
        Contact.objects.bulk_create(
            Contact(team=owner.team, owner=owner, name=f"Person {{n}}", email=f"many-{{n}}@example.com",
                    phone=f"+49 30 {{n}}", company="Grüße & Söhne", tags=["new", "fair"], lead_score=n % 100)
            for n in range(first, first + 500)
        )
print(time.perf_counter() - started)
"""


@dataclass
class Seen:
    """One file on its way: seconds until it was read, compared and carried out, and of the processor; how often its
    counters were seen to move; and the most megabytes that all processes of the product held together meanwhile.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    moves: int = 0
    megabytes: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Seconds of each step at 100,000 rows, and what a row costs there beside one of 10,000, and of a bare insert.

    Every row is counted, every bad one named by its line, and the file brought in again changes nothing.
    """
    with migrated(place, folder / "bare") as environment:
        bare = float(python_in(environment, INSERT.format(rows=MANY)))
    with serving(place, folder, "config.wsgi:application") as site:
        token = python_in(site.environment, PREPARE).strip()
        at_rest = megabytes()
        few = brought_in(site, token, "few", FEW)
        check(site, few, created=good(FEW), known=good(FEW))
        many = brought_in(site, token, "many", MANY)
        check(site, many, created=good(MANY), known=good(FEW) + good(MANY))
        again = brought_in(site, token, "many", MANY)
        check(site, again, created=0, known=good(FEW) + good(MANY))
    return {
        **{f"import of 100,000: {step}, s": seconds for step, seconds in many.seconds.items()},
        "import of 100,000: the same again, s": again.total,
        "import, a row: 100,000 / 10,000": (many.cpu_seconds / MANY) / (few.cpu_seconds / FEW),
        "import, a row by the clock, ratio": (many.total / MANY) / (few.total / FEW),
        "import / bare inserts": many.seconds["run"] / bare,
        "import: seen to move, times": many.moves,
        "import: MB at rest": at_rest,
        "import of 10,000: more MB": few.megabytes - at_rest,
        "import of 100,000: more MB": max(many.megabytes, again.megabytes) - at_rest,
    }


def brought_in(site: Site, token: str, name: str, rows: int) -> Seen:
    """Uploaded, compared, carried out; looked at all the while as its page does."""
    seen, before = Seen(), cpu_seconds()
    with step(seen, "read"):
        sent = site.request(
            "POST",
            f"/api/imports?kind=contacts&update=true&file_name={name}.csv",
            file_of(name, rows),
            token=token,
            headers={"Content-Type": "text/csv"},
        )
        address = f"/api/imports/{accepted(sent, 201)['id']}"
        follow(site, token, address, seen, until="read")
    for verb, code, until in (("check", 200, "checked"), ("run", 202, "done")):
        with step(seen, verb):
            accepted(site.post(f"{address}/{verb}", token=token), code)
            follow(site, token, address, seen, until=until)
    seen.cpu_seconds = cpu_seconds() - before
    return seen


@contextlib.contextmanager
def step(seen: Seen, name: str) -> Any:
    started = time.perf_counter()
    yield
    seen.seconds[name] = time.perf_counter() - started


def follow(site: Site, token: str, address: str, seen: Seen, *, until: str) -> None:
    """Asks until it is there, with each step forward counted. Raises RuntimeError when it fails, or nothing moves."""
    before, moved = -1, time.monotonic()
    while (told := accepted(site.get(address, token=token), 200))["state"] != until:
        now_at = told["rows"] if told["state"] == "reading" else told["done_rows"]
        if now_at < before or told["state"] == "failed" or time.monotonic() - moved > 60:
            raise RuntimeError(f"the import stands still or goes back: {json.dumps(told)[:500]}")
        if now_at > before:
            seen.moves, before, moved = seen.moves + 1, now_at, time.monotonic()
        seen.megabytes = max(seen.megabytes, megabytes())
        time.sleep(ASKED_EVERY)
    seen.told = told


def check(site: Site, seen: Seen, *, created: int, known: int) -> None:
    rows = seen.told["rows"]
    bad = list(range(BAD_EVERY + 1, rows + 2, BAD_EVERY))  # the first line names the columns
    counts = dict.fromkeys(seen.told["counts"], 0) | {"refused": len(bad), "created": created}
    counts["unchanged"] = rows - created - len(bad)
    assert seen.told["counts"] == counts, (seen.told["counts"], counts)
    assert seen.told["done_rows"] == rows
    assert [(one["line"], one["column"]) for one in seen.told["faults"]] == [(line, "E-mail") for line in bad]
    assert [int(word) for word in python_in(site.environment, COUNT).split()] == [known, known]


def good(rows: int) -> int:
    return rows - rows // BAD_EVERY


def file_of(name: str, rows: int) -> bytes:
    """Every thousandth row has no address that could be one."""
    text = io.StringIO()
    text.write("Id,Name,E-mail,Phone,Company,Tags,Score\n")
    for n in range(1, rows + 1):
        email = "nowhere" if n % BAD_EVERY == 0 else f"{name}-{n}@example.com"
        text.write(f'{name}-{n},Person {n},{email},+49 30 {n},Grüße & Söhne,"new; fair",{n % 100}\n')
    return text.getvalue().encode()


def accepted(answer: tuple[int, Any], code: int) -> Any:
    if answer[0] != code:
        raise RuntimeError(f"{answer[0]} instead of {code}: {str(answer[1])[:500]}")
    return answer[1]


def megabytes() -> float:
    """Of the server and all that works behind it; what they share is counted once."""
    return sum(process.memory_full_info().pss for process in everything()) / 2**20


def cpu_seconds() -> float:
    return sum(sum(process.cpu_times()[:2]) for process in everything())


def everything() -> Iterator[psutil.Process]:
    """The processes of the product, and no server's."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if processes.ROOT.as_posix() in process.environ().get("PYTHONPATH", ""):
                yield process
