"""How likely a lead is won: an admin's points, and, once outcomes are enough, what they teach, joined by a small model.

The learned part is a scorecard: each field in a few levels, each level worth its log-odds above the usual rate (weights
of evidence, shrunken towards none). A logistic regression on two numbers, the scorecard's sum and the admin's points,
weighs one against the other; it has three coefficients, so tens of wins suffice. Everything a score is made of is a sum
over fields, so its reasons are its parts.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.learning import lead_points
from domain.learning.lead_points import Features, Floats, PointRule, Value

Ints = NDArray[np.int64]

RULES, LEARNED = "rules", "learned"
NEEDED = 30
"""Wins, and losses as well, that a team must have before anything is learned from them."""
LABELS = 5000
"""Only so many of the latest outcomes are learned from: older ones tell of another time."""
BANDS = 5

UNKNOWN, OTHER = "", "*"
_RARE = 10  # levels seen less often are one: alone each would mostly repeat its own outcomes
_LEVEL = 10.0  # K: outcomes at the usual rate that each level starts from
_RIDGE = 1 / 0.3
_STEPS, _SETTLED = 30, 1e-10
_MOST_ODDS = 30.0  # beyond it a chance is 0 or 1 to 13 digits
_FIFTHS = (0.2, 0.4, 0.6, 0.8)
_FROM_RULES = (20.0, 40.0, 60.0, 80.0)


@dataclass(frozen=True)
class Lead:
    """A lead whose outcome is known, as it was before: whatever was written later may tell the outcome."""

    features: Features
    won: bool


@dataclass(frozen=True)
class Card:
    """The worth of each level of one field in log-odds. Numbers lie in the levels "0" to "4" between `edges`."""

    field: str
    edges: tuple[float, ...]
    weights: Mapping[str, float]

    def evidence(self, leads: Sequence[Features]) -> Floats:
        """The worth of each lead's level; 0 for a level that was never seen."""
        other = self.weights.get(OTHER, 0.0)
        return np.array([self.weights.get(level, other) for level in self.levels(leads)])

    def levels(self, leads: Sequence[Features]) -> list[str]:
        values = [lead.get(self.field) for lead in leads]
        if not self.edges:
            return [UNKNOWN if value is None else str(value) for value in values]
        numbers = map(lead_points.number_of, values)
        return [UNKNOWN if number is None else str(bisect_left(self.edges, number)) for number in numbers]


@dataclass(frozen=True)
class Model:
    """What scores leads: the admin's rules alone, or (with `cards`) what was learned on top of them.

    The log-odds of a win are `intercept + card_factor * sum of cards + point_factor * (points - means)`. It knows `n`
    outcomes, `wins` of them; `edges` are the scores (0 to 100, unrounded) between the bands, the worst band first.
    """

    rules: tuple[PointRule, ...]
    n: int
    wins: int
    edges: tuple[float, ...] = _FROM_RULES
    cards: tuple[Card, ...] = ()
    intercept: float = 0.0
    card_factor: float = 0.0
    point_factor: float = 0.0
    means: Mapping[str, float] | None = None

    @property
    def kind(self) -> str:
        return RULES if self.means is None else LEARNED

    @property
    def base_rate(self) -> float | None:
        return self.wins / self.n if self.n else None

    def without(self, fields: Collection[str]) -> "Model":
        """The model with no word of these tags; every lead that has none of them is scored as before."""
        gone = sum(self.card_factor * card.weights.get("no", 0.0) for card in self.cards if card.field in fields)
        means = self.means
        if means is not None:
            gone -= sum(self.point_factor * mean for field, mean in means.items() if field in fields)
            means = {field: mean for field, mean in means.items() if field not in fields}
        return replace(
            self,
            rules=tuple(rule for rule in self.rules if rule.field not in fields),
            cards=tuple(card for card in self.cards if card.field not in fields),
            intercept=self.intercept + gone,
            means=means,
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Model":
        rules = tuple(PointRule(**rule) for rule in stored["rules"])
        cards = tuple(Card(**{**card, "edges": tuple(card["edges"])}) for card in stored["cards"])
        return cls(**{**stored, "rules": rules, "cards": cards, "edges": tuple(stored["edges"])})


class Reason(NamedTuple):
    """What one field added: log-odds of a learned score, points of one by rules."""

    field: str
    value: Value
    points: float


@dataclass(frozen=True)
class Score:
    """0 to 100; the chance of a win only when learned. `band` is 1 for the best fifth or so, 5 for the worst.

    `parts` are what each field adds: with the intercept the log-odds of the chance, or the points shown.
    """

    score: int
    chance: float | None
    band: int
    parts: Mapping[str, float]
    features: Features

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return tuple(Reason(field, self.features.get(field), part) for field, part in self.parts.items() if part)

    def telling(self, *, up: int = 3, down: int = 2) -> tuple[Reason, ...]:
        """The reasons that moved it most: so many upwards, strongest first, then so many downwards."""
        ordered = sorted(self.reasons, key=lambda reason: (-reason.points, reason.field))
        rising = [reason for reason in ordered if reason.points > 0]
        falling = [reason for reason in reversed(ordered) if reason.points < 0]
        return tuple(rising[:up] + falling[:down])


def fit(leads: Sequence[Lead], rules: Sequence[PointRule]) -> Model:
    """A model from outcomes, the oldest first: by rules alone below 30 wins or 30 losses.

    Raises ValueError for a personal trait among the fields or the rules.
    """
    leads = leads[-LABELS:]
    features = [lead.features for lead in leads]
    fields = sorted({field for each in features for field in each})
    _refuse_personal([*fields, *(rule.field for rule in rules)])
    won = np.array([lead.won for lead in leads], np.float64)
    n, wins = len(leads), int(won.sum())
    if min(wins, n - wins) < NEEDED:
        return Model(tuple(rules), n, wins)
    cards = tuple(_card(field, features, won) for field in fields)
    evidence = sum((card.evidence(features) for card in cards), np.zeros(n))
    by_field = lead_points.points(features, rules)
    points = np.sum(list(by_field.values()), axis=0)
    spread = float(points.std()) or 1.0
    joined = np.column_stack((evidence / 2, (points - points.mean()) / spread))
    intercept, by_card, by_points = _logistic(joined, won).tolist()
    chance = _chance(intercept + joined @ np.array([by_card, by_points]))
    return Model(
        rules=tuple(rules),
        n=n,
        wins=wins,
        edges=tuple(np.quantile(100 * chance, _FIFTHS).tolist()),
        cards=cards,
        intercept=intercept,
        card_factor=by_card / 2,
        point_factor=by_points / spread,
        means={field: float(points.mean()) for field, points in by_field.items()},
    )


def score(model: Model, leads: Sequence[Features]) -> list[Score]:
    """Everybody's score with all its reasons, in their order: of many at once, about ten microseconds each."""
    parts = _parts(model, leads)
    total = np.sum(list(parts.values()), axis=0)
    exact = np.clip(total, 0, 100) if model.means is None else 100 * _chance(model.intercept + total)
    rows = zip(*(part.tolist() for part in parts.values()), strict=True)
    return [
        Score(
            score=round(height),
            chance=None if model.means is None else height / 100,
            band=BANDS - bisect_left(model.edges, height),
            parts=dict(zip(parts, row, strict=True)),
            features=lead,
        )
        for lead, height, row in zip(leads, exact.tolist(), rows, strict=True)
    ]


def _parts(model: Model, leads: Sequence[Features]) -> dict[str, Floats]:
    """What each field adds to each lead: points, or log-odds."""
    points = lead_points.points(leads, model.rules)
    if model.means is None:
        return points
    parts = {field: model.point_factor * (points[field] - mean) for field, mean in model.means.items()}
    for card in model.cards:
        parts[card.field] = parts.get(card.field, 0.0) + model.card_factor * card.evidence(leads)
    return parts


def _refuse_personal(fields: Iterable[str]) -> None:
    personal = [field for field in fields if lead_points.is_personal(field)]
    if personal:
        raise ValueError(f"Personal traits are never scored: leave out {', '.join(personal)}.")


def _card(field: str, leads: Sequence[Features], won: Floats) -> Card:
    blank = Card(field, _edges([lead.get(field) for lead in leads]), {})
    levels = blank.levels(leads)
    if not blank.edges:
        often = Counter(levels)
        levels = [level if often[level] >= _RARE or level == UNKNOWN else OTHER for level in levels]
    names, codes = np.unique(levels, return_inverse=True)
    weights = dict(zip(names.tolist(), _evidence(codes, won).tolist(), strict=True))
    return replace(blank, weights={UNKNOWN: 0.0, **weights})


def _edges(values: Sequence[Value]) -> tuple[float, ...]:
    """Up to four numbers that part a field of numbers into fifths; none for words."""
    known = [value for value in values if value is not None]
    numbers = [number for value in known if (number := lead_points.number_of(value)) is not None]
    if not known or len(numbers) < len(known):
        return ()
    return tuple(np.unique(np.quantile(numbers, _FIFTHS)).tolist())


def _evidence(codes: Ints, won: Floats) -> Floats:
    """ln((s + K r) / (f + K (1 - r))) less the usual log-odds: s wins and f losses of a level, r the usual rate."""
    wins, rate = np.bincount(codes, won), won.mean()
    losses = np.bincount(codes) - wins
    odds: Floats = np.log((wins + _LEVEL * rate) / (losses + _LEVEL * (1 - rate))) - math.log(rate / (1 - rate))
    return odds


def _logistic(features: Floats, won: Floats) -> Floats:
    """Intercept and coefficients, these under a ridge, by Newton's method; the problem is strictly convex."""
    x = np.column_stack((np.ones(len(features)), features))
    ridge = np.diag([0.0] + [_RIDGE] * features.shape[1])
    found = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        chance = _chance(x @ found)
        slope = x.T @ (won - chance) - ridge @ found
        step = np.linalg.solve((x.T * (chance * (1 - chance))) @ x + ridge, slope)
        found += step
        if np.abs(step).max() < _SETTLED:
            break
    return found


def _chance(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(odds, -_MOST_ODDS, _MOST_ODDS)))
