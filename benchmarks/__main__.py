"""`make bench`: runs every measurement and prints what it reached beside what it must."""

import sys
import tempfile
from pathlib import Path

from benchmarks import assignment, completion, embedded, imports, next_task, pages, scores, sweeps
from benchmarks.places import reachable

LIMITS = {
    "complete / bare p50": 2.5,
    "who is due: 1M / 10k": 1.5,
    "all sweeps: 1M / 10k": 1.5,
    "next task of 5,000, ms": 50.0,
    "pages: worst many / few": 1.5,
    "scores / bare GROUP BY": 3.0,
    "import, a row: 100,000 / 10,000": 1.5,
    "event to task p50 s": 0.5,
    "idle CPU %": 2.0,
    "memory MB": 350.0,
    "100000 x 1000 MB": 300.0,
    "moved %": 2.5,
    "value lost %": 0.3,
    "bound / LP optimum": 1.00005,
    "CPU of prices and starts / LP": 0.25,
    "own search, % above best": 2.0,
}
LEASTS = {
    "1000 x 50 at 0.9": 0.998,
    "1000 x 50 at 1.05": 0.99,
    "10000 x 200 at 0.9": 0.999,
    "10000 x 200 at 1.05": 0.997,
    "100000 x 1000 at 0.9": 0.999,
    "100000 x 1000 at 1.05": 0.998,
    "100 x 10 with HiGHS, worst of 20": 0.998,
    "100 x 10 / least loaded": 1.08,
    "10000 x 200 / least loaded": 1.12,
    "reached and proven": 1.0,
}


def main() -> int:
    missed = 0
    with reachable() as (places, missing), tempfile.TemporaryDirectory(prefix="nextmove-bench-") as folder:
        for number, place in enumerate(places):
            own = Path(folder) / str(number)
            missed += show(f"complete / bare UPDATE, {place.name}", completion.measure(place, own))
            missed += show(f"sweeps with nothing due, {place.name}", sweeps.measure(place, own))
            missed += show(f"scores of a large team / bare GROUP BY, {place.name}", scores.measure(place, own))
            missed += show(f"the next task for one of fifty, {place.name}", next_task.measure(place, own / "next"))
            missed += show(f"pages, {place.name}", pages.measure(place, own / "pages"))
            missed += show(f"a file of 100,000 contacts, {place.name}", imports.measure(place, own / "imports"))
        for title, figures in assignment.measure():
            missed += show(title, figures)
        missed += show("embedded, with the demo", embedded.measure(Path(folder) / "embedded"))
        for words in [*missing, *assignment.missing()]:
            print(f"not measured: {words}")
    return 1 if missed else 0


def show(title: str, figures: dict[str, float]) -> int:
    """Prints the figures; the number of limits that were missed."""
    print(f"\n{title}", flush=True)
    missed = 0
    for name, value in figures.items():
        most, least = LIMITS.get(name), LEASTS.get(name)
        verdict, failed = "", False
        if most is not None:
            failed = value > most
            verdict = f"   at most {most:g}: {'MISSED' if failed else 'reached'}"
        if least is not None:
            failed = value < least
            verdict = f"   at least {least:g}: {'MISSED' if failed else 'reached'}"
        missed += failed
        print(f"  {name:34} {value:11.5f}{verdict}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
