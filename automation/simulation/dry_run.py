"""The rule over the records as they stand: what it would create, hold back or not match. Writes nothing."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from automation import rules, triggers
from automation.history import LedgerHistory
from automation.models import TaskAutomationRule
from automation.readiness import Ready
from automation.simulation.trial import Outcome, Result, Trial

MOST = 10_000
"""Records looked at; a larger count is said to be cut off."""
AT_ONCE = 1_000
"""As many are looked at before a request is answered: about a second's work, however many contacts there are."""
SECONDS = 30.0
"""No longer than this, for whoever waits and for others: a condition may be one that takes a second for each record."""
SAMPLES = 20


@dataclass
class DryRun:
    """Counts by outcome and reason, and the first samples of each outcome."""

    examined: int = 0
    cut_off: bool = False
    counts: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    samples: dict[Outcome, list[Result]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.counts[result.outcome] += 1
        if result.outcome != "create":
            self.reasons[result.reason] += 1
        if result.outcome == "out_of_scope":
            return  # somebody else's contacts are counted, not named
        kept = self.samples.setdefault(result.outcome, [])
        if len(kept) < SAMPLES:
            kept.append(result)


def dry_run(rule: TaskAutomationRule, *, now: datetime, most: int = MOST) -> DryRun:
    """Tries the rule, saved or not, active or not, on `most` records. Raises BadRule for one that cannot run.

    Each record is judged as the event it would be now, against what the rule has really done and against what it
    would already have made within this run.
    """
    ready = sound(rule)
    # A present status is one that has settled.
    trial = Trial(ready, done_after=None, ledger=LedgerHistory if rule.pk else None, settled=True)
    found, until = DryRun(), time.monotonic() + SECONDS
    for event in islice(triggers.matching(rule, now=now), most + 1):
        if found.examined == most or (found.examined and time.monotonic() > until):
            found.cut_off = True
            break
        found.examined += 1
        for result in trial.consider(event, now=now):
            found.add(result)
    return found


def sound(rule: TaskAutomationRule) -> Ready:
    """The rule ready to be tried. Raises BadRule with what is wrong."""
    rule.fill_in()
    errors = rules.check(rule)
    if errors:
        raise rules.BadRule(errors)
    return Ready(rule, rules.content_hash(rule))
