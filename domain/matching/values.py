"""What an hour of a person on a task is worth, and what an hour of a busy person costs (SEMANTICS G.1 and G.2)."""

from collections.abc import Mapping

from domain.matching.model import Person, Value, Weights, Work

PRIORITIES: dict[str, int] = {"low": 100, "medium": 250, "high": 500, "urgent": 1000}
DEFAULT_WEIGHTS = Weights()

_HORIZON_Q = 80 * 4  # slack of 80 working hours and more is no urgency
_AGE_CAP = 300
STEPS = 10


def value_of(work: Work, person: Person, weights: Weights = DEFAULT_WEIGHTS) -> Value:
    """The value per hour, hard rules not considered. Raises KeyError for a priority that is none of PRIORITIES."""
    continuity, same = continuity_of(work, person, weights)
    return Value(
        priority=_priority(work, weights),
        urgency=urgency(work.slack_q, work.waiting_days, weights),
        skill=skill_value(work.required, person, weights),
        continuity=continuity,
        same=same,
    )


def base_value(work: Work, weights: Weights) -> int:
    """The value per hour that is the same whoever does it."""
    return _priority(work, weights) + urgency(work.slack_q, work.waiting_days, weights)


def skill_value(required: tuple[tuple[int, int], ...], person: Person, weights: Weights) -> int:
    return skill_match(required, person.skills) * weights.skill // 1000


def continuity_of(work: Work, person: Person, weights: Weights) -> tuple[int, str]:
    """What it is worth that the person knows the matter, and what they know: "contact", "group" or nothing."""
    if work.contact_id is not None and work.contact_id in person.recent_contacts:
        return weights.continuity, "contact"
    if work.group_key and work.group_key in person.recent_groups:
        return weights.continuity // 2, "group"
    return 0, ""


def skill_match(required: tuple[tuple[int, int], ...], skills: Mapping[int, int]) -> int:
    """0 to 1000: the mean over the required (skill, least level) of min(1, (1 + level - min) / (6 - min)).

    Who just reaches the level gets a share, who has the highest gets all; a missing skill gives 0.
    Work that asks for nothing is fully matched (1000).
    """
    if not required:
        return 1000
    shares = [1000 * (1 + skills.get(skill, 0) - least) // max(1, 6 - least) for skill, least in required]
    return sum(min(1000, max(0, share)) for share in shares) // len(required)


def load_price(person: Person, hours_q: int, highest: int) -> int:
    """What `hours_q` more quarter hours of this person cost, in value per hour times quarter hours.

    Convex: each tenth of the week's capacity has its price per hour, rising evenly from 0 to `highest`.
    """
    steps = (step_of(person, quarter) for quarter in range(person.booked_q, person.booked_q + hours_q))
    return sum(highest * step // (STEPS - 1) for step in steps)


def step_of(person: Person, quarter: int) -> int:
    """Which tenth of the person's week a quarter hour of load falls into; beyond the week is the last."""
    return min(STEPS - 1, quarter * STEPS // max(1, person.capacity_q))


def highest_price(lowest: int, weights: Weights) -> int:
    """What an hour in the last tenth of a week costs at most, when the lowest value per hour is `lowest`.

    Below 0.9 of it, else the price would rather leave work undone than load somebody.
    """
    return max(0, min(weights.balance, (9 * lowest - 1) // 10))


def _priority(work: Work, weights: Weights) -> int:
    return PRIORITIES[work.priority] * weights.priority // 1000


def urgency(slack_q: int | None, waiting_days: int, weights: Weights) -> int:
    """The less time is left the more, 80 working hours being none; without a date a little more each waiting day."""
    if slack_q is None:
        share = min(_AGE_CAP, 10 * max(0, waiting_days))
    else:
        share = min(1000, max(0, 1000 * (_HORIZON_Q - slack_q) // _HORIZON_Q))
    return share * weights.urgency // 1000
