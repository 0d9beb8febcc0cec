"""`nextmove serve`: the whole product on one command. Starts the parts, restarts what crashes, ends everything.

Each part leads a process group and watches a pipe that only this process holds, so nothing survives it: not a crash of
the part's leader, not a kill -9 of the supervisor. Ending by force is safe, since every effect is one transaction.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SETTLED_SECONDS = 10.0
"""A part that lived this long was healthy; its next crash is answered at once."""
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.2
BROKER_LOOK_SECONDS = 5.0
BROKER_PROBES = 2
"""Failed looks in a row before the runner steps in; one may be a hiccup."""
READY_SECONDS = 60.0

Say = Callable[..., None]


def say_plainly(text: str, **_facts: Any) -> None:
    with contextlib.suppress(OSError):  # whoever listened may be gone; the work goes on
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def say_json(text: str, **facts: Any) -> None:
    say_plainly(json.dumps({"message": text.strip(), **facts}))


def pause_after(lived_seconds: float, last_pause: float) -> float:
    """How long to wait before the next start: at once after a healthy life, else 0.5 s doubling up to 30 s."""
    if lived_seconds >= SETTLED_SECONDS:
        return 0.0
    return min(LONGEST_PAUSE, max(FIRST_PAUSE, last_pause * 2))


class Part:
    """One process with its group: started, looked after, ended."""

    def __init__(self, role: str, *arguments: str, environment: dict[str, str]) -> None:
        self.role = role
        self.arguments = arguments
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.pause = 0.0
        self.start_again_at = 0.0

    def start(self, *, pass_fds: tuple[int, ...] = ()) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "config.children", self.role, *self.arguments],
            stdin=subprocess.PIPE,  # its other end is the life line: see children.watch_supervisor
            process_group=0,  # a Ctrl-C at the terminal reaches the supervisor alone
            env=self.environment,
            pass_fds=pass_fds,
        )

    def ended(self) -> int | None:
        """The exit code once the leader is gone, after the rest of its group was ended too; else None."""
        if self.process is None:
            return None
        # Looked at without reaping: until then the kernel gives the group's number to nobody else.
        gone = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return None if gone is None else self._reap()

    def _reap(self) -> int:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
        return code

    def look(self, say: Say) -> None:
        """Restarts the part when it crashed and its pause is over."""
        if self.process is None:
            if time.monotonic() >= self.start_again_at:
                self.start()
            return
        code = self.ended()
        if code is not None:
            now = time.monotonic()
            self.pause = pause_after(now - self.started_at, self.pause)
            self.start_again_at = now + self.pause
            say(f"{self.role} ended with {code}; starting it again in {self.pause:.1f} s.", part=self.role, code=code)

    def terminate(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGTERM)  # Popen.terminate would reap it first

    def end(self, deadline: float, stop: "Stop") -> None:
        """Waits for the leader until the deadline (or a second Ctrl-C), then ends the whole group by force."""
        while self.process is not None and self.ended() is None:
            if time.monotonic() >= deadline or stop.hurried:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
            time.sleep(0.02)


@dataclass
class Stop:
    """The first signal asks, the second one hurries. Plain flags: a handler must not wait for anybody's lock."""

    asked: bool = False
    hurried: bool = False

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:  # nohup stays nohup
                signal.signal(number, self._heard)

    def _heard(self, *_: Any) -> None:
        self.hurried = self.asked
        self.asked = True


def serve(*, as_json: bool = False) -> int:
    """Runs until a signal; 0 then. 2 when settings cannot be used, 1 when preparing failed otherwise."""
    say = say_json if as_json else say_plainly
    environment = dict(os.environ) | ({"NEXTMOVE_LOG_FORMAT": "json"} if as_json else {})
    stop = Stop()
    stop.listen()
    code, report = prepare(environment, stop)
    if report is None:
        return 0 if stop.asked else code
    for note in report["notes"]:
        say(note)
    environment["NEXTMOVE_PORT"] = str(report["port"])
    parts = {"web": Part("web", report["host"], str(report["port"]), environment=environment)}
    if report["broker"]:
        parts |= {role: Part(role, environment=environment) for role in ("worker", "beat")}
    broker = BrokerWatch(report["broker"], report["broker_options"], say)
    steps = [
        *[_watching(part, say) for part in parts.values()],
        _runner(Part("jobs", environment=environment), broker, say, stop, parts),
        _welcome(report, say),
    ]
    try:
        while not stop.asked:
            for step in steps:
                step()
            time.sleep(LOOK_SECONDS)
    finally:
        end_all(list(parts.values()), stop)
    say("Stopped.")
    return 0


def prepare(environment: dict[str, str], stop: Stop) -> tuple[int, dict[str, Any] | None]:
    """Runs `config.preparing` in a process of its own: its exit code, and its report unless it failed."""
    reading, writing = os.pipe()
    part = Part("prepare", environment=environment | {"NEXTMOVE_REPORT": str(writing)})
    part.start(pass_fds=(writing,))
    os.close(writing)
    code = None
    while code is None and not stop.asked:
        time.sleep(0.05)
        code = part.ended()
    if code is None:
        end_all([part], stop)
    with os.fdopen(reading) as pipe:
        text = pipe.read() if code == 0 else ""
    return (1 if code is None or code < 0 else code), (json.loads(text) if text else None)


def end_all(parts: list[Part], stop: Stop) -> None:
    """Asks all at once, then waits for each; ten seconds for all of them together."""
    for part in parts:
        part.terminate()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for part in parts:
        part.end(deadline, stop)


def _watching(part: Part, say: Say) -> Callable[[], None]:
    return lambda: part.look(say)


class BrokerWatch:
    """Looks, in a thread of its own, whether the configured broker answers."""

    def __init__(self, url: str, options: dict[str, Any], say: Say) -> None:
        self.url = url
        self.options = options | {"max_retries": 0}
        self.away = threading.Event()
        if url:
            if not self.answers():
                self.away.set()
                say(
                    "The broker does not answer: the runner does the work until it does. "
                    "Look at CELERY_BROKER_URL, or start the broker.",
                    broker="away",
                )
            threading.Thread(target=self._watch, name="broker-watch", daemon=True).start()

    def answers(self) -> bool:
        from kombu import Connection

        try:
            with Connection(self.url, connect_timeout=1, transport_options=self.options) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
        except Exception:  # every transport has errors of its own; all mean the same here
            return False
        return True

    def _watch(self) -> None:
        failed = 0
        while True:
            time.sleep(BROKER_LOOK_SECONDS)
            failed = 0 if self.answers() else failed + 1
            if failed == 0:
                self.away.clear()
            elif failed >= BROKER_PROBES:
                self.away.set()


def _runner(part: Part, broker: BrokerWatch, say: Say, stop: Stop, parts: dict[str, Part]) -> Callable[[], None]:
    """Without a broker the runner always runs; with one, while it does not answer."""
    announced = broker.away.is_set()

    def step() -> None:
        nonlocal announced
        needed = not broker.url or broker.away.is_set()
        if broker.url and needed != announced:
            announced = needed
            say(
                "The broker does not answer: the runner does the work until it does."
                if needed
                else "The broker answers again: the Celery worker takes over.",
                broker="away" if needed else "answers",
            )
        if needed:
            parts["jobs"] = part
            part.look(say)
        elif parts.pop("jobs", None):
            end_all([part], stop)

    return step


def _welcome(report: dict[str, Any], say: Say) -> Callable[[], None]:
    """Says where to go and how to sign in, once the web server answers."""
    shown_host = report["host"] if report["host"] not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 (compared only)
    url = f"http://[{shown_host}]:{report['port']}" if ":" in shown_host else f"http://{shown_host}:{report['port']}"
    progress = _until_it_answers(url, say)

    def step() -> None:
        if next(progress, False):
            password = report["admin_password"]
            chosen = "admin, with its password (`.venv/bin/python manage.py changepassword admin` sets a new one)"
            begin = f"{url}/setup" if report.get("empty") else url
            signing = f"admin, with the password {password} (shown this once)" if password else chosen
            say(
                f"\n  Nextmove   {begin}\n  Sign in    {signing}\n  API        {url}/api/docs\n  Stop       Ctrl-C\n",
                url=url,
                **({"user": "admin", "password": password} if password else {}),
            )

    return step


def _until_it_answers(url: str, say: Say) -> Iterator[bool]:
    """Yields False until the server answered, then True once; says so when that takes long."""
    started = time.monotonic()
    warned = False
    while not _answers(url):
        if not warned and time.monotonic() - started > READY_SECONDS:
            warned = True
            say(f"The web server does not answer yet; its messages stand above. `nextmove doctor` looks at {url}.")
        yield False
    yield True


def _answers(url: str) -> bool:
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=1)  # urllib would ask a proxy
    try:
        connection.request("GET", "/healthz")
        connection.getresponse()  # whatever it says, it is there
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
