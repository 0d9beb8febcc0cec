"""The walls that a linter of imports cannot see."""

import re
import subprocess
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Model

ROOT = Path(__file__).resolve().parents[2]
LAYERS = (
    "jobs",
    "people",
    "crm",
    "work",
    "notifications",
    "webhooks",
    "assignment",
    "performance",
    "learning",
    "automation",
    "api",
    "web",
)
SIBLINGS = {
    frozenset({"assignment", "performance"}),
    frozenset({"assignment", "learning"}),
    frozenset({"performance", "learning"}),
    frozenset({"api", "web"}),
    frozenset({"notifications", "webhooks"}),
}
OUTSIDE = {"auth", "contenttypes"}

OURS = [model for label in LAYERS for model in apps.get_app_config(label).get_models()]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_no_foreign_key_points_up(model: type[Model]) -> None:
    own = LAYERS.index(model._meta.app_label)
    for field in model._meta.get_fields(include_hidden=False):
        target = getattr(field, "related_model", None)
        if target is None or field.auto_created or (not hasattr(field, "attname") and not field.many_to_many):
            continue
        label = target._meta.app_label
        if label in OUTSIDE:
            continue
        assert LAYERS.index(label) <= own, f"{model._meta.label}.{field.name} points up to {label}"
        assert frozenset({label, model._meta.app_label}) not in SIBLINGS, f"{field.name} points to a sibling"


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_row_of_a_team_has_one_door(model: type[Model]) -> None:
    """Models that pages and the API show are asked for through `visible_to`."""
    shown = {
        "Task", "Assignment", "Contact", "Activity", "TaskAutomationRule", "Firing", "ScheduledTaskBatch", "Job",
        "Notification", "Suggestion", "ScoreSnapshot", "DailyReport", "Skill", "User", "ApiToken", "Change",
    }  # fmt: skip
    if model.__name__ in shown:
        assert hasattr(model._default_manager.all(), "visible_to")


def test_no_room_is_a_drawer() -> None:
    names = {path.stem for path in tracked(".py")} | {part for path in tracked(".py") for part in path.parent.parts}
    assert not names & {"utils", "util", "common", "helpers", "helper", "misc"}


def test_nothing_third_party_is_vendored() -> None:
    for path in tracked(".js"):
        assert path.parts[:2] == ("web", "static"), path
        assert len((ROOT / path).read_text().splitlines()) < 400, path


def test_no_file_names_a_registry_or_this_machine() -> None:
    machine = rf"(?<!\w){re.escape(str(ROOT.parent))}/"
    forbidden = re.compile(rf"files\.pythonhosted\.org|pypi\.org/simple|registry\.npmjs\.org|{machine}")
    for path in tracked():
        if path.suffix in {".png", ".ico", ".woff2"} or path == Path(__file__).resolve().relative_to(ROOT):
            continue
        found = forbidden.search((ROOT / path).read_text(errors="replace"))
        assert not found, f"{path}: {found and found.group()}"


def test_signals_are_not_used() -> None:
    """Reactions leave from rows, never from Django's signals."""
    for path in tracked(".py"):
        if path.parts[0] in {"tests", "benchmarks"}:
            continue
        text = (ROOT / path).read_text()
        assert not re.search(r"django\.db\.models\.signals|@receiver\(|post_save|pre_save\.connect", text), path


def test_no_class_of_the_pages_is_laid_out_in_two_files() -> None:
    """All files of style are on each page: the later one would rule there too."""
    found: dict[str, Path] = {}
    for path in tracked(".css"):
        for name in set(re.findall(r"^(\.[a-z][a-z0-9-]*) \{", (ROOT / path).read_text(), re.MULTILINE)):
            assert found.setdefault(name, path) == path, f"{name}: {found[name]} and {path}"


def tracked(suffix: str = "") -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [Path(name) for name in listed if name.endswith(suffix) and (ROOT / name).exists()]
