"""How good and how costly what is learned is: on data that others published, in the order of time, and in CPU."""

import csv
import math
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks.costs import cpu_seconds
from domain.learning import best_time, estimates, lead_bands, lead_points, lead_priority, lead_score, sequential
from domain.learning.best_time import Attempt
from domain.learning.estimates import Work
from domain.learning.lead_points import Features, PointRule
from domain.learning.lead_priority import Open
from domain.learning.lead_score import Lead

PUBLISHED = os.environ.get("NEXTMOVE_BENCH_LEARNING", "")
"""A folder with SiP_Sip-task-info.csv and bank-full.csv; without it only costs are measured."""
RIVAL = find_spec("sklearn") is not None

DONE = {"FINISHED", "COMPLETED", "CHRONICLE", "RELEASED"}
LAG = 50  # tasks that are registered before one is taken to be completed, since the file has no dates
JUDGED = 0.7  # of the tasks, the later ones

NUMBERS = {"balance", "day", "campaign", "pdays", "previous"}
LEAK, OUTCOME, WINDOWS = "duration", "y", 5
POINTS = [
    PointRule("poutcome", 20, equals="success"),
    PointRule("poutcome", -3, equals="failure"),
    PointRule("previous", 5, at_least=1),
    PointRule("contact", 5, equals="cellular"),
    PointRule("housing", -5, equals="yes"),
    PointRule("loan", -5, equals="yes"),
    PointRule("default", -10, equals="yes"),
    PointRule("balance", 5, at_least=1000),
    PointRule("campaign", -5, at_least=4),
    PointRule("education", 3, equals="tertiary"),
    PointRule("job", 5, equals="student"),
    PointRule("job", 5, equals="retired"),
]
"""What somebody would give who has read the names of the fields and no outcome."""

LEADS, CONTACTS, ATTEMPTS, TIMES = 30_000, 2_000, 20_000, 2_000
BERLIN = ZoneInfo("Europe/Berlin")


def measure() -> Iterator[tuple[str, dict[str, float]]]:
    yield "learning: what it costs", dict(_costs())
    if PUBLISHED:
        yield "learning: estimates of SiP's tasks", _estimates(Path(PUBLISHED) / "SiP_Sip-task-info.csv")
        yield "learning: leads of a bank", _leads(Path(PUBLISHED) / "bank-full.csv")


def missing() -> list[str]:
    words = [] if PUBLISHED else ["learning on published data: name their folder in NEXTMOVE_BENCH_LEARNING"]
    return words if RIVAL else [*words, "lead scores beside gradient boosting: install scikit-learn"]


def _estimates(path: Path) -> dict[str, float]:
    """Each task of one developer is foreseen from those registered LAG before it; the later ones are judged."""
    with path.open(newline="", encoding="latin-1") as file:
        rows = list(csv.DictReader(file))
    shared = Counter(row["TaskNumber"] for row in rows)
    done = [(_work(row), float(row["HoursActual"])) for row in rows if _is_done(row) and shared[row["TaskNumber"]] == 1]
    history, waiting, judged = estimates.History(), deque[tuple[Work, float, tuple[estimates.Forecast, ...]]](), []
    for place, (work, actual) in enumerate(done):
        if len(waiting) == LAG:
            history.learn(*waiting.popleft())
        foreseen = history.foresee(work)
        waiting.append((work, actual, foreseen))
        if place >= (1 - JUDGED) * len(done):
            judged.append((foreseen, actual))
    ours, human, guessed, held = np.mean([_errors(foreseen, actual) for foreseen, actual in judged], axis=0).tolist()
    return {
        "tasks judged": len(judged),
        "error (mean |ln|), human": human,
        "error, corrected": ours,
        "error above the human's": ours - human,
        "error without an estimate": guessed,
        "80 % band holds": held,
        "sum of means / hours": sum(with_estimate.mean for (with_estimate, _), _ in judged)
        / sum(actual for _, actual in judged),
    }


def _is_done(row: dict[str, str]) -> bool:
    hours = [row["HoursEstimate"], row["HoursActual"]]
    return row["StatusCode"] in DONE and all(value not in ("", "NA") and float(value) > 0 for value in hours)


def _work(row: dict[str, str]) -> Work:
    return Work(row["SubCategory"], int(row["DeveloperID"]), float(row["HoursEstimate"]))


def _errors(foreseen: Sequence[estimates.Forecast], actual: float) -> tuple[float, float, float, bool]:
    corrected, guessed = foreseen
    assert corrected.estimate is not None
    hours = (corrected.middle, corrected.estimate, guessed.middle)
    ours, human, without = (abs(math.log(actual / one)) for one in hours)
    return ours, human, without, corrected.holds(actual)


def _leads(path: Path) -> dict[str, float]:
    """Six windows in the order of time: each but the first is scored by what the ones before it taught."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    won = np.array([row[OUTCOME] == "yes" for row in rows])
    leads = [_features(row) for row in rows]
    window = len(rows) // (WINDOWS + 1)
    ours, points, rivals = [], [], []
    for end in range(window, WINDOWS * window + 1, window):
        later = slice(end, end + window)
        model = lead_score.fit([Lead(*pair) for pair in zip(leads[:end], won[:end].tolist(), strict=True)], POINTS)
        heights = np.array([score.chance for score in lead_score.score(model, leads[later])])
        ours.append(lead_bands.auc(heights, won[later]))
        points.append(lead_bands.auc(sum(lead_points.points(leads[later], POINTS).values()), won[later]))
        if RIVAL:
            rivals.append(max(_boosted(leads, won, slice(since, end), later) for since in (0, end - window)))
    found = {"leads": len(rows), "AUC, points alone": float(np.mean(points)), "AUC, mean": float(np.mean(ours))}
    if RIVAL:
        found["AUC, gradient boosting"] = float(np.mean(rivals))
        found["AUC behind boosting"] = float(np.mean(rivals) - np.mean(ours))
    return found


def _features(row: dict[str, str]) -> Features:
    """Without traits of the person, which are refused, and without what was known only after the call."""
    return {
        name: float(value) if name in NUMBERS else value
        for name, value in row.items()
        if name not in (LEAK, OUTCOME) and not lead_points.is_personal(name)
    }


def _boosted(leads: Sequence[Features], won: NDArray[np.bool_], earlier: slice, later: slice) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier

    names = sorted(leads[0])
    columns = [[lead[name] for lead in leads] for name in names]
    table = np.column_stack([np.unique(column, return_inverse=True)[1] for column in columns])
    words = [name not in NUMBERS for name in names]
    rival = HistGradientBoostingClassifier(categorical_features=words, random_state=0)
    rival.fit(table[earlier], won[earlier])
    return lead_bands.auc(rival.predict_proba(table[later])[:, 1], won[later])


def _costs() -> Iterator[tuple[str, float]]:
    leads = _made_leads()
    model = lead_score.fit(leads, POINTS)
    features = [lead.features for lead in leads]
    open_leads = [
        Open(place, score.score, score.chance) for place, score in enumerate(lead_score.score(model, features))
    ]
    parts = {
        "fit": cpu_seconds(lambda: lead_score.fit(leads, POINTS)),
        "score": cpu_seconds(lambda: lead_score.score(model, features)),
        "rank": cpu_seconds(lambda: lead_priority.prioritise(open_leads, base_rate=model.base_rate)),
    }
    yield from ((f"{name} {LEADS:,} leads, CPU s", seconds) for name, seconds in parts.items())
    yield f"night of {LEADS:,} leads, CPU s", sum(parts.values())
    attempts = _made_attempts()
    profiles = best_time.fit(attempts)
    yield f"best times of {CONTACTS:,} contacts, CPU s", cpu_seconds(lambda: best_time.fit(attempts))
    yield "one best time, us", 1e6 * cpu_seconds(lambda: _serve(profiles)) / TIMES
    looks, alphas = tuple(day / 60 for day in range(1, 61)), iter((0.05, 0.04, 0.03))  # none that is known already
    yield "boundary of 60 looks, CPU s", cpu_seconds(lambda: sequential.boundary(looks, next(alphas)))


def _made_leads() -> list[Lead]:
    """As many fields as a team would have, half of them numbers."""
    chance = np.random.default_rng(1)
    words = {name: chance.choice(["a", "b", "c", "d", "e"], LEADS) for name in ("source", "sector", "job", "contact")}
    numbers = {
        name: chance.exponential(10, LEADS).round() for name in ("balance", "previous", "campaign", "engagement")
    }
    columns = {**words, **numbers, "housing": chance.choice(["yes", "no"], LEADS)}
    odds = -1.5 + 0.8 * (columns["source"] == "a") + 0.03 * columns["engagement"]
    won = chance.random(LEADS) < 1 / (1 + np.exp(-odds))
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [Lead(dict(zip(columns, row, strict=True)), true) for row, true in zip(rows, won.tolist(), strict=True)]


def _made_attempts() -> list[Attempt]:
    chance = np.random.default_rng(2)
    contact, hour = chance.integers(0, CONTACTS, ATTEMPTS), chance.integers(8, 18, ATTEMPTS)
    likes = 8 + contact % 10
    answered = chance.random(ATTEMPTS) < 0.15 + 0.4 * np.exp(-((hour - likes) ** 2) / 2)
    rows = zip(contact.tolist(), hour.tolist(), answered.tolist(), strict=True)
    return [Attempt(who, str(who % 4), at, who % 5, said, 30.0) for who, at, said in rows]


def _serve(profiles: best_time.Profiles) -> None:
    """Of each contact the hours of a day ahead in its zone, and the best of them."""
    start = datetime(2026, 6, 15, 9, 20, tzinfo=BERLIN)
    for contact in range(TIMES):
        best_time.choose(
            profiles.of(contact, str(contact % 4)),
            best_time.hours(start, start + timedelta(hours=24), BERLIN, allowed=_worked),
            usual=start,
            days=profiles.days,
            history=profiles.attempts,
            workspace=1,
            contact=contact,
            key=f"firing:{contact}",
        )


def _worked(at: datetime) -> bool:
    return 8 <= at.hour < 18
