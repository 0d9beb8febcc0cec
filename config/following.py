"""A part that loads once and works in a fork of itself: who is killed at work is followed in milliseconds, where a new
program would have to load everything first.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from config.supervisor import SETTLED_SECONDS

log = logging.getLogger("nextmove")

ASKED = (signal.SIGTERM, signal.SIGINT)
HEARD = {*ASKED, signal.SIGCHLD}


def work(step: Callable[[], None]) -> None:
    """Does the step in a fork, and again in another whenever one that had lived for a while has crashed.

    One that crashed sooner ends this process with 1: what keeps happening is left to the supervisor and its pauses.
    SIGTERM and SIGINT are handed on, and end this process after its fork. Call it without threads that matter.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    while True:
        began = time.monotonic()
        working = os.fork()
        if not working:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
            step()
            return
        code = _end_of(working)
        if code == 0:
            return
        if time.monotonic() - began < SETTLED_SECONDS:
            sys.exit(1)
        log.warning("whoever did the work ended with %s; another goes on", code)


def _end_of(working: int) -> int:
    """Its exit code; 0 also for one that was asked to end and did so by force."""
    asked = False
    while True:
        number = signal.sigwait(HEARD)
        if number in ASKED:
            asked = True
            os.kill(working, signal.SIGTERM)
        elif os.waitid(os.P_PID, working, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            code = os.waitstatus_to_exitcode(os.waitpid(working, 0)[1])
            return 0 if asked else code
