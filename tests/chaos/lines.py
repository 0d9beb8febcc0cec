"""The lines at which it is dangerous for a process to end, and how it ends there by itself, as by `kill -9`.

A folder holds a file for each death that is still to come. Whoever comes to such a line may take one, and is gone.
Those of the broker (published or not) are looked at one by one in `tests.jobs.killpoints`, as all these are.
"""

import importlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

DEATHS = 2
"""At each line."""
SHARE = 0.3
"""Of those who come there, while deaths are left."""
LINES = {
    "intake: stored, not committed": ("after", "jobs.rows", "insert_new"),
    "intake: committed, bell not rung": ("before", "jobs.bell", "ring"),
    "engine: decided, nothing written": ("before", "automation.bulk", "add_all"),
    "engine: firings written, no tasks": ("after", "automation.bulk", "add_all"),
    "engine: tasks given, nobody told": ("before", "assignment.dispatch", "tell_assigned"),
    "engine: told, not committed": ("after", "assignment.dispatch", "tell_assigned"),
    "engine: batch committed": ("after", "automation.engine", "_drain_batch"),
    "complete: jobs written, not committed": ("after", "work.lifecycle", "_completion"),
    "complete: committed, not answered": ("after", "work.lifecycle", "complete"),
    "job: before the claim": ("before", "jobs.running", "_claim"),
    "job: claimed, not begun": ("after", "jobs.running", "_claim"),
    "jobs written, not committed": ("after", "jobs.queue", "enqueue"),
    "job: effects and done committed": ("after", "jobs.running", "_run_inside"),
    "job: failed, not written down": ("before", "jobs.running", "_fail"),
    "outside: leased, not sent": ("before", "jobs.running", "_run_outside"),
    "outside: sent, not marked": ("after", "jobs.outgoing", "call"),
    "letter: marked as being sent, not sent": ("before", "notifications.delivery", "_hand_over"),
    "letter: sent, not marked": ("before", "notifications.delivery", "_settle"),
    "notice: written, not committed": ("after", "notifications.outbox", "tell"),
}


def lay_out(folder: Path) -> None:
    folder.mkdir()
    for name in LINES:
        for number in range(DEATHS):
            (folder / f"{name} {number}").touch()


def left(folder: Path) -> list[str]:
    """Deaths that have not come."""
    return sorted(file.name for file in folder.iterdir())


def arm(folder: Path, hits: Callable[[float, str, str], bool]) -> None:
    """In a process of the product."""
    for name, (when, module, function) in LINES.items():
        owner = importlib.import_module(module)
        setattr(owner, function, _deadly(folder, name, when, getattr(owner, function), hits))


def _deadly(
    folder: Path, name: str, when: str, real: Callable[..., Any], hits: Callable[[float, str, str], bool]
) -> Callable[..., Any]:
    def may_die() -> None:
        if hits(SHARE, name, str(os.getpid())):
            for number in range(DEATHS):
                with suppress(FileNotFoundError):
                    (folder / f"{name} {number}").unlink()
                    os._exit(9)

    def line(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            may_die()
        result = real(*args, **kwargs)
        if when == "after":
            may_die()
        return result

    return line
