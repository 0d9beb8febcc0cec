"""What it takes to start: the command line's help, and loading what the web server and a worker load."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import costs
from tests import processes

TIMES = 5
STARTED = {
    "nextmove --help": [*processes.NEXTMOVE, "--help"],
    "loading the web": [sys.executable, "-c", "import config.wsgi"],
    "loading a worker": [
        sys.executable,
        "-c",
        "import celery_app, celery.bin.worker; celery_app.celery_app.finalize()",
    ],
    "Python and Django alone": [sys.executable, "-c", "import django.core.handlers.wsgi, django.db.models"],
}

STARTER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def measure() -> dict[str, float]:
    """CPU seconds of a new process and the most memory it held, in megabytes. The first start of each is left out: it
    may have to compile.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="nextmove-bench-") as folder:
        surroundings = processes.environment(Path(folder))
        (Path(folder) / "static").mkdir()  # what the site would have gathered there
        for name, command in STARTED.items():
            taken = [spent(command, surroundings) for _ in range(TIMES + 1)][1:]
            figures |= costs.spread(f"{name}, CPU s", [seconds for seconds, _ in taken])
            figures[f"{name}, MB"] = statistics.median(memory for _, memory in taken)
    return figures


def spent(command: list[str], surroundings: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and megabytes. A small process starts the command: what one is said to have held at most counts that
    of whoever started it.
    """
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", STARTER, *command],
        env=surroundings,
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory * (1 if sys.platform == "darwin" else 1024) / 2**20
