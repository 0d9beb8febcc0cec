"""The shortest way between things that ask for others, and the sentence that names a circle."""

from collections.abc import Collection
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain import circles

Graph = dict[int, list[int]]
graphs = st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=4), max_size=8)
nodes = st.integers(0, 7)


def way(graph: Graph, start: int, end: int) -> list[int]:
    def follow(some: Collection[int]) -> list[tuple[int, int]]:
        return [(one, two) for one in some for two in graph.get(one, ())]

    return circles.way(start, end, follow)


def steps(graph: Graph, start: int, end: int) -> int | None:
    """The length of a shortest way: all ways of ever more steps."""
    reached = {start}
    for count in range(9):
        if end in reached:
            return count
        reached = {two for one in reached for two in graph.get(one, ())}
    return None


@given(graphs, nodes, nodes)
def test_a_way_is_a_way_and_none_is_shorter(graph: Graph, start: int, end: int) -> None:
    found, least = way(graph, start, end), steps(graph, start, end)
    if least is None:
        assert found == []
        return
    assert (found[0], found[-1], len(found) - 1) == (start, end, least)
    assert all(two in graph[one] for one, two in pairwise(found))


def test_the_sentence_names_each() -> None:
    assert circles.sentence(["SQL", "SQL"], "needs") == "SQL needs SQL: remove one."
    assert circles.sentence(["SQL", "Python", "SQL"], "needs") == "SQL needs Python, which needs SQL: remove one."
    assert circles.sentence(["A", "B", "C", "A"], "waits for") == (
        "A waits for B, which waits for C, which waits for A: remove one."
    )
