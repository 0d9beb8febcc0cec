"""Two sides and a sign: comparisons, `in`, and arithmetic, with what may stand beside what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.conditions.catalogue import Field, near
from domain.conditions.code import Code, all_of
from domain.conditions.fields import KIND_WORDS
from domain.conditions.tree import Binary, Listing, Literal, Node, quoted, show

if TYPE_CHECKING:
    from domain.conditions.compiling import Compiler

EXAMPLES: Final = {"time": 'timestamp("2026-03-02T09:30:00Z")', "duration": 'duration("72h")'}
_ARITHMETIC: Final = {
    ("+", "text", "text"): "text",
    ("+", "list", "list"): "list",
    ("+", "time", "duration"): "time",
    ("+", "duration", "time"): "time",
    ("+", "duration", "duration"): "duration",
    ("-", "time", "time"): "duration",
    ("-", "time", "duration"): "time",
    ("-", "duration", "duration"): "duration",
} | {(sign, "number", "number"): "number" for sign in "+-*/%"}


def binary(compiler: Compiler, node: Binary) -> Code:
    """Code for two sides and their sign. Raises ConditionError for sides that do not go together."""
    left, right = compiler.codes((node.left, node.right))
    if node.sign in ("==", "!="):
        return _equality(compiler, node, left, right)
    if node.sign == "in":
        return _membership(compiler, node, left, right)
    if node.sign in ("<", "<=", ">", ">="):
        _comparable(compiler, node, left, right)
        for side, code in ((node.left, left), (node.right, right)):
            compiler.need(side, code, "number", "text", "time", "duration")
        return Code(all_of(left.present, right.present, f"({left.text} {node.sign} {right.text})"), "bool")
    return _arithmetic(compiler, node, left, right)


def absence(compiler: Compiler, node: Node, code: Code) -> str:
    """The engine's test for nothing being there: absent, or an empty text, list or map."""
    if code.kind == "bool":
        raise compiler.wrong(node, f"{show(node)} is yes or no and never empty: write {show(node)} or !{show(node)}")
    missing = f"!({code.present})" if code.present else ""
    empty = {"text": f'{code.text} == ""', "list": f"size({code.text}) == 0", "map": f"size({code.text}) == 0"}
    tests = [test for test in (missing, empty.get(code.kind, "")) if test]
    return f"({' || '.join(tests) or str(code.kind == 'null').lower()})"


def _equality(compiler: Compiler, node: Binary, left: Code, right: Code) -> Code:
    if "null" in (left.kind, right.kind):
        other, side = (right, node.right) if left.kind == "null" else (left, node.left)
        absent = absence(compiler, side, other)
        return Code(absent if node.sign == "==" else f"!{absent}", "bool")
    _comparable(compiler, node, left, right)
    return Code(f"({left.value} {node.sign} {right.value})", "bool")


def _comparable(compiler: Compiler, node: Binary, left: Code, right: Code) -> None:
    if "any" not in (left.kind, right.kind) and left.kind != right.kind:
        raise compiler.wrong(node, _mismatch(node, left, right))
    for code, other in ((left, right), (right, left)):
        if code.field and other.literal:
            _fits_choices(compiler, node, code.field, other.literal)


def _fits_choices(compiler: Compiler, node: Node, known: Field, literal: Literal) -> None:
    """Raises for a word that the field never has; the empty one stands for absent."""
    word = literal.value
    if known.choices and isinstance(word, str) and word and word not in known.choices:
        choices = ", ".join(known.choices)
        problem = f'{known.label.lower()} is never "{word}", but one of {choices}.{near(word, known.choices)}'
        raise compiler.wrong(node, problem)


def _membership(compiler: Compiler, node: Binary, left: Code, right: Code) -> Code:
    if right.kind == "text":
        better = f"{show(node.right)}.contains({show(node.left)})"
        raise compiler.wrong(node, f'"in" looks into lists: for a part of a text write {better}')
    compiler.need(node.right, right, "list", "map")
    element = {"list": right.element, "map": "text"}.get(right.kind, "any")
    if "any" not in (left.kind, element) and left.kind != element:
        told = f"{show(node.left)} is {KIND_WORDS[left.kind]}, and {show(node.right)} holds {KIND_WORDS[element]}"
        raise compiler.wrong(node, f"{told}: compare like with like")
    if left.field and isinstance(node.right, Listing):
        for item in node.right.items:
            if isinstance(item, Literal):
                _fits_choices(compiler, item, left.field, item)
    return Code(all_of(left.present, right.present, f"({left.text} in {right.text})"), "bool")


def _arithmetic(compiler: Compiler, node: Binary, left: Code, right: Code) -> Code:
    """A division by zero has no value, like a sum with something absent."""
    kind = _result(node.sign, left.kind, right.kind)
    if not kind:
        told = f"{show(node.left)} is {KIND_WORDS[left.kind]} and {show(node.right)} is {KIND_WORDS[right.kind]}"
        raise compiler.wrong(node, f"{told}: {node.sign} does not join them")
    present = all_of(left.present, right.present)
    if node.sign == "%":
        whole = f"int({right.text})"
        return Code(f"double(int({left.text}) % {whole})", kind, all_of(present, f"{whole} != 0"))
    if node.sign == "/":
        present = all_of(present, f"{right.text} != 0.0")
    return Code(f"({left.text} {node.sign} {right.text})", kind, present)


def _result(sign: str, left: str, right: str) -> str:
    """The kind that comes out; "any" if it depends on values yet unknown, "" if nothing can come out."""
    fitting = {
        kind
        for (known, first, second), kind in _ARITHMETIC.items()
        if known == sign and left in (first, "any") and right in (second, "any")
    }
    return "any" if len(fitting) > 1 else "".join(fitting)


def _mismatch(node: Binary, left: Code, right: Code) -> str:
    """What is wrong, and what to write instead where one side is a literal."""
    told = f"{show(node.left)} is {KIND_WORDS[left.kind]} and {show(node.right)} is {KIND_WORDS[right.kind]}"
    if not (left.literal or right.literal):
        return f"{told}: compare like with like"
    value, side, written = (right, node.right, node.left) if left.literal else (left, node.left, node.right)
    instead = {
        "text": f"compare it with a text in quotes, such as {quoted(show(written))}",
        "number": f"compare it with a number without quotes, such as {_as_number(written)}",
        "bool": f"write {show(side)} or !{show(side)}",
        "time": f"compare it with {EXAMPLES['time']}",
        "duration": f"compare it with {EXAMPLES['duration']}",
    }.get(value.kind, f"it cannot be compared with {show(written)}")
    return f"{show(side)} is {KIND_WORDS[value.kind]}: {instead}"


def _as_number(written: Node) -> str:
    text = str(written.value) if isinstance(written, Literal) else ""
    return text if text.removeprefix("-").replace(".", "", 1).isdecimal() else "80"
