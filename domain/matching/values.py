"""What an hour of a person on a task is worth, and what an hour of a busy person costs (SEMANTICS G.1 and G.2)."""

from collections.abc import Mapping

from domain.matching.model import Person, Value, Weights, Work

PRIORITIES: dict[str, int] = {"low": 100, "medium": 250, "high": 500, "urgent": 1000}
DEFAULT_WEIGHTS = Weights()

_HORIZON_Q = 80 * 4  # slack of 80 working hours and more is no urgency
_AGE_CAP = 300
_STEPS = 10


def value_of(work: Work, person: Person, weights: Weights = DEFAULT_WEIGHTS) -> Value:
    """The value per hour, hard rules not considered. Raises KeyError for a priority that is none of PRIORITIES."""
    continuity, same = _continuity(work, person)
    return Value(
        priority=PRIORITIES[work.priority] * weights.priority // 1000,
        urgency=_urgency(work) * weights.urgency // 1000,
        skill=skill_match(work.required, person.skills) * weights.skill // 1000,
        continuity=continuity * weights.continuity // 1000,
        same=same,
    )


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
    capacity = max(1, person.capacity_q)
    steps = (
        min(_STEPS - 1, quarter * _STEPS // capacity) for quarter in range(person.booked_q, person.booked_q + hours_q)
    )
    return sum(highest * step // (_STEPS - 1) for step in steps)


def _urgency(work: Work) -> int:
    if work.slack_q is None:
        return min(_AGE_CAP, 10 * max(0, work.waiting_days))
    return min(1000, max(0, 1000 * (_HORIZON_Q - work.slack_q) // _HORIZON_Q))


def _continuity(work: Work, person: Person) -> tuple[int, str]:
    if work.contact_id is not None and work.contact_id in person.recent_contacts:
        return 1000, "contact"
    if work.group_key and work.group_key in person.recent_groups:
        return 500, "group"
    return 0, ""
