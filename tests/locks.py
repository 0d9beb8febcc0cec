"""Whether the locks fit pyproject.toml, offline: every dependency is pinned inside its range and hashed, the locks
agree, and no line names a place on the network. Whether newer versions exist is `make lock`'s business."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)")


def pins(text: str) -> dict[str, set[str]]:
    """Name to versions (several where markers divide them)."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        match = PIN.match(line)
        if match:
            found.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return found


def faults(project: dict, run: str, dev: str, solver: str) -> list[str]:
    groups = project["dependency-groups"]
    wanted = {
        "run": project["project"]["dependencies"] + groups["build"],
        "dev": project["project"]["dependencies"] + groups["build"] + groups["dev"],
        "solver": groups["solver"],
    }
    said = []
    for lock, text in (("run", run), ("dev", dev), ("solver", solver)):
        said += [f"{lock}.txt: {fault}" for fault in _unfit(wanted[lock], pins(text)) + _unsafe(text)]
    main, others = pins(run), {"dev": pins(dev), "solver": pins(solver)}
    said += [f"{name}: run.txt and dev.txt pin it differently" for name in sorted(main) if name not in others["dev"]]
    for lock, pinned in others.items():
        differing = sorted(name for name in main.keys() & pinned.keys() if main[name] != pinned[name])
        said += [f"{name}: run.txt and {lock}.txt pin it differently" for name in differing]
    return said


def _unfit(wanted: list[str], pinned: dict[str, set[str]]) -> list[str]:
    said = []
    for line in wanted:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({**default_environment(), "sys_platform": "linux"}):
            continue
        versions = pinned.get(canonicalize_name(requirement.name), set())
        if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            said.append(f"{line} is not pinned in its range (there: {', '.join(versions) or 'nothing'})")
    return said


def _unsafe(text: str) -> list[str]:
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]
    unhashed = [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]
    places = [line for line in text.splitlines() if "://" in line or line.startswith("-")]
    return [f"{name} has no hash" for name in unhashed] + [f"names a place: {line}" for line in places]


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    texts = {lock: (ROOT / "requirements" / f"{lock}.txt").read_text() for lock in ("run", "dev", "solver")}
    said = faults(project, **texts)
    if said:
        sys.stderr.write("\n".join([*said, "Run `make lock`."]) + "\n")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
