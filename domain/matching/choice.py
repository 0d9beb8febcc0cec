"""The two questions of matching: who should do this task, and which task should this person do next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from domain.matching.model import Candidate, Choice, Person, Rejection, TaskChoice, Value, Weights, Work
from domain.matching.rules import SKILL, may_have, refusal, rejection
from domain.matching.values import (
    DEFAULT_WEIGHTS,
    base_value,
    continuity_of,
    highest_price,
    load_price,
    skill_value,
    value_of,
)

NO_SKILLED_PERSON, NO_CAPACITY_BEFORE_DUE = "NO_SKILLED_PERSON", "NO_CAPACITY_BEFORE_DUE"
DEPENDENCY = "DEPENDENCY"
NOTHING_READY, NOTHING_FITS = "NOTHING_READY", "NOTHING_FITS"
_TOP = 3


def choose_person(
    work: Work, people: Iterable[Person], *, names: Mapping[int, str], weights: Weights = DEFAULT_WEIGHTS
) -> Choice:
    """The person for a task: the highest value less the price of their load; `names` maps skill ids to names.

    Ties go to the lower load afterwards, then the lower id, so the order of `people` does not matter.
    """
    able, rejected = [], []
    for person in sorted(people, key=lambda p: p.id):
        refused = rejection(work, person, names)
        if refused is None:
            able.append((person, value_of(work, person, weights)))
        else:
            rejected.append(refused)
    if not able:
        unskilled = all(refused.code == SKILL for refused in rejected)
        code = NO_SKILLED_PERSON if unskilled else NO_CAPACITY_BEFORE_DUE
        return Choice(code=code, rejected=tuple(rejected), work_id=work.id, late=work.late)
    highest = highest_price(min(value.total for _, value in able), weights)
    priced = [(person, value, load_price(person, work.hours_q, highest)) for person, value in able]
    priced.sort(key=lambda row: (row[2] - row[1].total * work.hours_q, row[0].load_with(work.hours_q), row[0].id))
    top = tuple(_candidate(work, person, value, price // work.hours_q) for person, value, price in priced[:_TOP])
    winner = top[0].person_id
    return Choice(code=None, top=top, rejected=tuple(rejected), work_id=work.id, person_id=winner, late=work.late)


def lates_marked(works: Sequence[Work], people: Sequence[Person]) -> list[Work]:
    """What nobody who may have it can do in time is given out all the same: late is better than never."""
    most: dict[tuple[object, ...], int] = {}
    marked = []
    for work in works:
        late = work.due is not None and work.overdue
        if work.due is not None and not late:
            key = work.required, work.due, work.excluded
            if key not in most:
                able = [person for person in people if may_have(work, person)]
                most[key] = max((person.free_for(work.due) for person in able), default=0)
            late = most[key] < work.hours_q
        marked.append(replace(work, late=True) if late else work)
    return marked


def choose_task(
    person: Person,
    works: Iterable[Work],
    others: Iterable[Person],
    *,
    names: Mapping[int, str],
    weights: Weights = DEFAULT_WEIGHTS,
) -> TaskChoice:
    """The task for a person: the highest value less half of what the best other available person makes of it.

    So nobody takes what another would do much better. Ties go to the earlier due date, the older task, the lower id.
    What is rejected is told of tasks that are worth as much as the three best.
    """
    rivals = _Rivals([other for other in others if other.id != person.id], weights)
    valued = [(value_of(work, person, weights), work) for work in works]
    best: list[tuple[int, Work, Value, int]] = []
    rejected: list[Rejection] = []
    # Highest own value first: no later task can win once even without rivals it would stay below the third.
    for value, work in sorted(valued, key=lambda pair: (-pair[0].total, pair[1].order)):
        if len(best) == _TOP and -best[-1][0] > 2 * value.total:
            break
        refused = rejection(work, person, names)
        if refused is not None:
            rejected.append(refused)
            continue
        rival = rivals.best(work)
        best.append((rival - 2 * value.total, work, value, rival // 2))
        best.sort(key=lambda row: (row[0], row[1].order))
        del best[_TOP:]
    if not best:
        code = NOTHING_FITS if rejected else NOTHING_READY
        return TaskChoice(code=code, rejected=tuple(rejected), person_id=person.id)
    top = tuple(_candidate(work, person, value, price) for _, work, value, price in best)
    return TaskChoice(code=None, top=top, rejected=tuple(rejected), person_id=person.id, work_id=top[0].work_id)


class _Rivals:
    """What others could make of a task: those with the skills, best matching first, so that few need to be asked."""

    def __init__(self, people: Iterable[Person], weights: Weights) -> None:
        self.people, self.weights = sorted(people, key=lambda person: person.id), weights
        self.skilled: dict[tuple[tuple[int, int], ...], list[tuple[int, Person]]] = {}

    def best(self, work: Work) -> int:
        """The highest value that anybody makes who may take the task; 0 when nobody may."""
        if work.required not in self.skilled:
            able = [person for person in self.people if refusal(work.required, person) is None]
            matched = [(skill_value(work.required, person, self.weights), person) for person in able]
            self.skilled[work.required] = sorted(matched, key=lambda pair: -pair[0])
        base, most = base_value(work, self.weights), 0
        for skill, person in self.skilled[work.required]:
            if base + skill + self.weights.continuity <= most:
                break
            value = base + skill + continuity_of(work, person, self.weights)[0]
            if value > most and rejection(work, person, {}) is None:
                most = value
        return most


def _candidate(work: Work, person: Person, value: Value, price: int) -> Candidate:
    return Candidate(
        person_id=person.id,
        work_id=work.id,
        value=value,
        price=price,
        load_before=percent(person.load_with(0)),
        load_after=percent(person.load_with(work.hours_q)),
        estimated=work.estimated,
    )


def percent(load: Fraction) -> int:
    """Whole percent, half up."""
    return int(load * 100 + Fraction(1, 2))
