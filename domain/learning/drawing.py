"""Chance that can be told again: the same names draw the same number in every process, now and after a replay."""

import hashlib
from collections.abc import Sequence
from itertools import accumulate

_RANGE = float(2**53)  # what a float holds without rounding, so that a share is always below 1


def share(*names: object) -> float:
    """A number from 0 to below 1, uniform over names. Names are told apart by their text and their order."""
    digest = hashlib.sha256("|".join(map(str, names)).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / _RANGE


def pick(weights: Sequence[float], *names: object) -> int:
    """The index that these names draw, each as often as its weight says. At least one weight is above 0."""
    until = list(accumulate(weights))
    drawn = share(*names) * until[-1]
    return next((index for index, end in enumerate(until) if drawn < end), len(until) - 1)
