"""A plan for a whole team at once: who gets what, how good that is at least, and the reasons of each decision."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from domain.matching import engine, rules
from domain.matching.choice import NO_CAPACITY_BEFORE_DUE, NO_SKILLED_PERSON, lates_marked, percent
from domain.matching.model import REJECTIONS_KEPT, Candidate, Choice, Person, Rejection, Weights, Work
from domain.matching.pairing import CANDIDATES, MOST_DUES, STICKINESS, Pairing, pair
from domain.matching.prices import SCALE
from domain.matching.problem import Ints
from domain.matching.standing import NOBODY
from domain.matching.values import DEFAULT_WEIGHTS, value_of

OUTRANKED = "OUTRANKED"
_TOP = 3


@dataclass(frozen=True)
class TeamPlan:
    """Decisions in the order of the works, and how good they are: no plan is worth more than `bound`.

    Values are per hour times quarter hours, less the price of load and less what moving held work costs; of what is
    kept, as the plan has nobody for it, they count nothing.
    """

    decisions: tuple[Choice, ...]
    value: int
    bound: int
    passes: int
    solver: str
    version: int
    fault: str

    @property
    def gap(self) -> float:
        """At most this share of the bound is missing."""
        return (self.bound - self.value) / self.bound if self.bound > self.value else 0.0


def plan(
    works: Sequence[Work],
    people: Sequence[Person],
    *,
    names: Mapping[int, str],
    weights: Weights = DEFAULT_WEIGHTS,
    prove: engine.Prove | None = None,
    effort: engine.Effort | None = None,
) -> TeamPlan:
    """Gives out all works at once; `names` maps skill ids to names. The order of works and people does not matter.

    Held work that the plan has nobody for is kept by its holder. Its hours are spoken for then, so the rest is planned
    again without them: else others would be given the hours of work that stays.
    """
    kept: list[Work] = []
    works = lates_marked(works, people)
    while True:
        pairing = pair(works, people, weights=weights)
        found = engine.solve(pairing.problem, prove=prove, effort=effort)
        owner = np.full(len(pairing.works), NOBODY)
        given = found.chosen != NOBODY
        owner[given] = pairing.problem.person[found.chosen[given]]
        value = found.value + _offer_to_all(pairing, owner, weights)
        ids = {person.id for person in people}
        left = [work for work, who in zip(pairing.works, owner, strict=True) if who == NOBODY and work.holder in ids]
        if not left:
            break
        kept += left
        stays = {work.id for work in left}
        works = [work for work in works if work.id not in stays]
        people = [_holding(person, [work for work in left if work.holder == person.id]) for person in people]
    bound = max(value, pairing.bound(found.prices, found.bound))
    explained = _Explained(pairing, owner, found.prices.hour, names, weights)
    decisions = {work.id: explained.decision(at) for at, work in enumerate(pairing.works)}
    decisions |= {work.id: _kept(work, people, weights) for work in kept}
    return TeamPlan(
        decisions=tuple(decisions[work.id] for work in sorted((*pairing.works, *kept), key=lambda work: work.order)),
        value=value - pairing.kept,
        bound=bound - pairing.kept,
        passes=found.passes,
        solver=found.solver,
        version=found.version,
        fault=found.fault,
    )


def _offer_to_all(pairing: Pairing, owner: Ints, weights: Weights) -> int:
    """Offers what is left over to everybody able, searched or not; what that adds to the value. Changes `owner`.

    Where dates were too many to be searched one by one, a few tasks at a time, so that each counts as due when it is.
    """
    left = [
        at
        for at, (work, early) in enumerate(zip(pairing.works, pairing.early.tolist(), strict=True))
        if owner[at] == NOBODY and (early or len(pairing.able[work.required].people) > CANDIDATES)
    ]
    if not pairing.early.any():
        return _offer(pairing, owner, left, weights)
    left.sort(key=lambda at: (-int(pairing.base[at]), at))
    parts = (left[start : start + MOST_DUES] for start in range(0, len(left), MOST_DUES))
    return sum(_offer(pairing, owner, part, weights) for part in parts)


def _offer(pairing: Pairing, owner: Ints, left: Sequence[int], weights: Weights) -> int:
    if not left:
        return 0
    remaining = [person for person in _remaining(pairing, owner) if person.free_q > 0]
    again = pair(
        [pairing.works[at] for at in left],
        remaining,
        weights=weights,
        searched=len(remaining),
        highest=int(pairing.problem.step_price[-1]),
    )
    found = engine.solve(again.problem, effort=engine.Effort(all_starts=False, looks=0, renewals=0))
    place = {person.id: at for at, person in enumerate(pairing.people)}
    position = {work.id: at for at, work in enumerate(pairing.works)}
    for at, edge in enumerate(found.chosen.tolist()):
        if edge != NOBODY:
            owner[position[again.works[at].id]] = place[again.people[again.problem.person[edge]].id]
    return found.value


def _holding(person: Person, works: Sequence[Work]) -> Person:
    """The person with the hours of these works spoken for."""
    if not works:
        return person
    dated = sorted((work.due, work.hours_q) for work in works if work.due is not None and not work.overdue)
    dues = [due for due, _ in dated]
    taken = [0, *accumulate(hours for _, hours in dated)]
    # What is due between two of the person's own dates counts from there on.
    dates = sorted({*dues, *(due for due, _ in person.free_by)}) if person.free_by else ()
    return replace(
        person,
        free_q=person.free_q - sum(work.hours_q for work in works),
        free_by=tuple((date, person.free_for(date) - taken[bisect_right(dues, date)]) for date in dates),
        may_take=None if person.may_take is None else max(0, person.may_take - len(works)),
        holding=person.holding + len(works),
    )


def _kept(work: Work, people: Sequence[Person], weights: Weights) -> Choice:
    """What stays with its holder, whose load it is part of already."""
    holder = next(person for person in people if person.id == work.holder)
    candidate = Candidate(
        person_id=holder.id,
        work_id=work.id,
        value=value_of(work, holder, weights),
        price=0,
        load_before=percent(holder.load_with(-work.hours_q)),
        load_after=percent(holder.load_with(0)),
        estimated=work.estimated,
    )
    return Choice(None, (candidate,), work_id=work.id, person_id=holder.id, late=work.late, kept=True)


def _remaining(pairing: Pairing, owner: Ints) -> list[Person]:
    """The people as they stand once the plan is carried out."""
    given: list[list[Work]] = [[] for _ in pairing.people]
    for at in np.flatnonzero(owner != NOBODY).tolist():
        given[owner[at]].append(pairing.works[at])
    return [_holding(person, works) for person, works in zip(pairing.people, given, strict=True)]


class _Explained:
    """Why each task went where it did: looks at the people before and after the plan."""

    def __init__(
        self, pairing: Pairing, owner: Ints, hour_price: Ints, names: Mapping[int, str], weights: Weights
    ) -> None:
        self.pairing, self.owner, self.hour_price = pairing, owner, hour_price
        self.names, self.weights = names, weights
        self.after = _remaining(pairing, owner)
        self.load = [0] * len(pairing.people)
        self.given: dict[int, list[int]] = {}
        for at, who in enumerate(owner.tolist()):
            if who != NOBODY:
                self.given.setdefault(who, []).append(at)

    def decision(self, at: int) -> Choice:
        """That of one task; to be asked in the order of the works, as loads are counted along."""
        work, who = self.pairing.works[at], int(self.owner[at])
        people = self._searched(at)
        fitting = [one for one in people if one != who and self._refused(work, one) is None]
        fitting.sort(key=lambda one: (self._price(at, one) - self._value(work, one), one))
        top = ([who] if who != NOBODY else []) + fitting
        shown = tuple(self._candidate(at, one) for one in top[:_TOP]) if who != NOBODY else ()
        rejected = self._rejections(work, set(top))
        more = max(0, len(self.pairing.people) - len(top) - len(rejected))
        if who == NOBODY:
            code, by = self._why_nobody(at, people)
            return Choice(code, (), rejected, more, work_id=work.id, outranked_by=by)
        self.load[who] += work.hours_q
        person_id = self.pairing.people[who].id
        return Choice(None, shown, rejected, more, work_id=work.id, person_id=person_id, late=work.late)

    def _searched(self, at: int) -> list[int]:
        problem = self.pairing.problem
        return problem.person[problem.first[at] : problem.first[at + 1]].tolist()

    def _refused(self, work: Work, one: int) -> Rejection | None:
        return rules.rejection(work, self.after[one], self.names)

    def _rejections(self, work: Work, standing: set[int]) -> tuple[Rejection, ...]:
        found: list[Rejection] = []
        for one in range(len(self.pairing.people)):
            if len(found) == REJECTIONS_KEPT:
                break
            if one not in standing and (refused := self._refused(work, one)) is not None:
                found.append(refused)
        return tuple(found)

    def _why_nobody(self, at: int, people: list[int]) -> tuple[str, tuple[int, ...]]:
        """The code, and the tasks that took the hours of the person who would have suited best."""
        work, team = self.pairing.works[at], self.pairing.people
        if all(rules.missing_skill(work.required, person.skills, self.names) for person in team):
            return NO_SKILLED_PERSON, ()
        could = [one for one in people if rules.rejection(work, team[one], self.names) is None]
        if not could:
            return NO_CAPACITY_BEFORE_DUE, ()
        best = min(could, key=lambda one: (self._price(at, one) - self._value(work, one), one))
        taken = sorted(self.given.get(best, ()), key=lambda other: (-int(self.pairing.base[other]), other))
        return OUTRANKED, tuple(self.pairing.works[other].id for other in taken[:_TOP])

    def _value(self, work: Work, one: int) -> int:
        return value_of(work, self.pairing.people[one], self.weights).total + STICKINESS * self._holds(work, one)

    def _holds(self, work: Work, one: int) -> bool:
        return work.holder == self.pairing.people[one].id

    def _price(self, at: int, one: int) -> int:
        """What an hour of the person is worth to other work, in value per hour."""
        return int(self.hour_price[one, self.pairing.problem.bucket[at]]) // SCALE

    def _candidate(self, at: int, one: int) -> Candidate:
        work, person = self.pairing.works[at], self.pairing.people[one]
        return Candidate(
            person_id=person.id,
            work_id=work.id,
            value=value_of(work, person, self.weights),
            price=self._price(at, one),
            load_before=percent(person.load_with(self.load[one])),
            load_after=percent(person.load_with(self.load[one] + work.hours_q)),
            estimated=work.estimated,
        )
