"""How well scores did: what was observed in each band, and a model judged by outcomes that came after it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain import intervals
from domain.learning import lead_score
from domain.learning.lead_points import Floats, PointRule
from domain.learning.lead_score import BANDS, LABELS, LEARNED, Lead

_OUTSIDE = 0.05  # on either side of an interval, which holds 90 %
_JEFFREYS = 0.5
_EARLIER = 0.8  # of the outcomes; the later ones judge what these taught


@dataclass(frozen=True)
class Band:
    """Of `n` leads of this band `wins` were won. `rate` and the ends of its 90 % interval are None without any."""

    band: int
    n: int
    wins: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Check:
    """A model on leads it had not seen. `auc` is the chance that of a win and a loss the win scored higher.

    `brier` is the mean squared error of its chances, None for one that gives none.
    """

    n: int
    wins: int
    auc: float
    brier: float | None
    bands: tuple[Band, ...]


def observe(outcomes: Iterable[tuple[int, bool]]) -> tuple[Band, ...]:
    """All bands, the best first, from pairs of a lead's band when it was scored and whether it was won.

    Intervals are those of Jeffreys: the beta distribution with half a win and half a loss more.
    """
    seen = Counter(outcomes)
    counts = [(band, seen[band, True], seen[band, False]) for band in range(1, BANDS + 1)]
    ends = intervals.central([(wins + _JEFFREYS, losses + _JEFFREYS) for _, wins, losses in counts], outside=_OUTSIDE)
    return tuple(
        Band(band, wins + losses, wins, wins / (wins + losses), low, high) if wins + losses else Band(band, 0, 0)
        for (band, wins, losses), (low, high) in zip(counts, ends, strict=True)
    )


def check(leads: Sequence[Lead], rules: Sequence[PointRule]) -> Check | None:
    """A model of the earlier four fifths of the latest outcomes, judged by the others; the oldest come first.

    None when the later ones are not of both kinds, so that nothing can be said.
    """
    leads = leads[-LABELS:]
    border = int(_EARLIER * len(leads))
    later = leads[border:]
    model = lead_score.fit(leads[:border], rules)
    scores = lead_score.score(model, [lead.features for lead in later])
    won = np.array([lead.won for lead in later], bool)
    if won.all() or not won.any():
        return None
    heights = np.array([score.score / 100 if score.chance is None else score.chance for score in scores])
    return Check(
        n=len(later),
        wins=int(won.sum()),
        auc=auc(heights, won),
        brier=float(((heights - won) ** 2).mean()) if model.kind == LEARNED else None,
        bands=observe((score.band, lead.won) for score, lead in zip(scores, later, strict=True)),
    )


def auc(heights: Floats, won: NDArray[np.bool_]) -> float:
    """The area under the ROC curve, by ranks (Mann and Whitney's U); equals count half. Both kinds are there."""
    _, place, counts = np.unique(heights, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    wins = int(won.sum())
    return float((ranks[won].sum() - wins * (wins + 1) / 2) / (wins * (len(won) - wins)))
