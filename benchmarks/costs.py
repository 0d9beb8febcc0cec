"""What a piece of work costs in this process, and how what was measured is said."""

import os
import statistics
import time
from collections.abc import Callable, Sequence

CHANGED: dict[str, int] = {}
"""Sizes that the environment made other than they are."""


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least of three times."""
    taken = []
    for _ in range(3):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def size(name: str, usual: int) -> int:
    """The usual size, or what the environment's NEXTMOVE_BENCH_<name> says, so that a part can be tried in a minute."""
    said = int(os.environ.get(f"NEXTMOVE_BENCH_{name}", usual))
    if said != usual:
        CHANGED[f"NEXTMOVE_BENCH_{name}"] = said
    return said


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """The median under this name, and beside it the least and the most."""
    return {name: statistics.median(values), f"{name}{LEAST}": min(values), f"{name}{MOST}": max(values)}


LEAST, MOST = ": least", ": most"


def over(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """The ratios of paired rounds."""
    return [one / other for one, other in zip(first, second, strict=True)]
