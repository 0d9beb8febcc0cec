"""What a night does for one team: reads what happened, learns from it, and writes what others read."""

from datetime import datetime
from typing import Any

from learning import (
    attempts,
    best_times,
    estimates,
    holdouts,
    lead_features,
    lead_models,
    lead_scores,
    reading,
    settings,
)
from learning.models import ScoreModel
from people.models import Team


def train_now(team: Team, *, now: datetime) -> ScoreModel:
    """A new version at once, from all that ended until now, by which the open leads are scored. Of a ledger that is too
    long for one reading, from as much as was read.
    """
    reading.read(team, now=now)
    lead_features.take_snapshots(team, now=now)
    made = lead_models.train(team, now=now, anyway=True)
    assert made is not None
    lead_scores.refresh(team, now=now)
    return made


def learn(team: Team, *, now: datetime) -> dict[str, Any]:
    """One night of a team; what it did. Done again, it finds less to do; with a ledger too long it says `finished`
    False, and goes on when asked again.
    """
    read = reading.read(team, now=now)
    if not read.finished:
        return {"finished": False, "attempts": read.attempts, "outcomes": read.outcomes}
    mine = settings.of(team.pk)
    done: dict[str, Any] = {"finished": True, "attempts": read.attempts, "outcomes": read.outcomes}
    done["forgotten"] = reading.forget_old(team, now=now)
    done["told_anew"] = attempts.tell_anew(team)
    if mine.times:
        done["times"] = best_times.fit(team, now=now)
        holdouts.count(team, now=now)
    if mine.scores:
        lead_features.take_snapshots(team, now=now)
        made = lead_models.train(team, now=now)
        scored = lead_scores.refresh(team, now=now)
        done["scores"] = {"model": made.version if made is not None else None, "leads": scored.leads}
    if mine.estimates:
        done["estimates"] = estimates.fit(team, now=now)
    return done
