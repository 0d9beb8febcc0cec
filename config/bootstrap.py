"""Makes `.venv` and installs a lock into it: run by the system's Python, before anything is installed.

Standard library only, and run by its path (`python3 -I config/bootstrap.py run`), so that nothing of the product is
imported. What is missing on the machine is said together with the mend.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 35)
OLDEST_PIP = (22, 3)  # the first whose --python installs into another environment


class Missing(Exception):
    """Something the machine lacks; the message says how to get it."""


def main(lock: str) -> int:
    try:
        check_machine()
        install(lock)
    except Missing as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    except subprocess.CalledProcessError as fault:
        sys.stderr.write(
            f"Installing stopped with {fault.returncode}. Once the reason above is gone, run the same command again.\n"
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def check_machine() -> None:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Missing(
            f"Nextmove needs Python 3.11 or newer; this one is {sys.version.split()[0]}. "
            "Install a newer one and name it: make run PYTHON=python3.12"
        )
    if not os.environ.get("NEXTMOVE_DATABASE_URL", "").startswith("postgres"):
        check_sqlite()


def check_sqlite() -> None:
    mend = "Use another Python (make run PYTHON=...), or set NEXTMOVE_DATABASE_URL to a PostgreSQL address."
    try:
        import sqlite3
    except ImportError:
        raise Missing("This Python was built without SQLite. " + mend) from None
    if sqlite3.sqlite_version_info[:2] < OLDEST_SQLITE:
        raise Missing(f"SQLite 3.35 or newer is needed; this Python has {sqlite3.sqlite_version}. {mend}")


def install(lock: str) -> None:
    """Brings `.venv` in step with `requirements/<lock>.txt`; does nothing, and needs no network, when it already is."""
    stamp = VENV / f"installed-{lock}"
    wanted = fingerprint(lock)
    if stamp.is_file() and stamp.read_text() == wanted and PYTHON.exists():
        return
    pip = make_venv()
    for other in VENV.glob("installed-*"):
        other.unlink()
    requirements = ROOT / "requirements" / f"{lock}.txt"
    say(f"Installing {requirements.relative_to(ROOT)} into .venv (the first time only; a minute or two)")
    run([*pip, "install", "--quiet", "--require-hashes", "--requirement", str(requirements)])
    run([*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    install_solver(pip)
    stamp.write_text(wanted)
    if lock == "dev":  # it holds all of run, at the same versions (make check looks)
        (VENV / "installed-run").write_text(fingerprint("run"))


def install_solver(pip: list[str]) -> None:
    """HiGHS proves plans of small teams best; where there is no wheel of it, plans are made without."""
    lock = ROOT / "requirements" / "solver.txt"
    try:
        run([*pip, "install", "--quiet", "--only-binary", ":all:", "--require-hashes", "--requirement", str(lock)])
    except subprocess.CalledProcessError:
        say("HiGHS could not be installed (see above). Nextmove assigns work without it; plans of small teams may be")
        say(f"a little below the best. To try again: .venv/bin/python -m pip install -r {lock.relative_to(ROOT)}")


def fingerprint(lock: str) -> str:
    """What the environment depends on: the lock, the project's own metadata, this Python, and where the tree stands."""
    parts = [
        (ROOT / "requirements" / f"{lock}.txt").read_bytes(),
        (ROOT / "requirements" / "solver.txt").read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(VENV).encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def make_venv() -> list[str]:
    """Makes `.venv` where it is missing or was made elsewhere; returns the pip command that installs into it."""
    inner = importlib.util.find_spec("ensurepip") is not None
    pip = [str(PYTHON), "-m", "pip"] if inner else outer_pip()
    if not usable(inner):
        if importlib.util.find_spec("venv") is None:
            raise Missing(f"This Python has no venv module. {packages()}")
        shutil.rmtree(VENV, ignore_errors=True)
        say(f"Making .venv with Python {sys.version.split()[0]}")
        run([sys.executable, "-m", "venv", *([] if inner else ["--without-pip"]), str(VENV)])
    return pip


def usable(needs_pip: bool) -> bool:
    """Whether `.venv` runs, stands where it was made, and has this Python's version."""
    if not PYTHON.exists():
        return False
    code = "import sys; print(sys.prefix, sys.version, sep='\\n', end='')" + ("; import pip" if needs_pip else "")
    answer = subprocess.run([str(PYTHON), "-I", "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    script = VENV / "bin" / "pip"
    moved = needs_pip and script.exists() and str(VENV) not in script.read_text(errors="replace").split("\n", 1)[0]
    return answer.returncode == 0 and answer.stdout == f"{VENV}\n{sys.version}" and not moved


def outer_pip() -> list[str]:
    """Without ensurepip (Debian ships it apart), the system's own pip installs into the environment."""
    answer = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, text=True, check=False)
    words = answer.stdout.split()
    version = tuple(int(part) for part in words[1].split(".")[:2] if part.isdigit()) if len(words) > 1 else ()
    if answer.returncode or version < OLDEST_PIP:
        raise Missing(f"This Python has neither ensurepip nor pip 22.3 or newer. {packages()}")
    return [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def packages() -> str:
    if shutil.which("apt-get"):
        return "Install it: sudo apt-get install python3-venv python3-pip"
    if shutil.which("dnf"):
        return "Install it: sudo dnf install python3 python3-pip"
    return "Install Python's venv and pip with your system's packages, then run this again."


def run(command: list[str]) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    subprocess.run(command, check=True, env=environment, cwd=str(ROOT))  # noqa: S603


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
