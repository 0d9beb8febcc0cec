"""What a run measured, kept: one JSON file a run, and one page of the newest run and of what all of them reached."""

import importlib.metadata
import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks import limits
from benchmarks.costs import LEAST, MOST
from benchmarks.places import Place
from tests.processes import ROOT

FOLDER = ROOT / "docs" / "benchmarks"
PAGE = "README.md"
INTRODUCTION = Path(__file__).parent / "introduction.md"
LIBRARIES = ("django", "celery", "granian", "psycopg", "djangorestframework")
MOST_RUNS = 12
"""So many of the newest runs are in the table of all of them; the files of older ones stay."""


@dataclass
class Line:
    """One figure. `least` and `most` are those of the paired rounds whose median `value` is."""

    name: str
    value: float
    limit: str = ""
    reached: bool | None = None
    least: float | None = None
    most: float | None = None


@dataclass
class Run:
    """All that one run measured, by what was measured, in the order in which it was."""

    at: str
    commit: str
    machine: dict[str, Any]
    sizes: dict[str, int] = field(default_factory=dict)
    """Those that were not the usual ones."""
    missing: list[str] = field(default_factory=list)
    parts: dict[str, list[Line]] = field(default_factory=dict)

    @property
    def judged(self) -> Iterator[tuple[str, Line]]:
        for title, lines in self.parts.items():
            for line in lines:
                if line.reached is not None:
                    yield title, line

    @property
    def file_name(self) -> str:
        return f"{self.at[:16].replace(':', '')}-{self.commit}.json"


def lines_of(figures: dict[str, float]) -> list[Line]:
    """The figures with their limits and spreads."""
    return [
        Line(
            name,
            value,
            limits.limit(name),
            limits.reached(name, value),
            figures.get(name + LEAST),
            figures.get(name + MOST),
        )
        for name, value in figures.items()
        if not any(name.endswith(end) and name.removesuffix(end) in figures for end in (LEAST, MOST))
    ]


def machine(places: Sequence[Place]) -> dict[str, Any]:
    """What the figures depend on; nothing that names the machine."""
    facts = {
        "cores": len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count(),
        "memory, GB": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.system(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    for place in places:
        if place.database_server:
            with psycopg.connect(place.database_server) as connection:
                version = connection.info.server_version
            facts["PostgreSQL"] = f"{version // 10_000}.{version % 10_000}"
    return facts | {name: importlib.metadata.version(name) for name in LIBRARIES}


def commit() -> str:
    """The commit's short name, marked when the code is not all of it; "unknown" outside a repository."""
    said = _git("rev-parse", "--short=9", "HEAD").strip()
    if not said:
        return "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/benchmarks")
    return f"{said}-changed" if changed.strip() else said


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def begun(now: datetime, places: Sequence[Place]) -> Run:
    return Run(at=now.isoformat(timespec="seconds"), commit=commit(), machine=machine(places))


def write(run: Run, folder: Path = FOLDER) -> Path:
    """Keeps the run and renews the page; the path of the run's file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / run.file_name
    path.write_text(json.dumps(asdict(run), indent=1, ensure_ascii=False) + "\n")
    (folder / PAGE).write_text(page(kept(folder)))
    return path


def kept(folder: Path = FOLDER) -> list[Run]:
    """The runs that are there, the newest first."""
    found = [read(path) for path in folder.glob("*.json")]
    return sorted(found, key=lambda run: datetime.fromisoformat(run.at), reverse=True)


def read(path: Path) -> Run:
    said = json.loads(path.read_text())
    said["parts"] = {title: [Line(**line) for line in lines] for title, lines in said["parts"].items()}
    return Run(**said)


def page(runs: Sequence[Run]) -> str:
    """The page: how it is measured, the newest run whole, and the judged figures of all of them."""
    blocks = [INTRODUCTION.read_text().rstrip()]
    if runs:
        blocks += [*_newest(runs[0]), *_history(runs[:MOST_RUNS])]
    return "\n\n".join(blocks) + "\n"


def _newest(run: Run) -> Iterator[str]:
    yield f"## The newest run\n\n{run.at}, commit `{run.commit}`"
    facts = [("Measured on", ", ".join(f"{name} {value}" for name, value in run.machine.items()))]
    if run.sizes:
        facts.append(("Sizes that were not the usual ones", ", ".join(f"{k} {v}" for k, v in run.sizes.items())))
    facts += [("Not measured", words) for words in run.missing]
    yield "\n".join(f"- {name}: {value}" for name, value in facts)
    judged = list(run.judged)
    yield f"{sum(line.reached is True for _, line in judged)} of {len(judged)} limits were reached."
    for title, lines in run.parts.items():
        rows = [
            [line.name, number(line.value), _spread(line), line.limit, {True: "yes", False: "**no**"}.get(line.reached)]
            for line in lines
        ]
        yield f"### {title[:1].upper()}{title[1:]}"
        yield _table(["figure", "value", "least to most", "limit", "reached"], rows)


def _spread(line: Line) -> str:
    return "" if line.least is None or line.most is None else f"{number(line.least)} to {number(line.most)}"


def _history(runs: Sequence[Run]) -> Iterator[str]:
    yield "## What was judged, run by run\n\nThe newest run on the left. A figure in bold missed the limit of its run."
    names = list(dict.fromkeys((title, line.name) for run in runs for title, line in run.judged))
    values = [{(title, line.name): line for title, line in run.judged} for run in runs]
    head = [
        "measured",
        "figure",
        *(f"{run.at[:10]} `{run.commit}`{' (other sizes)' if run.sizes else ''}" for run in runs),
    ]
    yield _table(head, [[*key, *(_verdict(one.get(key)) for one in values)] for key in names])


def _verdict(line: Line | None) -> str:
    if line is None:
        return ""
    return number(line.value) if line.reached else f"**{number(line.value)}**"


def _table(head: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join((cell or "").replace("|", "\\|") for cell in line) + " |" for line in lines)


def number(value: float) -> str:
    """To four digits, never as a power of ten."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.4g}"
    return f"{value:.8f}".rstrip("0") if "e" in text else text
