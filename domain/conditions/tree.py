"""A condition as a small tree, and the tree as CEL text. What its names mean is told in `compiling`."""

import re
from dataclasses import dataclass, field
from typing import Final

from domain.conditions.lexer import RESERVED

LEVELS: Final = (("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
"""The signs of two sides, from loosest to tightest."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Node:
    """Part of a condition. Two are equal when they say the same, wherever they stand (`at`, from 0)."""

    at: int = field(default=0, compare=False, kw_only=True)


@dataclass(frozen=True)
class Literal(Node):
    value: bool | int | float | str | bytes | None
    unsigned: bool = False


@dataclass(frozen=True)
class Name(Node):
    name: str


@dataclass(frozen=True)
class Select(Node):
    operand: Node
    name: str


@dataclass(frozen=True)
class Index(Node):
    operand: Node
    key: Node


@dataclass(frozen=True)
class Call(Node):
    name: str
    target: Node | None
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Unary(Node):
    sign: str
    operand: Node


@dataclass(frozen=True)
class Binary(Node):
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Logic(Node):
    """`&&` or `||` over two parts or more."""

    sign: str
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice(Node):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True)
class Listing(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Mapped(Node):
    pairs: tuple[tuple[Node, Node], ...]


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below `node`, in reading order."""
    match node:
        case Select(operand) | Unary(_, operand):
            return (operand,)
        case Index(first, second) | Binary(_, first, second):
            return first, second
        case Call(_, target, args):
            return ((target,) if target else ()) + args
        case Logic(_, parts) | Listing(parts):
            return parts
        case Choice(test, yes, no):
            return test, yes, no
        case Mapped(pairs):
            return tuple(part for pair in pairs for part in pair)
    return ()


_TERNARY, _OR, _AND, _RELATION, _UNARY, _MEMBER = 0, 1, 2, 3, 6, 7


def show(node: Node) -> str:
    """The tree as CEL text with no bracket more than it needs; `parse` of it gives the same tree."""
    return _show(node)[0]


def is_name(text: str) -> bool:
    """Whether `text` can stand after a dot."""
    return bool(_NAME.fullmatch(text)) and text not in RESERVED


def quoted(text: str) -> str:
    """A CEL text literal."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return '"' + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + '"'


def _tight(node: Node, least: int) -> str:
    text, level = _show(node)
    return text if level >= least else f"({text})"


def _show(node: Node) -> tuple[str, int]:
    """The text and how tightly it binds."""
    match node:
        case Literal():
            text = _literal(node)
            return text, _UNARY if text.startswith("-") else _MEMBER
        case Name(name):
            return name, _MEMBER
        case Select(operand, name):
            return f"{_tight(operand, _MEMBER)}.{name}", _MEMBER
        case Index(operand, key):
            return f"{_tight(operand, _MEMBER)}[{show(key)}]", _MEMBER
        case Call(name, target, args):
            dotted = f"{_tight(target, _MEMBER)}." if target else ""
            return f"{dotted}{name}({', '.join(map(show, args))})", _MEMBER
        case Unary(sign, operand):
            same = isinstance(operand, Unary) and operand.sign == sign
            return f"{sign}{show(operand) if same else _tight(operand, _MEMBER)}", _UNARY
        case Binary(sign, left, right):
            level = next(_RELATION + i for i, signs in enumerate(LEVELS) if sign in signs)
            return f"{_tight(left, level)} {sign} {_tight(right, level + 1)}", level
    return _show_wide(node)


def _show_wide(node: Node) -> tuple[str, int]:
    match node:
        case Logic(sign, parts):
            level = _AND if sign == "&&" else _OR
            return f" {sign} ".join(_tight(part, level + 1) for part in parts), level
        case Choice(test, yes, no):
            return f"{_tight(test, _OR)} ? {_tight(yes, _OR)} : {show(no)}", _TERNARY
        case Listing(items):
            return f"[{', '.join(map(show, items))}]", _MEMBER
        case Mapped(pairs):
            return f"{{{', '.join(f'{show(key)}: {show(value)}' for key, value in pairs)}}}", _MEMBER
    raise TypeError(f"no CEL for {node!r}")


def _literal(node: Literal) -> str:
    value = node.value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bytes):
        return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
    return f"{value!r}u" if node.unsigned else repr(value)
