"""The client: posts events with ids of its own, repeats what was not answered, completes tasks, and takes the time."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import scene
from tests.chaos.database import AWAY, Database
from tests.chaos.effects import is_completed
from tests.processes import Site

POSTING, COMPLETING = 4, 2
REPEATED = 0.1
"""The share of answered events that are told again, as providers do."""
PAUSE = 0.2
TODO = f"SELECT id, title FROM work_task WHERE status = 'todo' AND title LIKE '{scene.FIRST} %'"
UNANSWERED = (OSError, http.client.HTTPException)


class Refused(AssertionError):
    """An answer that no fault explains."""


@dataclass
class Driver:
    """`events` are posted evenly over `seconds`. Ends when all are answered and all tasks it has to do are done."""

    site: Site
    database: Database
    teams: list[dict[str, Any]]
    events: int
    seconds: float
    rng: random.Random
    completes: bool = True
    answered: list[tuple[float, float]] = field(default_factory=list)
    """When each answered event was posted, and for how long one waited for that answer."""
    posted: int = 0
    """Events whose posts were all answered."""
    unanswered: int = 0
    completed: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    given_up: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.numbers: Iterator[int] = iter(range(self.events))
        self.lock = threading.Lock()
        self.again = {number for number in range(self.events) if self.rng.random() < REPEATED}

    def start(self) -> None:
        self.began = time.monotonic()
        steps = [self._post_all] * POSTING + [self._complete_all] * (COMPLETING if self.completes else 0)
        self.threads = [
            threading.Thread(target=self._guarded, args=(step, number), daemon=True)
            for number, step in enumerate(steps)
        ]
        for thread in self.threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        if self.faults:
            raise Refused(self.faults[0])
        return not any(thread.is_alive() for thread in self.threads)

    def _guarded(self, step: Callable[[int], None], number: int) -> None:
        try:
            step(number)
        except Exception as error:
            self.faults.append(repr(error))

    def _next(self) -> int | None:
        with self.lock:
            return next(self.numbers, None)

    def _post_all(self, _number: int) -> None:
        while (number := self._next()) is not None and not self.given_up.is_set():
            wait = self.began + number * self.seconds / self.events - time.monotonic()
            if wait > 0 and self.given_up.wait(wait):
                return
            body = event(number)
            for _ in range(2 if number in self.again else 1):
                self._until_answered("POST", self.teams[number % scene.TEAMS]["path"], body, (202,))
            with self.lock:
                self.posted += 1

    def _complete_all(self, part: int) -> None:
        """Each thread has its share; ends when all of it is done."""
        mine = {one for one in range(self.events) if is_completed(one) and one // 4 % COMPLETING == part % COMPLETING}
        while mine and not self.given_up.is_set():
            try:
                todo = self.database.rows(TODO)
            except AWAY:
                todo = []
            for pk, title in todo:
                number = int(title.split()[1])
                if number in mine and not self.given_up.is_set():
                    team = self.teams[number % scene.TEAMS]
                    token = team["tokens"][number // scene.TEAMS % scene.TOKENS]
                    path = f"/automation/tasks/{pk}/complete"
                    self._until_answered("POST", path, {"actual_hours": 0.25}, (200, 409), token=token)
                    mine.discard(number)
                    self.completed.add(number)
            self.given_up.wait(0.5)

    def _until_answered(self, method: str, path: str, body: Any, good: tuple[int, ...], **more: Any) -> None:
        while not self.given_up.is_set():
            asked = time.monotonic()
            try:
                status, answer = self.site.request(method, path, body, **more)
            except UNANSWERED:
                status, answer = 0, None
            if status in good:
                if isinstance(body, bytes):
                    self.answered.append((asked - self.began, time.monotonic() - asked))
                return
            if 400 <= status < 500 and status != 429:
                raise Refused(f"{path}: {status} {answer}")
            self.unanswered += 1
            time.sleep(PAUSE if status != 429 else 5)


def event(number: int) -> bytes:
    """A click as SendGrid tells it."""
    said = {
        "email": scene.address(number),
        "event": "click",
        "timestamp": int(time.time()),
        "sg_event_id": f"chaos-{number}",
        "sg_message_id": f"chaos-{number}.filter0001",
        "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "ip": "192.0.2.7",
        "url": "https://example.com/",
    }
    return json.dumps([said]).encode()
