"""HiGHS in a process of its own, so that one that crashes, hangs or takes too long costs a plan its proof, no more.

The process reads a problem a line and answers each with a line, both as JSON. It lasts as long as the plan that asks:
neither a worker nor a web process ever loads the solver.
"""

import contextlib
import json
import math
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from domain.matching import exact
from domain.matching.problem import Ints, Problem

COMMAND = [sys.executable, "-m", "assignment.solver"]
SECONDS = 60.0
"""What the solver may take for all parts of one plan. The effort is limited by nodes, the same on every machine; this
is for what hangs, and below what a job may take."""
_ROOT = Path(__file__).resolve().parents[1]


class Solver:
    """Asks HiGHS for the parts of one plan, as `exact.solve`; to be used in a `with`, which ends the process.

    One that has failed as a process is not asked again for the same plan.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._left = SECONDS
        self._fault = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self, problem: Problem, start: Ints, tolerance: float) -> exact.Proof:
        """Raises exact.SolverFailed."""
        if not self._fault:
            answer = self._answer(_question(problem, start, tolerance))
        if self._fault:
            raise exact.SolverFailed(self._fault)
        if "failed" in answer:
            raise exact.SolverFailed(answer["failed"])
        return exact.Proof(np.array(answer["chosen"], dtype=np.int64), answer["bound"])

    def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """What the process says, or nothing, with `_fault` saying why."""
        try:
            process = self._started()
        except OSError as error:
            self._fault = f"HiGHS cannot be started: {error}"
            return {}
        late = threading.Event()
        line = self._told(process, json.dumps(question), late)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            if not line:  # it is ending: by itself it says how
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
            self._end()
            self._fault = _why(process, line, late=late.is_set())
            return {}
        return answer

    def _told(self, process: subprocess.Popen[str], question: str, late: threading.Event) -> str:
        """The line that answers the question; empty when the process ends instead, as it is made to after its time."""

        def end() -> None:
            late.set()
            process.kill()

        since, timer = time.monotonic(), threading.Timer(self._left, end)
        timer.start()
        try:
            _stream(process.stdin).write(f"{question}\n")
            _stream(process.stdin).flush()
            return _stream(process.stdout).readline()
        except (OSError, UnicodeDecodeError):
            return ""
        finally:
            timer.cancel()
            self._left = max(0.0, self._left - (time.monotonic() - since))

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        try:
            process.communicate()
        except (OSError, ValueError):
            process.wait()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _why(process: subprocess.Popen[str], line: str, *, late: bool) -> str:
    if late:
        return f"HiGHS took more than {SECONDS:g} s and was ended."
    if line:
        return "HiGHS has answered nothing that can be read."
    code = process.returncode
    return f"HiGHS has crashed (signal {-code})." if code < 0 else f"HiGHS has ended (exit code {code})."


def _question(problem: Problem, start: Ints, tolerance: float) -> dict[str, Any]:
    numbers = {field.name: getattr(problem, field.name).tolist() for field in fields(problem)}
    return {"problem": numbers, "start": start.tolist(), "tolerance": tolerance}


def _solved(question: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: np.array(values, dtype=np.int64) for name, values in question["problem"].items()}
    try:
        proof = exact.solve(Problem(**numbers), np.array(question["start"], dtype=np.int64), question["tolerance"])
    except exact.SolverFailed as failed:
        return {"failed": str(failed)}
    except Exception as error:  # whatever it is, it is the solver's
        return {"failed": f"HiGHS failed: {error!r}"}
    return {"chosen": proof.chosen.tolist(), "bound": proof.bound}


def answer_all() -> None:
    """The process: ends with its standard input, and in any case when it has computed for longer than it may."""
    most = math.ceil(SECONDS) + 5  # above the patience of whoever asks: this is for when they are gone
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        answers.write(f"{json.dumps(_solved(json.loads(line)))}\n")
        answers.flush()


if __name__ == "__main__":
    answer_all()
