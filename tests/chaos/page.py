"""Keeps the figures of the long tiers beside the docs, and writes the tables of `docs/reliability.md` from them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests import processes
from tests.chaos import recovery

FIGURES = processes.ROOT / "docs" / "reliability.json"
PAGE = processes.ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- Written by make chaos from reliability.json -->\n", "<!-- The end of what make chaos writes -->\n"
PLACES = {
    "embedded": "SQLite, embedded",
    "redis": "PostgreSQL + Redis",
    "rabbitmq": "PostgreSQL + RabbitMQ",
}
CONTROLS = {
    "control, early": "plain Celery on Redis, acknowledged early",
    "control, late": "plain Celery on Redis, acknowledged late",
}
KILLS_FOR_ONE_DOUBLED = 500

Figures = dict[str, dict[str, Any]]


def keep(file: Path, name: str, found: dict[str, Any]) -> None:
    """Beside what other tiers have left there; the page only follows its own file."""
    figures: Figures = json.loads(file.read_text()) if file.exists() else {}
    figures[name] = found
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    if file == FIGURES:
        PAGE.write_text(written(PAGE.read_text(), figures))


def written(page: str, figures: Figures) -> str:
    """The page with these figures in their place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables(figures)}\n{END}{after}"


def faults(name: str, found: dict[str, Any]) -> list[str]:
    """Where a tier is not what is promised, in words."""
    if name == "recovery":
        return recovery.faults(found)
    if name in CONTROLS:
        return [] if name == "control, late" or found["lost"] + found["doubled"] else ["the control group lost nothing"]
    wrong = [f"{found[one]} effects {one}" for one in ("lost", "doubled", "unforeseen") if found[one]]
    wrong += [f"{what}: {is_} for {must}" for what, (must, is_) in found["counters"].items() if is_ != must]
    never = ("webhooks_lost", "webhooks_doubled", "letters_lost")
    wrong += [f"{found[one]} {one.replace('_', ' ')}" for one in never if found[one]]
    if found["letters_doubled"] > found["kills"] / KILLS_FOR_ONE_DOUBLED:
        wrong.append(f"{found['letters_doubled']} letters doubled in {found['kills']} kills")
    return wrong


def tables(figures: Figures) -> str:
    shown = {title: figures[name] for name, title in PLACES.items() if name in figures}
    blocks = [_counts(shown), _faults(shown)] if shown else []
    controls = {title: figures[name] for name, title in CONTROLS.items() if name in figures}
    blocks += [_controls(controls)] if controls else []
    blocks += [_recovery(figures["recovery"])] if "recovery" in figures else []
    return "\n".join(blocks)


def _counts(shown: Figures) -> str:
    lines: list[list[object]] = [
        ["events", *(one["events"] for one in shown.values())],
        ["posts not answered, and repeated", *(one["unanswered_and_repeated"] for one in shown.values())],
        ["kill -9", *(one["kills"] for one in shown.values())],
        [
            "other faults from outside and within",
            *(sum(one["faults"].values()) - one["kills"] for one in shown.values()),
        ],
        [
            "unique keys of the domain",
            *("yes" if one["unique_keys_of_the_domain"] else "dropped" for one in shown.values()),
        ],
        ["effects in the database that were due", *(one["expected"] for one in shown.values())],
        *([f"**{what}**", *(one[what] for one in shown.values())] for what in ("lost", "doubled", "unforeseen")),
        ["counters that are exact", *(_exact(one["counters"]) for one in shown.values())],
        ["webhooks sent, to a receiver that knows their ids", *(one["webhooks"] for one in shown.values())],
        ["**lost / doubled**", *(f"{one['webhooks_lost']} / {one['webhooks_doubled']}" for one in shown.values())],
        ["came again under the same id", *(one["webhooks_again"] for one in shown.values())],
        ["letters sent, to a mail server that knows nothing again", *(one["letters"] for one in shown.values())],
        ["**lost / doubled**", *(f"{one['letters_lost']} / {one['letters_doubled']}" for one in shown.values())],
        ["listed as unknown, of them arrived", *(_unknown(one) for one in shown.values())],
        ["poisoned jobs, given up", *("{}, {}".format(*one["poisoned"]) for one in shown.values())],
        [
            "runs tried again, and runs whose process ended",
            *(f"{one['retries']}, {one['crashes']}" for one in shown.values()),
        ],
        ["longest answer to a post, s", *(round(one["answer_ms"]["most"] / 1000, 1) for one in shown.values())],
        ["whole run, s", *(round(one["seconds"]) for one in shown.values())],
        ["seed; version; day", *(f"{one['seed']}; {one['commit']}; {one['ran_on']}" for one in shown.values())],
    ]
    return _table(["", *shown], lines)


def _exact(counters: dict[str, list[int]]) -> str:
    return f"{sum(must == is_ for must, is_ in counters.values())} of {len(counters)}"


def _unknown(one: dict[str, Any]) -> str:
    return f"{one['letters_unknown']}, {one['letters_unknown_arrived']}"


def _faults(shown: Figures) -> str:
    names = sorted({name for one in shown.values() for name in one["faults"]})
    return _table(
        ["fault", *shown], ([name, *(one["faults"].get(name, "-") for one in shown.values())] for name in names)
    )


def _controls(shown: Figures) -> str:
    lines = (
        [
            title,
            one["events"],
            one["kills"],
            sum(one["faults"].values()) - one["kills"],
            one["expected"],
            one["lost"],
            one["doubled"],
        ]
        for title, one in shown.items()
    )
    return _table(["control group", "events", "kill -9", "other faults", "effects due", "lost", "doubled"], lines)


def _recovery(found: dict[str, Any]) -> str:
    broker, down = found["broker down"], found["downtime"]
    lines: list[list[object]] = [
        [
            f"who runs a job is killed, {words}: done by another after",
            f"{most:g} s",
            _seconds(found[f"redone after s, {place}"]),
        ]
        for place, most, words in (("embedded", 3.0, "embedded"), ("redis", 35.0, "PostgreSQL + Redis"))
    ]
    lines += [
        [
            f"broker away for {broker['down_seconds']:g} s: webhooks refused, of {broker['posted']}",
            0,
            broker["refused"],
        ],
        ["p99 of their answers", "1.1 s more", f"{broker['p99_more_ms'] / 1000:.2f} s more"],
        [
            f"{broker['waiting_when_back']} things waited when it came back: drained after",
            "-",
            f"{broker['drained_after_s']} s",
        ],
        [
            f"{down['days']} days of downtime: series due, tasks made of them",
            "one each",
            f"{down['series_due']}, {down['series_caught_up']}",
        ],
        ["tasks beyond one a series", 0, down["tasks_beyond_one_a_series"]],
        [
            f"of {down['daily_entries']} daily entries of the schedule, run more than once",
            0,
            down["daily_entries_run_more_than_once"],
        ],
        [
            "most touches planned after it for a person and day",
            down["touches_a_day_allowed"],
            down["most_touches_planned_for_a_person_and_day"],
        ],
    ]
    return _table(["recovery", "promised", "seen"], lines)


def _seconds(waits: list[float]) -> str:
    return f"{min(waits)} to {max(waits)} s in {len(waits)} kills"


def _table(head: list[str], lines: Iterable[list[object]]) -> str:
    said = [
        head,
        ["---"] * len(head),
        *([f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in line] for line in lines),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in said)
