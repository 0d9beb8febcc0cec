"""The units, without systemd: they run the commands that are tested as processes, and nothing that is not there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from config.cli import app
from config.settings import Environment
from tests import processes

UNITS = sorted((processes.ROOT / "deploy/systemd").glob("*.service"))
SERVICES: dict[str, Any] = yaml.safe_load((processes.ROOT / "compose.yaml").read_text())["services"]
LINE = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


def said(unit: Path, key: str) -> list[str]:
    return [value for name, value in LINE.findall(unit.read_text()) if name == key]


def command(unit: Path) -> str:
    (line,) = said(unit, "ExecStart")
    return line.removeprefix("/opt/nextmove/.venv/bin/")


def test_there_is_one_for_all_and_one_for_each_part() -> None:
    assert {unit.stem for unit in UNITS} == {
        "nextmove",
        "nextmove-web",
        "nextmove-worker",
        "nextmove-beat",
        "nextmove-jobs",
    }


@pytest.mark.parametrize("part", ["web", "worker", "beat"])
def test_a_part_runs_what_its_container_runs(part: str) -> None:
    service = part if part == "web" else f"celery-{part}"
    assert command(processes.ROOT / f"deploy/systemd/nextmove-{part}.service") == SERVICES[service]["command"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_what_it_names_is_there(unit: Path) -> None:
    program, verb, *_ = command(unit).split()
    if program == "nextmove":
        assert verb in vars(get_command(app))["commands"]
    else:
        assert program == "celery"
    known = {f"NEXTMOVE_{name.upper()}" for name in Environment.model_fields} | {"PYTHONDONTWRITEBYTECODE"}
    assert {pair.split("=")[0] for line in said(unit, "Environment") for pair in line.split()} <= known
    assert all((processes.ROOT / name).exists() for name in re.findall(r"file:/opt/nextmove/(\S+)", unit.read_text()))
    others = re.findall(r"nextmove-\w+(?=\.service)", " ".join(said(unit, "After")))
    assert {f"{other}.service" for other in others} <= {one.name for one in UNITS}
