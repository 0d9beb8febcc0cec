"""Our reading of CEL agrees with the engine's, on expressions made by grammar and on arbitrary text."""

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.conditions import ConditionError
from domain.conditions.parser import parse
from domain.conditions.tree import show

VARIABLES = {
    "a": 3,
    "b": 2.5,
    "s": "Zoë \\ \"q\" 'x'",
    "t": True,
    "n": None,
    "list_of": [1, 2, 3],
    "m": {"k": 1, "deep": {"x": [1]}},
}
SPACE = st.sampled_from(["", " ", "\n", "\t ", " // note\n"])
NUMBERS = ["0", "7", "0x1F", "12u", "1.5", ".5", "1e3", "2E-2"]
TEXTS = ["''", '"a\\"b"', "'\\u00e9\\n'", "'''a\n'b'''", '"""q"q"""', 'r"\\d"', "R'\\'", '"\\U0001F600"', "'\\\\'"]
BYTES = ["b'ab'", 'b"\\x41\\101"', "'\\x41\\101'"]
LITERALS = st.sampled_from([*NUMBERS, *TEXTS, *BYTES, "true", "false", "null"])
NAMES = st.sampled_from([*VARIABLES, "_x1", "inner"])
ATOMS = LITERALS | NAMES


def _grown(inner):
    spaced = st.tuples(SPACE, inner, SPACE).map("".join)
    operators = st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", " in ", "+", "-", "*", "/", "%"])
    return st.one_of(
        spaced.map("({})".format),
        st.tuples(spaced, operators, spaced).map("".join),
        st.tuples(st.sampled_from(["!", "!!", "-", "--", "- "]), inner).map("".join),
        st.tuples(spaced, spaced, spaced).map(lambda parts: "{}?{}:{}".format(*parts)),
        st.lists(spaced, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.tuples(spaced, spaced).map(lambda pair: "{{{}:{}}}".format(*pair)),
        st.tuples(inner, st.sampled_from(["k", "deep", "x"])).map(".".join),
        st.tuples(inner, spaced).map(lambda pair: "{}[{}]".format(*pair)),
        spaced.map("size({})".format),
        st.tuples(inner, spaced).map(lambda pair: "({}).contains({})".format(*pair)),
        st.tuples(st.sampled_from(["all", "exists", "map", "filter"]), spaced).map(
            lambda pair: "list_of.{}(i, {})".format(*pair)
        ),
        st.tuples(NAMES, st.just("k")).map(lambda pair: "has({}.{})".format(*pair)),
    )


EXPRESSIONS = st.recursive(ATOMS, _grown, max_leaves=12)


def settled(value):
    """A value as text; the engine keeps no order in maps."""
    if isinstance(value, dict):
        return str(sorted((repr(key), settled(item)) for key, item in value.items()))
    return str([settled(item) for item in value]) if isinstance(value, list) else repr(value)


def outcome(source):
    try:
        return settled(cel.evaluate(source, VARIABLES))
    except Exception as error:
        return type(error).__name__


@settings(max_examples=600)
@given(EXPRESSIONS)
def test_what_the_engine_reads_we_read_and_write_back_with_the_same_meaning(source):
    try:
        cel.compile(source)
    except ValueError:
        with pytest.raises(ConditionError):
            parse(source)
        return
    tree = parse(source)
    assert parse(show(tree)) == tree
    assert show(parse(show(tree))) == show(tree)
    assert outcome(show(tree)) == outcome(source)


@settings(max_examples=300)
@given(st.text() | st.lists(st.sampled_from([*"()[]{}.,?:!-\"'\\ ", "&&", "||", "in", "a", "1", "has"])).map("".join))
def test_any_text_is_refused_or_read_as_the_engine_reads_it(source):
    try:
        tree = parse(source)
    except ConditionError:
        return
    cel.compile(source)
    cel.compile(show(tree))


@pytest.mark.parametrize("opening", ["(", "[", "f(", "a[", "{1:", "a?b:", "1+(", "a.b[", "[[1].size()+"])
def test_deep_nesting_is_refused_before_it_hurts(opening):
    with pytest.raises(ConditionError, match="nested"):
        parse(opening * 150)


@pytest.mark.parametrize("source", ["1" + "+1" * 999, "!" * 2000, "-" * 1999 + "1", "a" + ".b" * 900, "a" + "[0]" * 60])
def test_long_chains_are_refused(source):
    with pytest.raises(ConditionError, match="nested"):
        parse(source)


def test_a_long_list_of_parts_is_fine():
    assert len(parse(" && ".join(["a"] * 400)).parts) == 400
