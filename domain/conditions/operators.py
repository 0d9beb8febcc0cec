"""The operators of condition rows: which kinds have them, their words, the value they take, the CEL they are."""

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from domain.conditions.tree import Binary, Call, Listing, Literal, Logic, Name, Node, Unary

Takes = typing.Literal["nothing", "text", "texts", "number", "numbers", "hours", "time"]
"""What stands in a row's value; `numbers` are a lowest and a highest, `hours` are above 0, `time` is RFC 3339 text."""


@dataclass(frozen=True)
class Operator:
    """One operator. `label` is for a list to choose from, `words` for a sentence, with places for field and value."""

    name: str
    label: str
    words: str
    takes: Takes
    build: Callable[[Node, tuple[Node, ...]], Node]
    """The CEL tree of a row, out of its field and its value's literals."""


def _compare(sign: str) -> Callable[[Node, tuple[Node, ...]], Node]:
    return lambda field, value: Binary(sign, field, value[0])


def _method(name: str) -> Callable[[Node, tuple[Node, ...]], Node]:
    return lambda field, value: Call(name, field, value[:1])


def _has(field: Node, _value: tuple[Node, ...]) -> Node:
    return Call("has", None, (field,))


def _has_not(field: Node, value: tuple[Node, ...]) -> Node:
    return Unary("!", _has(field, value))


def _ago(value: tuple[Node, ...]) -> Node:
    hours = value[0].value if isinstance(value[0], Literal) else 0
    return Binary("-", Name("now"), Call("duration", None, (Literal(f"{hours!r}h"),)))


def _within(field: Node, value: tuple[Node, ...]) -> Node:
    return Logic("&&", (Binary("<=", _ago(value), field), Binary("<=", field, Name("now"))))


def _between(field: Node, value: tuple[Node, ...]) -> Node:
    """Begins with the value, which tells it from the two rows at_least and at_most."""
    return Logic("&&", (Binary("<=", value[0], field), Binary("<=", field, value[1])))


def _moment(sign: str) -> Callable[[Node, tuple[Node, ...]], Node]:
    return lambda field, value: Binary(sign, field, Call("timestamp", None, value[:1]))


_EMPTY: Final = (
    Operator("is_empty", "is empty", "{field} is empty", "nothing", _has_not),
    Operator("is_not_empty", "is not empty", "{field} is not empty", "nothing", _has),
)
_TEXT: Final = (
    Operator("is", "is", "{field} is {value}", "text", _compare("==")),
    Operator("is_not", "is not", "{field} is not {value}", "text", _compare("!=")),
    Operator("contains", "contains", "{field} contains {value}", "text", _method("contains")),
    Operator("starts_with", "starts with", "{field} starts with {value}", "text", _method("startsWith")),
    Operator("ends_with", "ends with", "{field} ends with {value}", "text", _method("endsWith")),
    Operator(
        "is_one_of",
        "is one of",
        "{field} is {value}",
        "texts",
        lambda field, value: Binary("in", field, Listing(value)),
    ),
    *_EMPTY,
)
_NUMBER: Final = (
    Operator("equals", "equals", "{field} equals {value}", "number", _compare("==")),
    Operator("not_equals", "does not equal", "{field} does not equal {value}", "number", _compare("!=")),
    Operator("above", "is above", "{field} is above {value}", "number", _compare(">")),
    Operator("at_least", "is at least", "{field} is at least {value}", "number", _compare(">=")),
    Operator("below", "is below", "{field} is below {value}", "number", _compare("<")),
    Operator("at_most", "is at most", "{field} is at most {value}", "number", _compare("<=")),
    Operator("between", "is between", "{field} is between {value}", "numbers", _between),
)
_BOOL: Final = (
    Operator("is_true", "is yes", "{field} is yes", "nothing", lambda field, _: field),
    Operator("is_false", "is no", "{field} is no", "nothing", lambda field, _: Unary("!", field)),
)
_BOOL_IN_DATA: Final = (
    Operator("is_true", "is yes", "{field} is yes", "nothing", lambda f, _: Binary("==", f, Literal(True))),
    Operator("is_false", "is no", "{field} is no", "nothing", lambda f, _: Binary("==", f, Literal(False))),
)
_TIME: Final = (
    Operator("before", "is before", "{field} is before {value}", "time", _moment("<")),
    Operator("after", "is after", "{field} is after {value}", "time", _moment(">")),
    Operator(
        "within_last_hours", "is within the last hours", "{field} is within the last {value} hours", "hours", _within
    ),
    Operator(
        "older_than_hours",
        "is older than hours",
        "{field} is more than {value} hours ago",
        "hours",
        lambda field, value: Binary("<", field, _ago(value)),
    ),
    *_EMPTY,
)
_LIST: Final = (
    Operator(
        "includes", "includes", "{field} includes {value}", "text", lambda field, value: Binary("in", value[0], field)
    ),
    Operator(
        "excludes",
        "does not include",
        "{field} does not include {value}",
        "text",
        lambda field, value: Unary("!", Binary("in", value[0], field)),
    ),
)

OPERATORS: Final[dict[str, dict[str, Operator]]] = {
    kind: {operator.name: operator for operator in operators}
    for kind, operators in {
        "text": _TEXT,
        "number": _NUMBER,
        "bool": _BOOL,
        "time": _TIME,
        "list": _LIST,
        "any": (*_TEXT[:-2], *_NUMBER, *_BOOL_IN_DATA, *_LIST, *_EMPTY),
    }.items()
}
"""By kind, then by name, in the order of a form. `any` is a value below activity.data."""


def operators_for(kind: str) -> list[tuple[str, str]]:
    """(name, label) of each operator of a kind, in the order of a form; none for a kind that rows cannot compare."""
    return [(operator.name, operator.label) for operator in OPERATORS.get(kind, {}).values()]
