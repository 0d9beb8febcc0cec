"""Two transactions that wait for each other: the database stops one of them, and that one begins again."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

MOST_TRIES = 5
DEADLOCK = "40P01"
"""PostgreSQL's word for it."""


def begun_again(act: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Does it anew when it was the one that was stopped. It has to be one transaction, which left nothing behind."""

    @wraps(act)
    def tried(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        for _ in range(MOST_TRIES - 1):
            try:
                return act(*args, **kwargs)
            except OperationalError as fault:
                if getattr(fault.__cause__, "sqlstate", "") != DEADLOCK:
                    raise
        return act(*args, **kwargs)

    return tried
