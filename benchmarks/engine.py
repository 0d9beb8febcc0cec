"""The engine beside a bare write of the rows that come of it, and beside the usual way, in rounds of one process."""

import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import costs, messages
from benchmarks.places import Place, migrated
from tests import processes

ROUNDS = 5
CASES = {
    "100 rules": (1, 100, 5_000),
    "10,000 rules, 100 teams": (100, 10_000, 50_000),
    "10,000 rules": (1, 10_000, 5_000),
}
"""Teams, rules and events of each; a team of the second case has as many rules as that of the first."""


EVENT = "100 rules: an event, us"
"""The figure that says what an event costs the engine."""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Shares of the bare write by events a second and by CPU; how many times faster than the usual way, an event; what
    a replay moved.

    The usual way is measured without the message that it would send for each event. Where Redis is, what such a
    message costs is measured beside it: one that does nothing, sent to a queue of its own and taken by a worker of its
    own, from the first that is sent to the last that is done. It is a figure of its own, and so is the sum of both.
    """
    figures: dict[str, float] = {}
    shares: dict[str, float] = {}
    chosen = list(CASES.items())[: costs.size("CASES", len(CASES))]
    for number, (case, (teams, rules, usual)) in enumerate(chosen):
        events = costs.size("EVENTS", usual)
        rounds = _rounds(place, folder / str(number), teams, rules, events, with_messages=number == 0)
        taken = {name: [one[name] for one in rounds] for name in rounds[0]}
        engine = taken["engine, s"]
        share = costs.over(taken["bare write, s"], engine)
        shares[case] = statistics.median(share)
        figures[f"{case}: an event, us"] = 1e6 * statistics.median(engine)
        figures |= costs.spread(f"{case}: share of a bare write", share)
        figures |= costs.spread(
            f"{case}: the same by CPU", costs.over(taken["bare write, CPU s"], taken["engine, CPU s"])
        )
        figures[f"{case}: moved by a replay"] = max(taken["moved by a replay"])
        if number == 0:
            figures |= _usual_way(taken)
        else:
            figures[f"{case}: share / at 100 rules"] = shares[case] / next(iter(shares.values()))
    return figures


def _usual_way(taken: dict[str, list[float]]) -> dict[str, float]:
    engine, usual = taken["engine, s"], taken["usual way, s"]
    figures = {"usual way: an event, us": 1e6 * statistics.median(usual)}
    figures |= costs.spread("usual way / engine", costs.over(usual, engine))
    if messages := taken.get("message, s"):
        both = [one + other for one, other in zip(usual, messages, strict=True)]
        figures["a message, us"] = 1e6 * statistics.median(messages)
        figures["a message, CPU us"] = 1e6 * statistics.median(taken["message, CPU s"])
        figures |= costs.spread("usual way with its messages / engine", costs.over(both, engine))
    return figures


def _rounds(
    place: Place, folder: Path, teams: int, rules: int, events: int, *, with_messages: bool
) -> list[dict[str, float]]:
    with contextlib.ExitStack() as stack:
        surroundings = stack.enter_context(migrated(place, folder))
        if with_messages and place.redis_url:
            surroundings |= stack.enter_context(messages.taken(place.redis_url, folder))
        command = [
            sys.executable,
            "-m",
            "benchmarks.engine_inside",
            *map(str, (teams, rules, events, costs.size("ENGINE_ROUNDS", ROUNDS))),
        ]
        done = subprocess.run(
            command, cwd=processes.ROOT, env=surroundings, stdout=subprocess.PIPE, text=True, check=True
        )
    return [json.loads(line) for line in done.stdout.splitlines()]
