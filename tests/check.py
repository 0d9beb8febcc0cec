"""`make check`: everything CI runs besides the tests, in one list. All run; those that failed are named at the end."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = [sys.executable]

STEPS: dict[str, list[str]] = {
    "ruff": [str(BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "imports": [str(BIN / "lint-imports"), "--no-cache"],
    "types": [*PYTHON, "-m", "mypy"],
    "migrations": [*PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"],
    "deployment": [*PYTHON, "manage.py", "check"],
    "dependencies": [str(BIN / "deptry"), "."],
    "locks": [*PYTHON, "-m", "tests.locks"],
}


def main(wanted: list[str]) -> int:
    failed = []
    with tempfile.TemporaryDirectory(prefix="nextmove-check-") as folder:
        (Path(folder) / "static").mkdir()
        environment = os.environ | {"NEXTMOVE_DATA_DIR": folder, "NEXTMOVE_ENV_FILE": os.devnull, "CI": "true"}
        for name, command in STEPS.items():
            if wanted and name not in wanted:
                continue
            print(f"== {name}: {' '.join(Path(word).name for word in command)}", flush=True)
            if subprocess.run(command, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL).returncode:
                failed.append(name)
    print(f"\nChecks that failed: {', '.join(failed)}" if failed else "\nAll checks passed.", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
