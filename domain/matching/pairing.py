"""From people and work to a problem of numbers: who may do what, what it is worth, and by when the hours are needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from domain.matching.model import Person, Weights, Work
from domain.matching.prices import SCALE, Prices
from domain.matching.problem import UNLIMITED, Ints, Mask, Problem, possible
from domain.matching.rules import refusal
from domain.matching.values import STEPS, base_value, continuity_of, highest_price, skill_value, step_of

CANDIDATES = 64
"""So many people of a task are searched; the bound holds for all of them, and what is left over is offered to all."""
_BEST = 16  # of these, those who match best; the others take turns, so that nobody is overlooked
STICKINESS = 100
"""In value per hour: what moving a task from who has it already must be worth."""
MOST_DUES = 60
_NEVER = -(1 << 62)

Required = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Able:
    """The people, by position, who have the skills that some work asks for and are there; what it is worth an hour."""

    people: Ints
    worth: Ints
    ranked: Ints
    place: Mapping[int, int]


@dataclass(frozen=True)
class Pairing:
    """A problem and what its positions mean: tasks are `works`, people `people`, both in a total order.

    `base` is the value per hour of each task whoever does it. `dues` are the ends of the buckets but the last, which
    holds all the hours there are. Of very many dates only some are kept: a task is then searched as due by the bucket
    before its own (`problem.bucket`), and `until` is the first that ends no earlier than it is due. `kept` is what
    leaving all held work with its holders would add to the value.
    """

    problem: Problem
    works: tuple[Work, ...]
    people: tuple[Person, ...]
    able: Mapping[Required, Able]
    base: Ints
    dues: tuple[datetime, ...]
    until: Ints
    kept: int

    @property
    def early(self) -> Mask:
        """Which tasks are searched as due before they are."""
        return self.until != self.problem.bucket

    def bound(self, prices: Prices, found: int) -> int:
        """A value that no plan exceeds, whoever of the able takes the tasks and however late they may be done.

        `found` is that of the pairs and buckets searched: it holds when these are all there are.
        """
        all_searched = all(len(able.people) <= CANDIDATES for able in self.able.values())
        if all_searched and not self.early.any():
            return found
        best, of_all = self._best_searched(prices), _BestOfAll(self.problem, prices)
        for at, work in enumerate(self.works):
            able = self.able[work.required]
            if len(able.people) > CANDIDATES:
                above = of_all.above(able, work)[self.until[at]]
                best[at] = max(best[at], work.hours_q * SCALE * max(1, int(self.base[at])) + int(above))
        return (prices.of_limits(self.problem) + int(best.sum())) // SCALE

    def _best_searched(self, prices: Prices) -> Ints:
        """What the best pair of each task gains above its person's price, in thousandths; not below nothing."""
        exact = replace(self.problem, bucket=self.until)
        fitting, edges = possible(exact)
        reduced = prices.reduced(exact)[edges]
        best = np.zeros(exact.tasks, dtype=np.int64)
        having = np.flatnonzero(np.diff(fitting.first) > 0)
        if len(having):
            best[having] = np.maximum(0, np.maximum.reduceat(reduced, fitting.first[having]))
        return best


class _BestOfAll:
    """What skill is worth above the price of whoever suits best, of all the able who could ever fit it in."""

    def __init__(self, problem: Problem, prices: Prices) -> None:
        self.problem, self.prices = problem, prices
        self.known: dict[tuple[Required, int], Ints] = {}

    def above(self, able: "Able", work: Work) -> Ints:
        """By bucket, in thousandths; very low where nobody has the hours."""
        key = work.required, work.hours_q
        if key not in self.known:
            people, hours = able.people, work.hours_q
            worth = hours * (SCALE * able.worth[:, None] - self.prices.hour[people]) - self.prices.task[people][:, None]
            fits = (hours <= self.problem.room[people]) & (self.problem.most[people] > 0)[:, None]
            self.known[key] = np.where(fits, worth, _NEVER).max(axis=0)
        return self.known[key]


def pair(
    works: Sequence[Work],
    people: Sequence[Person],
    *,
    weights: Weights,
    searched: int = CANDIDATES,
    highest: int | None = None,
) -> Pairing:
    """The problem of giving these works to these people; the order in which they come does not matter.

    `highest` is the price of an hour in the last tenth of a week, when it is not to be found from the works.
    """
    team = tuple(sorted(people, key=lambda person: person.id))
    tasks = tuple(sorted(works, key=lambda work: work.order))
    able = {required: _able(required, team, weights) for required in sorted({work.required for work in tasks})}
    base = np.array([base_value(work, weights) for work in tasks], dtype=np.int64)
    pairs = _Pairs(team, able, weights, searched)
    found = [pairs.of(work) for work in tasks]
    counts = np.array([len(who) for who, _ in found], dtype=np.int64)
    nothing = np.zeros(0, np.int64)
    person = np.concatenate([nothing, *(who for who, _ in found)])
    worth = np.concatenate([nothing, *(value for _, value in found)])
    task = np.repeat(np.arange(len(tasks)), counts)
    hours = np.array([work.hours_q for work in tasks], dtype=np.int64)[task]
    place = {one.id: at for at, one in enumerate(team)}
    holder = np.array([place.get(work.holder or 0, -1) for work in tasks], dtype=np.int64)
    # By some weights work is worth nothing, and is to be done all the same.
    per_hour = np.maximum(1, base[task] + worth)
    dues, bucket, until = _buckets(tasks, team)
    room = np.array([[*(one.free_for(due) for due in dues), one.free_q] for one in team], dtype=np.int64)
    if highest is None:
        offers = [
            base[at] + int(able[work.required].worth.min())
            for at, work in enumerate(tasks)
            if len(able[work.required].people) > searched
        ]
        lowest = min([*per_hour.tolist(), *offers], default=0)
        highest = highest_price(int(lowest), weights)
    problem = Problem(
        first=np.concatenate(([0], np.cumsum(counts))),
        person=person,
        gain=hours * (per_hour + STICKINESS * (holder[task] == person)),
        hours=hours,
        bucket=bucket,
        room=room.reshape(len(team), len(dues) + 1),
        most=np.array([UNLIMITED if one.may_take is None else max(0, one.may_take) for one in team], dtype=np.int64),
        step_width=_steps(team),
        step_price=np.array([highest * step // (STEPS - 1) for step in range(STEPS)], dtype=np.int64),
    )
    kept = sum(STICKINESS * work.hours_q for work, at in zip(tasks, holder, strict=True) if at >= 0)
    return Pairing(problem, tasks, team, able, base, dues, until, kept)


def _able(required: Required, team: Sequence[Person], weights: Weights) -> Able:
    who = [at for at, person in enumerate(team) if refusal(required, person) is None]
    worth = np.array([skill_value(required, team[at], weights) for at in who], dtype=np.int64)
    return Able(
        people=np.array(who, dtype=np.int64),
        worth=worth,
        ranked=np.argsort(-worth, kind="stable"),
        place={at: index for index, at in enumerate(who)},
    )


class _Pairs:
    """Who is searched for each work, and what skill and continuity are worth an hour with each of them."""

    def __init__(self, team: Sequence[Person], able: Mapping[Required, Able], weights: Weights, most: int) -> None:
        self.team, self.able, self.weights, self.most = team, able, weights, most
        self.turn = dict.fromkeys(able, 0)
        self.by_contact: dict[int, list[int]] = {}
        self.by_group: dict[str, list[int]] = {}
        self.by_id = {person.id: at for at, person in enumerate(team)}
        for at, person in enumerate(team):
            for contact in person.recent_contacts:
                self.by_contact.setdefault(contact, []).append(at)
            for group in person.recent_groups:
                self.by_group.setdefault(group, []).append(at)

    def of(self, work: Work) -> tuple[Ints, Ints]:
        able = self.able[work.required]
        known = [at for at in self._known(work) if at in able.place]
        chosen = np.arange(len(able.people))
        if len(chosen) > self.most:
            chosen = self._some(work, able, [able.place[at] for at in known])
        worth = able.worth[chosen]
        if known:
            where = np.searchsorted(chosen, [able.place[at] for at in known])
            worth[where] += [continuity_of(work, self.team[at], self.weights)[0] for at in known]
        people = able.people[chosen]
        if work.excluded:
            stays = np.array([self.team[at].id not in work.excluded for at in people.tolist()], dtype=bool)
            people, worth = people[stays], worth[stays]
        return people, worth

    def _known(self, work: Work) -> list[int]:
        contact = self.by_contact.get(work.contact_id, ()) if work.contact_id is not None else ()
        group = self.by_group.get(work.group_key, ()) if work.group_key else ()
        return sorted({*contact, *group})

    def _some(self, work: Work, able: Able, known: list[int]) -> Ints:
        """Those who match best, a stretch of the others that moves on with each task, and whoever knows the matter."""
        others = len(able.ranked) - _BEST
        start = self.turn[work.required] % others
        self.turn[work.required] += CANDIDATES - _BEST
        stretch = _BEST + (start + np.arange(CANDIDATES - _BEST)) % others
        holder = able.place.get(self.by_id.get(work.holder or 0, -1))
        also = known if holder is None else [*known, holder]
        return np.unique(np.concatenate((able.ranked[:_BEST], able.ranked[stretch], np.array(also, dtype=np.int64))))


def _buckets(tasks: Sequence[Work], team: Sequence[Person]) -> tuple[tuple[datetime, ...], Ints, Ints]:
    """The due dates that limit; the bucket of each task; and the first that ends no earlier than the task is due.

    What is overdue or has no date needs its hours some time. Dates between which nobody gains an hour are one, the
    last of them. Of those that are left in very great number only some are kept, and a task then counts as due at the
    one before its own: never too late.
    """
    dues = sorted({work.due for work in tasks if work.due is not None and not work.overdue})
    if not dues or not team:
        nothing = np.zeros(len(tasks), dtype=np.int64)
        return (), nothing, nothing
    room = np.maximum(0, [[*(one.free_for(due) for due in dues), one.free_q] for one in team])
    limiting = (room[:, 1:] != room[:, :-1]).any(axis=0)
    place = dict(zip(dues, (np.cumsum(limiting) - limiting).tolist(), strict=True))
    ends = [due for due, limits in zip(dues, limiting.tolist(), strict=True) if limits]
    step = max(1, -(-len(ends) // MOST_DUES))
    kept = ends[::step]
    last = len(kept)
    places = [len(ends) if work.due is None or work.overdue else place[work.due] for work in tasks]
    bucket = [last if at == len(ends) else at // step for at in places]
    until = [last if at == len(ends) else -(-at // step) for at in places]
    return tuple(kept), np.array(bucket, dtype=np.int64), np.array(until, dtype=np.int64)


def _steps(team: Sequence[Person]) -> Ints:
    """The hours each person has left on each tenth of their week; a week without capacity has the room it is given."""
    width = np.zeros((len(team), STEPS), dtype=np.int64)
    for at, person in enumerate(team):
        for quarter in range(person.booked_q, person.booked_q + max(0, person.free_q)):
            width[at, step_of(person, quarter)] += 1
    return width
