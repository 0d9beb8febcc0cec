"""How long work will take: a person's estimate set right by how earlier ones went, or, without one, by its kind alone.

What is learned are quantiles of ln(actual / estimate), level by level from the whole workspace to one person's tasks of
one kind, each level leaning on the wider one as far as its own tasks are few. An estimate is corrected, never replaced:
it knows more of a task than its kind and its person do. Hours are floats.
"""

import math
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

WORKSPACE, KIND, PERSON, PERSON_KIND = "workspace", "kind", "person", "person_kind"
KEPT = 80
"""So many of its latest tasks each level remembers."""
ENOUGH = 10
"""Completed tasks in the workspace below which estimates are left as they are."""

_SHARES = (0.1, 0.5, 0.9)
_ESTIMATED = (-0.7, 0.0, 0.7)  # before anything is known: from half to twice the estimate
_UNESTIMATED = (-1.5, 0.7, 2.5)  # ln hours
_ROOT, _OTHER = 5.0, 10.0  # so many tasks of a level weigh as much as the wider levels do
_TELLING = 0.05  # a correction below 5 % is none
_MISSED = 0.2  # of all tasks may lie outside the band
_STEP, _NARROWEST, _WIDEST = 0.03, 0.5, 3.0
_SUMMED, _OUTLYING = 1000, 20.0


class Level(NamedTuple):
    """One level of a chain: `logs` are ln(actual / estimate), or ln(hours), of its latest tasks, ascending."""

    name: str
    logs: Sequence[float]


class Basis(NamedTuple):
    """How many tasks a level had, and its weight in the forecast; what all lack to 1 is what was assumed beforehand."""

    level: str
    n: int
    weight: float


@dataclass(frozen=True)
class Forecast:
    """Hours that are not exceeded in 10, 50 and 90 % of the cases, and `mean`, which is the one to add up.

    `corrects` says that enough is known, and differs enough from the estimate, to be worth showing.
    """

    low: float
    middle: float
    high: float
    mean: float
    estimate: float | None
    corrects: bool
    basis: tuple[Basis, ...]

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self) | {"basis": [one._asdict() for one in self.basis]}

    def holds(self, hours: float) -> bool:
        return self.low <= hours <= self.high


@dataclass(frozen=True)
class Work:
    """A task as far as its length can be foreseen. `estimate` is a person's, in hours."""

    kind: str
    person: int | None = None
    estimate: float | None = None


@dataclass(frozen=True)
class Done:
    """A completed task and its `actual` hours; `begun_at` is when it was estimated, or created without an estimate."""

    work: Work
    actual: float
    begun_at: datetime
    completed_at: datetime


@dataclass(frozen=True)
class Bias:
    """What tasks took against their estimates: actual over estimate, not exceeded in 10, 50 and 90 % of the cases.

    `n` tasks tell of it, where they are few together with those of the whole workspace. Of `held` the hours lay in the
    band that was foreseen before they were begun, which is to be four of five.
    """

    n: int
    held: int
    low: float
    middle: float
    high: float

    @property
    def coverage(self) -> float:
        return self.held / self.n


@dataclass(frozen=True)
class Report:
    """The bias of a workspace, and in it of each kind of task and each person that had a task with an estimate."""

    workspace: Bias | None
    kinds: Mapping[str, Bias]
    people: Mapping[int, Bias]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Report":
        """From what `as_dict` made, also after it was JSON; from nothing, an empty one."""
        workspace = data.get("workspace")
        return cls(
            Bias(**workspace) if workspace else None,
            {kind: Bias(**one) for kind, one in data.get("kinds", {}).items()},
            {int(person): Bias(**one) for person, one in data.get("people", {}).items()},
        )


def forecast(
    chain: Sequence[Level], *, estimate: float | None = None, width: float = 1.0, scale: float = 1.0
) -> Forecast:
    """From the levels, widest first, a forecast; `width` stretches its band, `scale` makes its mean of the middle."""
    low, middle, high = _ESTIMATED if estimate is not None else _UNESTIMATED
    basis: list[Basis] = []
    for place, (name, logs) in enumerate(chain):
        n = len(logs)
        own = n / (n + (_OTHER if place else _ROOT))
        if n:
            low, middle, high = (
                own * _quantile(logs, share) + (1 - own) * wider
                for share, wider in zip(_SHARES, (low, middle, high), strict=True)
            )
        basis = [Basis(level, count, weight * (1 - own)) for level, count, weight in basis]
        basis.append(Basis(name, n, own))
    unit = 1.0 if estimate is None else estimate
    hours = unit * math.exp(middle)
    return Forecast(
        low=unit * math.exp(middle + width * (low - middle)),
        middle=hours,
        high=unit * math.exp(middle + width * (high - middle)),
        mean=scale * hours,
        estimate=estimate,
        corrects=bool(basis) and basis[0].n >= ENOUGH and (estimate is None or abs(middle) > _TELLING),
        basis=tuple(basis),
    )


def wider(width: float, *, missed: bool) -> float:
    """The width after one more task: it settles where one in five lies outside the band (adaptive conformal steps)."""
    return min(_WIDEST, max(_NARROWEST, width * math.exp(_STEP * (missed - _MISSED))))


def replay(done: Iterable[Done]) -> "History":
    """What is known after all these tasks. Each was foreseen from what had been completed before it was begun.

    A task without hours is left out; an estimate that was written when the work was done already counts as none.
    """
    tasks = [_honest(one) for one in done if one.actual > 0]
    moments = [(one.begun_at, 0, place) for place, one in enumerate(tasks)]
    moments += [(one.completed_at, 1, place) for place, one in enumerate(tasks)]
    history = History()
    foreseen: dict[int, tuple[Forecast, ...]] = {}
    for _, completed, place in sorted(moments):
        task = tasks[place]
        if completed:
            history.learn(task.work, task.actual, foreseen.pop(place))
        else:
            foreseen[place] = history.foresee(task.work)
    return history


def _honest(one: Done) -> Done:
    """Whatever was known when the work was done already is not known before."""
    known = one.begun_at < one.completed_at and (one.work.estimate or 0) > 0
    work = one.work if known else replace(one.work, estimate=None)
    return replace(one, work=work, begun_at=min(one.begun_at, one.completed_at))


class History:
    """What completed tasks taught so far, with estimates and without."""

    def __init__(self) -> None:
        self._forms = {True: _Form(), False: _Form()}

    def forecast(self, work: Work) -> Forecast:
        """Raises ValueError for an estimate that is not above 0: leave it out."""
        if work.estimate is not None and work.estimate <= 0:
            raise ValueError(f"An estimate of {work.estimate} hours says nothing: leave it out.")
        estimated = work.estimate is not None
        form = self._forms[estimated]
        chain = [Level(key[0], form.logs(key)) for key in _keys(work, estimated=estimated)]
        return forecast(chain, estimate=work.estimate, width=form.width, scale=form.scale)

    def spread(self, *, estimated: bool) -> tuple[float, float]:
        """Width and scale as `forecast` takes them, for work with an estimate or without."""
        form = self._forms[estimated]
        return form.width, form.scale

    def foresee(self, work: Work) -> tuple[Forecast, ...]:
        """With the estimate, if there is one, and as if there were none: how far either was off is for `learn`."""
        without = self.forecast(replace(work, estimate=None))
        return (without,) if work.estimate is None else (self.forecast(work), without)

    def learn(self, work: Work, actual: float, foreseen: Iterable[Forecast] = ()) -> None:
        """One more completed task of `actual` hours (above 0), and how it had been foreseen."""
        self._forms[False].remember(_keys(work, estimated=False), math.log(actual))
        if work.estimate is not None:
            self._forms[True].remember(_keys(work, estimated=True), math.log(actual / work.estimate))
        for one in foreseen:
            estimated = one.estimate is not None
            self._forms[estimated].judge(one, actual, _keys(work, estimated=estimated))

    def report(self) -> Report:
        """How estimates went, of all that was learned."""
        form = self._forms[True]
        whole = form.bias(_WHOLE)
        biases = {key: bias for key in form.judged() if (bias := form.bias(_WHOLE, key)) is not None}
        return Report(
            whole,
            {str(key[1]): bias for key, bias in biases.items() if key[0] == KIND},
            {key[1]: bias for key, bias in biases.items() if key[0] == PERSON and isinstance(key[1], int)},
        )


_Key = tuple[str, object, object]
_WHOLE: _Key = (WORKSPACE, None, None)


def _keys(work: Work, *, estimated: bool) -> list[_Key]:
    """The levels of a task, widest first; one that it does not have is not there."""
    keys: list[_Key] = [_WHOLE, (KIND, work.kind, None)]
    if estimated and work.person is not None:
        keys.append((PERSON, work.person, None))
    if work.person is not None:
        keys.append((PERSON_KIND, work.person, work.kind))
    return keys


@dataclass
class _Node:
    """The latest logs of one level, in the order they came and in their own."""

    recent: deque[float] = field(default_factory=deque)
    ordered: list[float] = field(default_factory=list)

    def remember(self, log: float) -> None:
        if len(self.recent) == KEPT:
            del self.ordered[bisect_left(self.ordered, self.recent.popleft())]
        self.recent.append(log)
        insort(self.ordered, log)


class _Form:
    """Either form's levels, the width of its band, and the sums that make a mean of its middle."""

    def __init__(self) -> None:
        self._nodes: dict[_Key, _Node] = {}
        self._judged: deque[tuple[float, float]] = deque()
        self._tried: Counter[_Key] = Counter()
        self._held: Counter[_Key] = Counter()
        self._needed = self._foreseen = 0.0
        self.width = 1.0

    @property
    def scale(self) -> float:
        """Hours that were needed over those foreseen, of the last 1,000 tasks; 1 while they are few."""
        return self._needed / self._foreseen if len(self._judged) >= ENOUGH else 1.0

    def logs(self, key: _Key) -> Sequence[float]:
        return self._nodes[key].ordered if key in self._nodes else ()

    def remember(self, keys: Iterable[_Key], log: float) -> None:
        for key in keys:
            self._nodes.setdefault(key, _Node()).remember(log)

    def judged(self) -> Iterable[_Key]:
        """The levels that had a task which had been foreseen."""
        return self._tried

    def bias(self, *keys: _Key) -> Bias | None:
        """Of the last of these levels, widest first; None where nothing was foreseen."""
        *_, last = keys
        if not self._tried[last]:
            return None
        told = forecast([Level(key[0], self.logs(key)) for key in keys], estimate=1.0, width=self.width)
        return Bias(self._tried[last], self._held[last], told.low, told.middle, told.high)

    def judge(self, foreseen: Forecast, actual: float, keys: Iterable[_Key]) -> None:
        """What lies further out than 20 times counts as 20 times, so that a slip of the pen does not move every sum."""
        held = foreseen.holds(actual)
        for key in keys:
            self._tried[key] += 1
            self._held[key] += held
        self.width = wider(self.width, missed=not held)
        needed = min(max(actual, foreseen.middle / _OUTLYING), foreseen.middle * _OUTLYING)
        self._judged.append((needed, foreseen.middle))
        self._needed += needed
        self._foreseen += foreseen.middle
        if len(self._judged) > _SUMMED:
            oldest = self._judged.popleft()
            self._needed -= oldest[0]
            self._foreseen -= oldest[1]


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest, as far as it lies (Hyndman and Fan's type 7)."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
