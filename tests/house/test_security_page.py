"""The page on security: every requirement stands there once, and the places, settings and tests it names exist."""

import re
from collections.abc import Iterator
from pathlib import Path

from config.settings import Environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
HEAD, MISSING = "| item | asks | met | test |", "| weight | item | what is missing |"
ID = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-\1\.\2\.(\d+))?")
IN_QUOTES = re.compile(r"`([^`\s]+)`")
WANTED = """
    1.1.1-1.1.2 1.2.1-1.2.9 1.3.1-1.3.11 1.4.1-1.4.3 1.5.1-1.5.2 2.1.1-2.1.3 2.2.1-2.2.3 2.3.1-2.3.4 2.4.1 3.2.1-3.2.2
    3.3.1-3.3.4 3.4.1-3.4.6 3.5.1-3.5.5 3.7.1-3.7.2 4.1.1-4.1.3 4.2.1 4.3.1-4.3.2 4.4.1-4.4.4 5.1.1 5.2.1-5.2.3
    5.3.1-5.3.2 5.4.1-5.4.3 6.1.1-6.1.3 6.2.1-6.2.12 6.3.1-6.3.4 6.4.1-6.4.4 6.5.1-6.5.5 6.6.1-6.6.3 6.8.1-6.8.4
    7.1.1-7.1.3 7.2.1-7.2.4 7.3.1-7.3.2 7.4.1-7.4.5 7.5.1-7.5.2 7.6.1-7.6.2 8.1.1-8.1.2 8.2.1-8.2.3 8.3.1 8.4.1
    9.1.1-9.1.3 9.2.1-9.2.4 10.1.1-10.1.2 10.2.1-10.2.2 10.3.1-10.3.4 10.4.1-10.4.11 10.5.1-10.5.5 10.6.1-10.6.2
    10.7.1-10.7.3 11.1.1-11.1.2 11.2.1-11.2.3 11.3.1-11.3.3 11.4.1-11.4.4 11.5.1 11.6.1 12.1.1-12.1.3 12.2.1-12.2.2
    12.3.1-12.3.4 13.1.1 13.2.1-13.2.5 13.3.1-13.3.2 13.4.1-13.4.5 14.1.1-14.1.2 14.2.1-14.2.4 14.3.1-14.3.3
    15.1.1-15.1.3 15.2.1-15.2.3 15.3.1-15.3.7 16.1.1 16.2.1-16.2.5 16.3.1-16.3.4 16.4.1-16.4.3 16.5.1-16.5.3 17.1.1
    17.2.1-17.2.4 17.3.1-17.3.2
"""
"""The numbers of levels 1 and 2 of the standard, version 5.0.0."""


def ids(text: str) -> list[str]:
    found = (match.groups() for match in ID.finditer(text))
    return [f"{a}.{b}.{n}" for a, b, first, last in found for n in range(int(first), int(last or first) + 1)]


def rows(head: str) -> Iterator[list[str]]:
    """The cells of all tables with this head."""
    inside = False
    for line in PAGE.splitlines():
        if line == head:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def open_ends() -> list[str]:
    return [one for item, _, met, _ in rows(HEAD) if met.startswith(("**Not met**", "**Partly**")) for one in ids(item)]


def test_every_requirement_stands_there_once() -> None:
    told = [one for item, *_ in rows(HEAD) for one in ids(item)]
    assert len(told) == len(set(told))
    assert set(told) == set(ids(WANTED))
    assert f"({len(told)} of them)" in PAGE


def test_every_test_that_is_named_exists() -> None:
    named = [name for name in IN_QUOTES.findall(PAGE) if "::" in name]
    assert named
    for name in named:
        path, _, function = name.partition("::")
        assert re.search(rf"^def {function}\(", (ROOT / path).read_text(), re.MULTILINE), name


def test_every_row_names_a_test_or_says_that_there_is_none() -> None:
    for item, _, _, test in rows(HEAD):
        assert test == "no test" or (all("::" in name for name in IN_QUOTES.findall(test)) and "`" in test), item


def test_every_file_that_is_named_exists() -> None:
    top = {path.name for path in ROOT.iterdir()}
    quoted = [name for name in IN_QUOTES.findall(PAGE) if "::" not in name and "://" not in name]
    named = [name for name in quoted if name in top or ("/" in name and not name.startswith("/"))]
    assert named
    for name in named:
        assert (ROOT / name).exists(), name


def test_every_setting_that_is_named_exists() -> None:
    known = {f"NEXTMOVE_{name.upper()}" for name in Environment.model_fields}
    assert set(re.findall(r"NEXTMOVE_[A-Z_]+", PAGE)) <= known


def test_what_is_not_met_is_gathered_at_the_end() -> None:
    gathered = [one for _, item, _ in rows(MISSING) for one in ids(item)]
    assert sorted(gathered) == sorted(open_ends())
    weights = [weight for weight, *_ in rows(MISSING)]
    assert weights == sorted(weights, key=["high", "middle", "low"].index)
