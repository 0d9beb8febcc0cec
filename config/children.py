"""What the supervisor starts, each in its own process: the web server, the runner, a Celery worker, the beat.

`python -m config.children ROLE ...` is for the supervisor alone: such a process watches the pipe on its standard
input and ends, with all it forked, when the supervisor is gone, even after a kill -9.
"""

import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

WEB_THREADS = 4
"""Requests served at once. The database serialises writers anyway; more threads would only cost memory."""
WORKER_PROCESSES = 2
WEB_STOP_SECONDS = 8
"""Below the supervisor's patience, so that granian ends its worker itself."""


def web(*, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT; requests under way are finished first."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    if sys.platform == "linux":
        # Forked workers share the parent's memory, and watch the supervisor as it does (see watch_supervisor).
        multiprocessing.set_start_method("fork", force=True)
    Granian(
        "config.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=1,
        blocking_threads=WEB_THREADS,
        runtime_blocking_threads=1,
        workers_kill_timeout=WEB_STOP_SECONDS,
        log_level=LogLevels.warning,
    ).serve()


def jobs() -> None:
    """Runs due jobs until SIGTERM or SIGINT, which take effect between two jobs."""
    stop = stop_on_signals()
    _load_jobs()
    _run_jobs(stop)


def supervised_jobs() -> None:
    """The same, in a process that can be followed at once by another."""
    if sys.platform != "linux":
        jobs()
        return
    from config import following

    _load_jobs()
    following.work(lambda: _run_jobs(stop_on_signals()))


def _load_jobs() -> None:
    setup_django()
    from config.celery import app

    app.loader.import_default_modules()
    gc.freeze()  # what was loaded stays: it need not be looked through each time something is to be freed


def _run_jobs(stop: threading.Event) -> None:
    from jobs.runner import Runner

    Runner(stop).forever()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM or SIGINT sets, from a thread: a handler could meet the event's own lock."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    stop = threading.Event()

    def wait() -> None:
        signal.sigwait(signals)
        stop.set()

    threading.Thread(target=wait, name="stop-on-signals", daemon=True).start()
    return stop


def worker() -> None:
    _celery("worker", "--loglevel=WARNING", f"--concurrency={WORKER_PROCESSES}", "--pool=prefork")


def beat() -> None:
    _celery("beat", "--loglevel=WARNING")


def _celery(*arguments: str) -> None:
    setup_django()
    from config.celery import app

    gc.freeze()
    app.start(argv=["--quiet", *arguments])


def setup_django() -> None:
    import django

    # Celery has Django's checks run at each start of a worker, which loads every page, and drops what they say.
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
    django.setup()


def watch_supervisor(pipe: int) -> None:
    """Ends the whole process group once nobody holds the other end of the pipe.

    Threads do not survive a fork, so every forked process (granian's worker, Celery's pool) starts its own watch.
    """
    kept = os.dup(pipe)  # celery and granian may close or replace standard input
    os.set_inheritable(kept, False)

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(kept, 1):
                pass
        os.killpg(0, signal.SIGKILL)

    def start() -> None:
        threading.Thread(target=wait, name="watch-supervisor", daemon=True).start()

    start()
    os.register_at_fork(after_in_child=start)


def prepare() -> None:
    from config import preparing

    preparing.main()


def served(host: str, port: str) -> None:
    web(host=host, port=int(port))


ROLES: dict[str, Callable[..., Any]] = {
    "prepare": prepare,
    "web": served,
    "jobs": supervised_jobs,
    "worker": worker,
    "beat": beat,
}


if __name__ == "__main__":
    watch_supervisor(sys.stdin.fileno())
    ROLES[sys.argv[1]](*sys.argv[2:])
