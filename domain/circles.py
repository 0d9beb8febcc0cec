"""Things that ask for others, in a circle: found before it is closed, with the chain to name."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def way(start: Node, end: Node, follow: Callable[[Collection[Node]], Iterable[tuple[Node, Node]]]) -> list[Node]:
    """A shortest way from `start` to `end`, both included; empty when there is none.

    `follow` is asked once a step, for all that was reached by the last one: it answers pairs of one of these and what
    that asks for. Equally short ways are chosen between by the order of its answers.
    """
    came_from: dict[Node, Node] = {}
    reached, fresh = {start}, [start]
    while fresh and end not in reached:
        pairs = follow(fresh)
        fresh = []
        for node, asked in pairs:
            if asked not in reached:
                came_from[asked] = node
                reached.add(asked)
                fresh.append(asked)
    if end not in reached:
        return []
    found = [end]
    while found[-1] != start:
        found.append(came_from[found[-1]])
    return found[::-1]


def sentence(names: Sequence[str], verb: str) -> str:
    """The circle in words, `names` beginning and ending with the same: "A needs B, which needs A: remove one."""
    first, second, *others = names
    return f"{first} {verb} {second}" + "".join(f", which {verb} {name}" for name in others) + ": remove one."
