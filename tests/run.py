"""`make test`: the whole suite on SQLite, then what depends on servers again on each that answers.

The last lines say what ran where, what could not be reached and why; the very last one counts.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS = 5


@dataclass
class Outcome:
    """How one run of pytest went."""

    where: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.where}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped in {self.seconds:.0f} s"
        )


def main() -> int:
    own = sys.argv[1:]
    missing: list[str] = []
    with tempfile.TemporaryDirectory(prefix="nextmove-tests-") as folder, reachable(missing) as (places, chosen):
        # Fresh, so that the migrations run once in this run on each database; see tests.migrated.
        migrated = {"NEXTMOVE_TEST_MIGRATED": str(Path(folder) / str(os.getpid()))}
        with migrating("sqlite", migrated), migrating(chosen.get("NEXTMOVE_TEST_USE_DATABASE", ""), migrated):
            outcomes = [run("SQLite, no broker", "not broker and not chaos", own, migrated, workers=2)]
        if places:
            marks = ["flow"] + (["database"] if "NEXTMOVE_TEST_USE_DATABASE" in chosen else [])
            marks += ["broker"] if "NEXTMOVE_TEST_USE_REDIS" in chosen else []
            outcomes.append(run(" + ".join(places), " or ".join(marks), own, chosen | migrated, workers=2))
    return report(outcomes, missing)


@contextmanager
def migrating(address: str, migrated: dict[str, str]) -> Iterator[None]:
    """Meanwhile the migrations run there: each takes one core for half a minute, in which the other need not wait."""
    if not address:
        yield
        return
    command = [sys.executable, "-m", "tests.migrated", address]
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(migrated)) as process:
        try:
            yield
        finally:
            process.wait()


def surroundings(chosen: dict[str, str]) -> dict[str, str]:
    """Of what is started here: with bytecode, also where this machine keeps none. Each worker would take longer to
    compile the tests than to collect them, and each process of the product twice as long to start.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEXTMOVE_TEST_USE_")}
    return kept | chosen | {"PYTHONDONTWRITEBYTECODE": ""}


@contextmanager
def reachable(missing: list[str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """What answers, in words, and what tells the tests to use it; what does not is added to `missing`."""
    places: list[str] = []
    chosen: dict[str, str] = {}
    with servers.postgres() as (database, words):
        (places if database else missing).append(words)
        chosen |= {"NEXTMOVE_TEST_USE_DATABASE": database} if database else {}
        broker, words = servers.redis_server()
        (places if broker else missing).append(words)
        chosen |= {"NEXTMOVE_TEST_USE_REDIS": broker} if broker else {}
        try:
            yield places, chosen
        finally:
            if database:
                servers.drop_databases(database, f"{servers.OURS}_{os.getpid()}_")


def run(where: str, marks: str, own: list[str], chosen: dict[str, str], *, workers: int) -> Outcome:
    print(f"\n== {where} ==", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nextmove-tests-") as folder:
        results = Path(folder) / "results.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            str(workers),
            "--dist=loadfile",  # what a file begins once, as a whole product, is not begun in each worker
            "--no-loadscope-reorder",
            "-m",
            marks,
            f"--junit-xml={results}",
            *own,
        ]
        # Whatever the tests leave in the temporary folder goes with it, also after a crash.
        environment = surroundings(chosen) | {"NEXTMOVE_TEST_RUN": str(os.getpid()), "TMPDIR": folder}
        code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        outcome = counted(where, results)
    if code not in (0, NO_TESTS) and not outcome.failed:
        outcome.failed = 1  # pytest itself could not do its work; its words stand above
    outcome.seconds = time.monotonic() - started
    return outcome


def counted(where: str, results: Path) -> Outcome:
    outcome = Outcome(where)
    if results.exists():
        for suite in ElementTree.parse(results).getroot().iter("testsuite"):
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            outcome.failed += bad
            outcome.skipped += skipped
            outcome.passed += int(suite.get("tests", 0)) - bad - skipped
    return outcome


def report(outcomes: list[Outcome], missing: list[str]) -> int:
    print("\n== What ran where ==")
    for outcome in outcomes:
        print(outcome)
    for reason in missing:
        print(f"Not reached: {reason}")
    failed = sum(outcome.failed for outcome in outcomes)
    if missing and servers.required():
        print("NEXTMOVE_TEST_REQUIRE=all: each server not reached counts as a failure.")
        failed += len(missing)
    skipped = sum(outcome.skipped for outcome in outcomes)
    passed = sum(outcome.passed for outcome in outcomes)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
