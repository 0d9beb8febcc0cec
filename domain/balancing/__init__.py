"""Which tasks to hand over so that nobody has more work than hours: the fewest moves, and why there is none if stuck.

Work goes from people who have more of it than hours to people who have not, and to nobody whom a hard rule keeps off
(`domain.matching.rules`). So each move is right by itself, in whatever order or number they are applied.
"""

from collections.abc import Iterable, Mapping

from domain.balancing import search, telling
from domain.balancing.model import Load, Movable, Plan, Stuck, Suggestion
from domain.balancing.problem import Problem
from domain.balancing.telling import refusal

__all__ = ["Load", "Movable", "Plan", "Stuck", "Suggestion", "rebalance", "refusal"]


def rebalance(people: Iterable[Load], *, names: Mapping[int, str]) -> Plan:
    """The fewest moves that take the most overload away, and never overload anybody; `names` maps skill ids to names.

    The better of two simple plans, improved by a search over at most `search.NODES` partial plans. Same people, same
    plan, in any order.
    """
    problem = Problem(sorted(people, key=lambda load: load.id))
    found, proven = search.best(problem)
    return Plan(
        tuple(telling.suggestions(problem, found.moves)),
        tuple(telling.stuck(problem, found.moves, names)),
        proven,
    )
