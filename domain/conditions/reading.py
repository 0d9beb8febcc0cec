"""CEL back to rows, where rows can say the same."""

from domain.conditions.errors import ConditionError
from domain.conditions.fields import Ref, reference
from domain.conditions.operators import OPERATORS, Operator
from domain.conditions.parser import parse
from domain.conditions.rows import MAX_ROWS, Row, Rows, row_tree
from domain.conditions.tree import Literal, Logic, Node, children, show


def to_rows(source: str) -> Rows | None:
    """The rows that say what `source` says, or None where rows cannot. Raises ConditionError if it is no CEL."""
    if not source.strip():
        return Rows()
    tree = parse(source)
    whole = _row(tree)
    if whole is not None:
        return Rows("all", (whole,))
    if not isinstance(tree, Logic):
        return None
    rows = _rows_of(tree)
    return Rows("all" if tree.sign == "&&" else "any", rows) if rows and len(rows) <= MAX_ROWS else None


def _rows_of(tree: Logic) -> tuple[Row, ...]:
    """A row for each part, or for two neighbours that are one (between, within_last_hours); none if any has no row."""
    rows: list[Row] = []
    left = list(tree.parts)
    while left:
        pair = _row(Logic("&&", tuple(left[:2]))) if tree.sign == "&&" and len(left) > 1 else None
        row = pair or _row(left[0])
        if row is None:
            return ()
        rows.append(row)
        del left[: 2 if pair else 1]
    return tuple(rows)


def _row(tree: Node) -> Row | None:
    """The row whose tree this is: every operator of the one field it reads is tried with the literals found in it."""
    try:
        refs, literals = _read(tree)
    except ConditionError:
        return None
    if not refs or any(ref != refs[0] for ref in refs):
        return None
    text = show(tree)
    name = ".".join([refs[0].name, *map(str, refs[0].path)])
    for operator in OPERATORS.get(refs[0].kind, {}).values():
        row = Row(name, operator.name, _guess(operator, literals))
        try:
            if show(row_tree(row)) == text:
                return row
        except ConditionError:
            continue  # the literals do not fit this operator
    return None


def _read(tree: Node) -> tuple[list[Ref], list[object]]:
    """The fields and the literals in a tree, in reading order. Raises ConditionError for an unknown field."""
    ref = reference(tree)
    if ref is not None:
        return [ref], []
    if isinstance(tree, Literal):
        return [], [tree.value]
    below = [_read(child) for child in children(tree)]
    return [ref for refs, _ in below for ref in refs], [literal for _, found in below for literal in found]


def _guess(operator: Operator, literals: list[object]) -> object:
    """The row value that these literals can stand for."""
    if operator.takes == "nothing" or not literals:
        return None
    if operator.takes in ("texts", "numbers"):
        return tuple(literals)
    return _hours(literals[0]) if operator.takes == "hours" else literals[0]


def _hours(text: object) -> object:
    number = str(text).removesuffix("h")
    try:
        return int(number) if number.isdecimal() else float(number)
    except ValueError:
        return None
