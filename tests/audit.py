"""`make audit`: whether a weakness is known of any library that the locks pin. It asks a database on the network.

Ends with 0 when all were looked up and none is weak, 1 when one is, 2 when the question could not be asked of all: the
auditor itself calls that no finding. It is kept out of `make check`, which needs no network.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("run", "solver", "dev")
CLEAN, WEAK, NOT_LOOKED = 0, 1, 2
AT_MOST_SECONDS = 120


def told(report: str) -> tuple[list[str], int]:
    """What to say of the auditor's JSON, and the exit code."""
    try:
        found = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return ["The audit could not be made: the auditor gave no report."], NOT_LOOKED
    if not found:
        return ["The audit could not be made: the report names no library."], NOT_LOOKED
    weak = [line for one in found for line in _weaknesses(one)]
    skipped = [one["name"] for one in found if "skip_reason" in one]
    lines = [*weak, "Run `make lock UPGRADE=1`."] if weak else []
    if skipped:
        names = ", ".join(skipped)
        lines.append(f"NOT AUDITED: {len(skipped)} of {len(found)} libraries could not be looked up: {names}")
    if not lines:
        return [f"{len(found)} libraries looked up, none with a known weakness."], CLEAN
    return lines, WEAK if weak else NOT_LOOKED


def _weaknesses(library: dict[str, Any]) -> list[str]:
    return [
        f"{library['name']} {library['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for fault in library.get("vulns", ())
    ]


def report_of(python: Path) -> str:
    """The auditor's JSON on all locks; installs nothing of what they pin. Empty when it cannot be had."""
    locks = [word for name in LOCKS for word in ("--requirement", str(ROOT / "requirements" / f"{name}.txt"))]
    asked = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    for command in (["pip", "install", "--quiet", "pip-audit"], ["pip_audit", *asked, *locks]):
        try:
            done = subprocess.run(
                [str(python), "-m", *command], capture_output=True, text=True, check=False, timeout=AT_MOST_SECONDS
            )
        except subprocess.TimeoutExpired:
            return ""
        if done.returncode and not done.stdout:
            print(*done.stderr.split("\n")[-2:], sep="")  # of a traceback what went wrong
            return ""
    return done.stdout


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="nextmove-audit-") as folder:  # the auditor is no part of the product
        venv.create(folder, with_pip=True)
        lines, code = told(report_of(Path(folder) / "bin" / "python"))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
