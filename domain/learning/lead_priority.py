"""Which leads come first: by rank, since time is what is short, and steadily, since a list that jumps helps nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from domain.learning import drawing

URGENT, HIGH, MEDIUM, LOW = "urgent", "high", "medium", "low"
RANK, STEADY, UNLIKELY = "rank", "steady", "unlikely"
PRESSING, DRAWN, TODAY, BY_HAND = "pressing", "drawn", "today", "by_hand"

CAPACITY_SHARE = 0.2
"""Of the open leads so many can be looked after at once."""
_ORDER = (URGENT, HIGH, MEDIUM, LOW)
_NEXT_SHARE = 0.3  # of high, and of medium priority
_LIKELY = 1.5  # times the usual chance, below which nothing is urgent
_STEADY = 0.03  # of all leads: so far past its border a rank must be for the priority to change
_CHECKED = 0.05
_PASSING = (DRAWN, PRESSING, UNLIKELY)


@dataclass(frozen=True)
class Open:
    """An open lead. `chance` is None by rules alone; `priority` is what its last ranking said, None for a new one.

    `reason` is why it said so: a rank is held steady against another rank, not against what pressed or was drawn.
    `pressing`: a promise is overdue, or they wrote within the hour. `by_hand`: a person chose the priority.
    `changed_today`: a ranking has changed it today.
    """

    id: int
    score: int
    chance: float | None = None
    deal_value: float | None = None
    priority: str | None = None
    reason: str | None = None
    pressing: bool = False
    by_hand: bool = False
    changed_today: bool = False


@dataclass(frozen=True)
class Priority:
    """A priority and why; `rank` is the share of leads that are worth more, 0 for the first."""

    priority: str
    rank: float
    reason: str


def prioritise(
    leads: Sequence[Open], *, base_rate: float | None, capacity_share: float = CAPACITY_SHARE, salt: str = ""
) -> dict[int, Priority]:
    """The priority of each lead by its id. What a person chose stays.

    Urgent is the top `capacity_share`, if won 1.5 times as often as usual; high and medium are 30 % each. A rank must
    be 3 % of all leads past a border to change what was, and changes it once a day at most; only what presses is
    lifted to high at once. 5 % of what would come later are lifted to high by chance, the same for one `salt`:
    otherwise only what the score prefers would be tried, and it could not be checked.
    """
    values = _values(leads)
    ordered = sorted(leads, key=lambda lead: (-values[lead.id], lead.id))
    borders = _borders(capacity_share)
    return {
        lead.id: _priority(lead, place / len(ordered), borders, base_rate, salt) for place, lead in enumerate(ordered)
    }


def _values(leads: Sequence[Open]) -> dict[int, float]:
    """What each lead is worth by its id: chance times value; one without a value has the usual one."""
    known = [lead.deal_value for lead in leads if lead.deal_value is not None]
    usual = median(known) if known else 1.0
    return {
        lead.id: (lead.score / 100 if lead.chance is None else lead.chance)
        * (usual if lead.deal_value is None else lead.deal_value)
        for lead in leads
    }


def _borders(capacity_share: float) -> dict[str, tuple[float, float]]:
    """From which rank to which each priority reaches."""
    ends = [0.0, capacity_share, capacity_share + _NEXT_SHARE, capacity_share + 2 * _NEXT_SHARE, 1.0]
    return dict(zip(_ORDER, pairwise(min(end, 1.0) for end in ends), strict=True))


def _priority(
    lead: Open, rank: float, borders: dict[str, tuple[float, float]], base_rate: float | None, salt: str
) -> Priority:
    if lead.by_hand and lead.priority is not None:
        return Priority(lead.priority, rank, BY_HAND)
    priority, reason = _ranked(lead, rank, borders)
    if priority == URGENT and not _likely(lead, base_rate):
        priority, reason = HIGH, UNLIKELY
    if priority in (MEDIUM, LOW) and drawing.share("lead-check", salt, lead.id) < _CHECKED:
        priority, reason = HIGH, DRAWN
    if lead.changed_today and lead.priority is not None and priority != lead.priority:
        priority, reason = lead.priority, lead.reason if lead.reason in _PASSING else TODAY
    if lead.pressing and priority in (MEDIUM, LOW):
        priority, reason = HIGH, PRESSING
    return Priority(priority, rank, reason)


def _ranked(lead: Open, rank: float, borders: dict[str, tuple[float, float]]) -> tuple[str, str]:
    by_rank = next((name for name, (_, end) in borders.items() if rank < end), LOW)
    if lead.priority is not None and lead.priority != by_rank and lead.reason not in _PASSING:
        begins, ends = borders[lead.priority]
        if begins - _STEADY <= rank < ends + _STEADY:
            return lead.priority, STEADY
    return by_rank, RANK


def _likely(lead: Open, base_rate: float | None) -> bool:
    return lead.chance is None or base_rate is None or lead.chance >= _LIKELY * base_rate
