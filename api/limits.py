"""How often one token or one address may ask. Counted in this process alone: with n web processes the limit is n times
as high, which is enough to keep one runaway script from starving the rest, and costs no query."""

import math
import time
from collections import OrderedDict

from django.conf import settings

from api.errors import Problem

WINDOW_SECONDS = 60.0
REQUESTS_PER_MINUTE = 600
FAILURES_PER_MINUTE = 30


class SlidingWindow:
    """Two counters a key: this minute's, and the share of the last one that the sliding minute still covers."""

    def __init__(self, max_keys: int = 10_000) -> None:
        self.max_keys = max_keys
        self.counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def used(self, key: str, now: float) -> float:
        window, current, last = self._at(key, now)
        return current + last * (1 - (now / WINDOW_SECONDS - window))

    def hit(self, key: str, now: float) -> None:
        window, current, last = self._at(key, now)
        self.counts[key] = (window, current + 1, last)
        if len(self.counts) > self.max_keys:
            self.counts.popitem(last=False)

    def _at(self, key: str, now: float) -> tuple[int, int, int]:
        this = int(now / WINDOW_SECONDS)
        window, current, last = self.counts.get(key, (this, 0, 0))
        if window == this:
            return this, current, last
        return this, 0, current if window == this - 1 else 0


_requests = SlidingWindow()
_failures = SlidingWindow()
_forms = SlidingWindow()


def reset() -> None:
    _requests.counts.clear()
    _failures.counts.clear()
    _forms.counts.clear()


def check_requests(key: str) -> None:
    """Counts one request of a token or a user; raises the 429 when it is one too many."""
    now = time.monotonic()
    limit = getattr(settings, "API_REQUESTS_PER_MINUTE", REQUESTS_PER_MINUTE)
    if _requests.used(key, now) >= limit:
        raise _too_many(f"More than {limit} requests a minute.", now)
    _requests.hit(key, now)


def check_failures(address: str) -> None:
    """Raises the 429 for an address that guessed too often; the guess itself is counted by `failed`."""
    now = time.monotonic()
    limit = getattr(settings, "API_FAILURES_PER_MINUTE", FAILURES_PER_MINUTE)
    if _failures.used(address, now) >= limit:
        raise _too_many("Too many failed attempts from this address.", now)


def failed(address: str) -> None:
    _failures.hit(address, time.monotonic())


def check_form(key: str, per_minute: int) -> None:
    """Counts one submission of a form; raises the 429 when it is one too many."""
    now = time.monotonic()
    if _forms.used(key, now) >= per_minute:
        raise _too_many(f"More than {per_minute} submissions of this form a minute.", now)
    _forms.hit(key, now)


def _too_many(what: str, now: float) -> Problem:
    wait = math.ceil(WINDOW_SECONDS - now % WINDOW_SECONDS)
    return Problem(429, f"{what} Wait {wait} seconds, then go on.", headers={"Retry-After": str(wait)})
