"""`make bench`: runs every measurement, prints what it reached beside what it must, and keeps the run."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from benchmarks import (
    assignment,
    completion,
    costs,
    decisions,
    embedded,
    engine,
    growth,
    imports,
    intake,
    learning,
    lists,
    next_task,
    pages,
    record,
    scores,
    starting,
    sweeps,
    workers,
)
from benchmarks.places import Place, reachable

Figures = dict[str, float]
AT_EACH: dict[str, tuple[str, Callable[[Place, Path], Figures]]] = {
    "engine": ("events in bulk", engine.measure),
    "intake": ("500 activities at once", intake.measure),
    "completion": ("complete / bare UPDATE", completion.measure),
    "sweeps": ("sweeps with nothing due", sweeps.measure),
    "scores": ("scores of a large team", scores.measure),
    "lists": ("the last page of a list of 1,000,000", lists.measure),
    "next": ("the next task for one of fifty", next_task.measure),
    "pages": ("pages", pages.measure),
    "imports": ("a file of 100,000 contacts", imports.measure),
}
"""Measured on SQLite, and on PostgreSQL with Redis."""
ONCE = ("workers", "growth", "decisions", "starting", "assignment", "learning", "embedded")


def main() -> int:
    asked = arguments()
    wanted = set(asked.parts or (*AT_EACH, *ONCE))
    with reachable() as (places, missing), tempfile.TemporaryDirectory(prefix="nextmove-bench-") as folder:
        run = record.begun(datetime.now(UTC), places)
        for title, figures in measured(wanted, [one for one in places if asked.place in one.name], Path(folder)):
            run.parts[title] = record.lines_of(figures)
            show(title, run.parts[title])
    run.sizes, run.missing = dict(costs.CHANGED), [*missing, *said_missing(wanted)]
    for words in run.missing:
        print(f"not measured: {words}")
    if asked.write or not asked.parts:
        print(f"kept as {record.write(run).name}")
    return 0 if all(line.reached for _, line in run.judged) else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all, or some of {', '.join((*AT_EACH, *ONCE))}")
    parser.add_argument("--place", default="", help="only where this word is in the name, as SQLite or PostgreSQL")
    parser.add_argument("--write", action="store_true", help="keep the run also when it is not of all parts")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {*AT_EACH, *ONCE}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    return asked


def measured(wanted: set[str], places: list[Place], folder: Path) -> Iterator[tuple[str, Figures]]:
    """Each part that is wanted, one after the other."""
    events: dict[str, float] = {}
    for number, place in enumerate(places):
        for name, (title, measure) in AT_EACH.items():
            if name in wanted:
                own = folder / str(number) / name
                own.mkdir(parents=True)
                figures = measure(place, own)
                if name == "engine":
                    events[place.name] = figures[engine.EVENT]
                yield f"{title}, {place.name}", figures
        if "workers" in wanted and place.redis_url:
            (folder / "workers").mkdir()
            yield f"two teams and two workers, {place.name}", workers.measure(place, folder / "workers")
        if "growth" in wanted and place.redis_url:
            (folder / "growth").mkdir()
            yield f"a team that grows, {place.name}", growth.measure(place, folder / "growth")
    if "decisions" in wanted:
        yield "templates and conditions", decisions.measure(events)
    if "starting" in wanted:
        yield "what starting takes", starting.measure()
    sets: Iterable[tuple[str, Figures]] = chain(
        assignment.measure() if "assignment" in wanted else (), learning.measure() if "learning" in wanted else ()
    )
    yield from sets
    if "embedded" in wanted:
        yield "embedded, with the demo", embedded.measure(folder / "embedded")


def said_missing(wanted: set[str]) -> list[str]:
    said = assignment.missing() if "assignment" in wanted else []
    return [*said, *(learning.missing() if "learning" in wanted else [])]


def show(title: str, lines: list[record.Line]) -> None:
    print(f"\n{title}", flush=True)
    for line in lines:
        between = "" if line.least is None else f"   {line.least:.5f} to {line.most:.5f}"
        verdict = "" if line.reached is None else f"   {line.limit}: {'reached' if line.reached else 'MISSED'}"
        print(f"  {line.name:40} {line.value:11.5f}{between}{verdict}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
