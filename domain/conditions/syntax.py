"""CEL text to a small tree and back. The tree is plain CEL; what its names mean is told in `compiling`."""

import re
from dataclasses import dataclass, field
from typing import Final

from domain.conditions.errors import ConditionError
from domain.conditions.lexer import RESERVED, Token, fault, tokens

MAX_DEPTH: Final = 24  # The engine's own parser gives up near 60 brackets, and compiling adds some.
_LEVELS: Final = (("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
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


def parse(source: str) -> Node:
    """The tree of `source`. Raises ConditionError that tells the place in words."""
    reader = _Reader(source)
    node = reader.expression()
    if reader.now.kind != "end":
        raise reader.wrong("nothing can follow here; join two comparisons with && or ||")
    return node


class _Reader:
    """Recursive descent over CEL's grammar, one method for each level of binding."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokens(source)
        self.index = 0
        self.depth = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.index]

    def wrong(self, problem: str) -> ConditionError:
        return fault(self.source, self.now.at, problem)

    def sign(self, *signs: str) -> str:
        """Takes the next token if it is one of `signs`."""
        token = self.now
        if token.value in signs and (token.kind == "symbol" or (token.kind == "name" and token.value == "in")):
            self.index += 1
            return str(token.value)
        return ""

    def need(self, sign: str) -> None:
        if not self.sign(sign):
            raise self.wrong(f'"{sign}" is expected')

    def deeper(self, levels: int = 1) -> None:
        self.depth += levels
        if self.depth > MAX_DEPTH:
            raise self.wrong(f"it is nested more than {MAX_DEPTH} deep; take brackets out or split the rule")

    def expression(self) -> Node:
        self.deeper()
        at = self.now.at
        test = self.logic("||")
        if self.sign("?"):
            yes = self.logic("||")
            self.need(":")
            test = Choice(test, yes, self.expression(), at=at)
        self.depth -= 1
        return test

    def logic(self, sign: str) -> Node:
        at = self.now.at
        parts = [self.logic("&&") if sign == "||" else self.binary(0)]
        while self.sign(sign):
            parts.append(self.logic("&&") if sign == "||" else self.binary(0))
        return Logic(sign, tuple(parts), at=at) if len(parts) > 1 else parts[0]

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        at = self.now.at
        node = self.binary(level + 1)
        grown = 0
        while sign := self.sign(*_LEVELS[level]):
            self.deeper()
            grown += 1
            node = Binary(sign, node, self.binary(level + 1), at=at)
        self.depth -= grown
        return node

    def unary(self) -> Node:
        at = self.now.at
        sign = self.sign("!", "-")
        if not sign:
            return self.member()
        self.deeper()
        operand = self.unary() if self.now.value == sign else self.member(negative=sign == "-")
        self.depth -= 1
        if sign == "-" and isinstance(operand, Literal) and _takes_minus(operand):
            return Literal(-operand.value, at=at)  # type: ignore[operator]  # _takes_minus saw a number
        return Unary(sign, operand, at=at)

    def member(self, *, negative: bool = False) -> Node:
        node = self.primary(negative=negative)
        grown = 0
        while sign := self.sign(".", "["):
            self.deeper()
            grown += 1
            at = self.now.at
            if sign == "[":
                node = _below(node, self.expression())
                self.need("]")
                continue
            name = self.name()
            node = Call(name, node, self.args(")"), at=at) if self.sign("(") else Select(node, name, at=node.at)
        self.depth -= grown
        return node

    def name(self) -> str:
        token = self.now
        if token.kind != "name":
            raise self.wrong("a name is expected")
        if token.value in RESERVED:
            raise self.wrong(f'"{token.value}" is a word of the language; for a key, write ["{token.value}"]')
        self.index += 1
        return str(token.value)

    def args(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.sign(closing):
            if found:
                self.need(",")
                if closing == "]" and self.sign(closing):
                    break
            found.append(self.expression())
        return tuple(found)

    def primary(self, *, negative: bool) -> Node:
        token = self.now
        if token.kind in ("int", "uint", "float", "text", "bytes"):
            self.index += 1
            self.check_range(token, negative=negative)
            return Literal(token.value, token.kind == "uint", at=token.at)
        if token.kind == "name" and token.value in ("true", "false", "null"):
            self.index += 1
            return Literal({"true": True, "false": False, "null": None}[str(token.value)], at=token.at)
        if token.kind == "name":
            name = self.name()
            return Call(name, None, self.args(")"), at=token.at) if self.sign("(") else Name(name, at=token.at)
        return self.bracketed(token)

    def check_range(self, token: Token, *, negative: bool) -> None:
        limit = 2**64 if token.kind == "uint" else 2**63 + negative
        if token.kind in ("int", "uint") and int(token.value) >= limit:
            raise fault(self.source, token.at, f"the number {token.value!r} is too large")

    def bracketed(self, token: Token) -> Node:
        if self.sign("("):
            inner = self.expression()
            self.need(")")
            return inner
        if self.sign("["):
            return Listing(self.args("]"), at=token.at)
        if self.sign("{"):
            return Mapped(self.pairs(), at=token.at)
        raise self.wrong("a value is missing")

    def pairs(self) -> tuple[tuple[Node, Node], ...]:
        found: list[tuple[Node, Node]] = []
        while not self.sign("}"):
            if found:
                self.need(",")
                if self.sign("}"):
                    break
            key = self.expression()
            self.need(":")
            found.append((key, self.expression()))
        return tuple(found)


def _below(operand: Node, key: Node) -> Node:
    """`m["plan"]` is the same as `m.plan`, so that it is one field to all who look."""
    if isinstance(key, Literal) and isinstance(key.value, str) and is_name(key.value):
        return Select(operand, key.value, at=operand.at)
    return Index(operand, key, at=operand.at)


def _takes_minus(node: Literal) -> bool:
    """A number whose minus can join it: not an unsigned one, not the integer zero, which has no negative."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or node.unsigned:
        return False
    return value > 0 or (value == 0 and isinstance(value, float))


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
            level = next(_RELATION + i for i, signs in enumerate(_LEVELS) if sign in signs)
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
