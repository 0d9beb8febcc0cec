"""What a run of the benchmarks leaves: its file, and a page that says of each limit whether it was reached."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import limits, record
from benchmarks.record import Run

JUDGED = "complete / bare p50"


def a_run(at: str, value: float, **more: object) -> Run:
    figures = {JUDGED: value, f"{JUDGED}: least": value - 0.1, f"{JUDGED}: most": value + 0.1, "bare p50 ms": 0.25}
    return Run(at, "abc123", {"cores": 2, "Python": "3.11"}, parts={"completing": record.lines_of(figures)}, **more)


def test_a_spread_belongs_to_its_figure_and_is_no_figure_of_its_own() -> None:
    judged, bare = a_run("2026-01-02T03:04:05+00:00", 1.5).parts["completing"]
    assert (judged.least, judged.most) == (1.4, 1.6)
    assert (bare.least, bare.reached) == (None, None)


@pytest.mark.parametrize(("value", "reached"), [(1.6, True), (1.61, False)])
def test_a_limit_may_be_met_and_not_passed(value: float, reached: bool) -> None:
    assert limits.reached(JUDGED, value) is reached


def test_a_band_has_two_ends() -> None:
    assert [limits.reached("80 % band holds", value) for value in (0.76, 0.8, 0.84)] == [False, True, False]
    assert limits.limit("80 % band holds") == "at least 0.77 and at most 0.83"


def test_what_is_no_number_reaches_nothing() -> None:
    assert limits.reached(JUDGED, float("nan")) is False


def test_a_run_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    run = a_run("2026-01-02T03:04:05+00:00", 1.5, sizes={"NEXTMOVE_BENCH_ROWS": 10}, missing=["Redis"])
    path = record.write(run, tmp_path)
    assert path.name == "2026-01-02T0304-abc123.json"
    assert record.read(path) == run
    assert json.loads(path.read_text())["parts"]["completing"][0]["value"] == 1.5


def test_the_page_shows_the_newest_run_whole_and_the_judged_figures_of_all(tmp_path: Path) -> None:
    record.write(a_run("2026-01-03T03:04:05+00:00", 1.7), tmp_path)
    record.write(a_run("2026-01-02T03:04:05+00:00", 1.5, sizes={"NEXTMOVE_BENCH_ROWS": 10}), tmp_path)
    page = (tmp_path / record.PAGE).read_text()
    newest, history = page.split("## The newest run")[1].split("## What was judged")
    assert "2026-01-03" in newest
    assert "2026-01-02" not in newest
    assert "| complete / bare p50 | 1.7 | 1.6 to 1.8 | at most 1.6 | **no** |" in newest
    assert "0 of 1 limits were reached" in newest
    assert "| completing | complete / bare p50 | **1.7** | 1.5 |" in history
    assert "2026-01-02 `abc123` (other sizes)" in history
    assert "bare p50 ms" not in history


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234567.8, "1,234,568"), (0.16666, "0.1667"), (0.000012345, "0.00001234"), (-0.5, "-0.5")],
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert record.number(value) == text


def test_the_machine_is_described_and_not_named() -> None:
    facts = record.machine([])
    assert facts["cores"] >= 1
    assert all(re.fullmatch(r"[\w.+-]+", str(value)) for value in facts.values())


def test_the_page_in_the_repository_is_that_of_the_runs_beside_it() -> None:
    assert (record.FOLDER / record.PAGE).read_text() == record.page(record.kept())
