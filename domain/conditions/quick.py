"""Conditions that only compare fields with words and numbers, judged in a tenth of the engine's time.

Most rules ask for no more. Where anything is in doubt (a value absent or not of the expected kind, a long text) there
is no answer, and the engine judges: it alone says what such a condition means.
"""

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from domain.conditions.fields import Ref, Values, reference
from domain.conditions.tree import Binary, Listing, Literal, Logic, Node, Unary

Quick = Callable[[Values], bool | None]
"""True, false, or None: ask the engine."""

LONGEST: Final = 1_000
"""Characters of a text. Longer ones count towards what a condition may read, which the engine's side keeps."""

_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def quick(node: Node) -> Quick | None:
    """A function that judges the condition, or None where the engine is needed each time."""
    if isinstance(node, Logic):
        return _joined(node)
    if isinstance(node, Unary) and node.sign == "!":
        return _opposite(quick(node.operand))
    if isinstance(node, Binary):
        return _one_of(node) if node.sign == "in" else _compared(node)
    if isinstance(node, Literal) and isinstance(node.value, bool):
        return _always if node.value else _never
    ref = reference(node)
    return _yes(ref) if ref is not None and ref.kind == "bool" else None


def _always(_: Values) -> bool:
    return True


def _never(_: Values) -> bool:
    return False


def _joined(node: Logic) -> Quick | None:
    """All parts are judged: the engine refuses a value that is not of its kind wherever it stands."""
    found = [quick(part) for part in node.parts]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        return None
    decide = all if node.sign == "&&" else any

    def joined(values: Values) -> bool | None:
        said = [part(values) for part in parts]
        return None if None in said else decide(said)

    return joined


def _opposite(inner: Quick | None) -> Quick | None:
    if inner is None:
        return None

    def opposite(values: Values) -> bool | None:
        said = inner(values)
        return None if said is None else not said

    return opposite


def _yes(ref: Ref) -> Quick:
    read = ref.value

    def yes(values: Values) -> bool | None:
        value = read(values)
        return value if value is True or value is False else None

    return yes


def _one_of(node: Binary) -> Quick | None:
    ref, listed = reference(node.left), node.right
    if ref is None or ref.kind not in ("text", "any") or not isinstance(listed, Listing):
        return None
    words = [item.value for item in listed.items if isinstance(item, Literal) and isinstance(item.value, str)]
    return _word(ref, frozenset(words).__contains__) if words and len(words) == len(listed.items) else None


def _compared(node: Binary) -> Quick | None:
    """A field beside a literal, or a literal beside a field."""
    turned = _TURNED.get(node.sign, node.sign)
    return _against(node.left, node.sign, node.right) or _against(node.right, turned, node.left)


def _against(field: Node, sign: str, literal: Node) -> Quick | None:
    ref, known = reference(field), _literal(literal)
    if ref is None or known is None or sign not in _SIGNS:
        return None
    compare = _SIGNS[sign]
    if isinstance(known, str) and ref.kind in ("text", "any") and sign in ("==", "!="):
        return _word(ref, lambda value: compare(value, known))
    if isinstance(known, float) and ref.kind in ("number", "any"):
        return _number(ref, lambda value: compare(value, known))
    return None


def _literal(node: Node) -> str | float | None:
    if isinstance(node, Unary) and node.sign == "-":
        inner = _literal(node.operand)
        return -inner if isinstance(inner, float) else None
    if not isinstance(node, Literal) or isinstance(node.value, bool | bytes):
        return None
    return float(node.value) if isinstance(node.value, int) else node.value


def _word(ref: Ref, test: Callable[[str], bool]) -> Quick:
    read = ref.value

    def word(values: Values) -> bool | None:
        value = read(values)
        if type(value) is not str or len(value) > LONGEST or not value.isascii():
            return None
        return test(value)

    return word


def _number(ref: Ref, test: Callable[[float], bool]) -> Quick:
    read = ref.value

    def number(values: Values) -> bool | None:
        value = read(values)
        if type(value) not in (int, float, Decimal):
            return None
        try:
            size = float(value)  # type: ignore[arg-type]
        except (OverflowError, ValueError):
            return None
        return test(size) if math.isfinite(size) else None

    return number
