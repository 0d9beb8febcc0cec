"""CEL text to a tree."""

from typing import Final

from domain.conditions.errors import ConditionError
from domain.conditions.lexer import RESERVED, Token, fault, tokens
from domain.conditions.tree import (
    LEVELS,
    Binary,
    Call,
    Choice,
    Index,
    Listing,
    Literal,
    Logic,
    Mapped,
    Name,
    Node,
    Select,
    Unary,
    is_name,
)

MAX_DEPTH: Final = 24  # The engine's own parser gives up near 60 brackets, and compiling adds some.


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
        if level == len(LEVELS):
            return self.unary()
        at = self.now.at
        node = self.binary(level + 1)
        grown = 0
        while sign := self.sign(*LEVELS[level]):
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
