"""`make bench`: runs every measurement and prints what it reached beside what it must."""

import sys
import tempfile
from pathlib import Path

from benchmarks import completion, embedded, sweeps
from benchmarks.places import reachable

LIMITS = {
    "complete / bare p50": 2.5,
    "who is due: 1M / 10k": 1.5,
    "all sweeps: 1M / 10k": 1.5,
    "event to task p50 s": 0.5,
    "idle CPU %": 2.0,
    "memory MB": 350.0,
}


def main() -> int:
    missed = 0
    with reachable() as (places, missing), tempfile.TemporaryDirectory(prefix="nextmove-bench-") as folder:
        for number, place in enumerate(places):
            own = Path(folder) / str(number)
            missed += show(f"complete / bare UPDATE, {place.name}", completion.measure(place, own))
            missed += show(f"sweeps with nothing due, {place.name}", sweeps.measure(place, own))
        missed += show("embedded, with the demo", embedded.measure(Path(folder) / "embedded"))
        for words in missing:
            print(f"not measured: {words}")
    return 1 if missed else 0


def show(title: str, figures: dict[str, float]) -> int:
    """Prints the figures; the number of limits that were missed."""
    print(f"\n{title}", flush=True)
    missed = 0
    for name, value in figures.items():
        limit = LIMITS.get(name)
        verdict = "" if limit is None else f"   at most {limit:g}: {'reached' if value <= limit else 'MISSED'}"
        missed += limit is not None and value > limit
        print(f"  {name:22} {value:9.3f}{verdict}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
