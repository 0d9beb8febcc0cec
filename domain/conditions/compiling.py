"""A tree checked against the catalogue and turned into the CEL that the engine runs, in one pass.

What runs differs from what was written in two ways. Numbers are one kind (the engine has three that do not mix), and
a comparison looks first whether its values are there, so that an absent one is false and not an error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from domain.conditions import calls, comparing
from domain.conditions.code import Code, all_of, maybe
from domain.conditions.errors import ConditionError
from domain.conditions.fields import KIND_WORDS, Ref, reference
from domain.conditions.lexer import fault
from domain.conditions.tree import (
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
    quoted,
    show,
)

MAX_COMPILED: Final = 40_000
MAX_WHOLE: Final = 2**53
"""Above it a float, which all numbers become, no longer tells neighbours apart."""


@dataclass
class Compiler:
    """Compiles one condition, written as `source` (empty for a tree that nobody wrote: errors then name no place).

    `refs` gathers the fields it reads, by the variable that carries each; `local` are the names a loop binds.
    """

    source: str
    refs: dict[str, Ref] = field(default_factory=dict)
    local: dict[str, Code] = field(default_factory=dict)
    reads_now: bool = False
    loops: int = 0
    patterns: int = 0

    def condition(self, node: Node) -> str:
        """Engine text for a whole condition. Raises ConditionError unless it says true or false."""
        code = self.code(node)
        if code.kind not in ("bool", "any"):
            text = show(node)
            example = {"number": f"{text} > 0", "list": f"size({text}) > 0"}.get(code.kind, f"{text} == …")
            given = KIND_WORDS[code.kind]
            raise self.wrong(node, f"this gives {given} and not true or false: compare it, as in {example}")
        return code.truth

    def code(self, node: Node) -> Code:
        """Code for any part. Raises ConditionError for what cannot be."""
        ref = reference(node, self.source, self.local)
        made = self.reference(ref) if ref else _COMPILE[type(node)](self, node)
        if len(made.text) + len(made.present) > MAX_COMPILED:
            raise self.wrong(node, "this is too involved: split it into several rules")
        return made

    def codes(self, nodes: tuple[Node, ...]) -> list[Code]:
        return [self.code(node) for node in nodes]

    def wrong(self, node: Node, problem: str) -> ConditionError:
        return fault(self.source, node.at, problem)

    def need(self, node: Node, code: Code, *kinds: str) -> None:
        """Raises ConditionError unless the node's code is of one of `kinds`, or can be."""
        if code.kind not in (*kinds, "any"):
            wanted = " or ".join(KIND_WORDS[kind] for kind in kinds)
            raise self.wrong(node, f"{show(node)} is {KIND_WORDS[code.kind]} and must be {wanted}")

    def reference(self, ref: Ref) -> Code:
        variable = next((name for name, known in self.refs.items() if known == ref), f"f{len(self.refs)}")
        self.refs[variable] = ref
        if ref.kind in ("number", "time", "duration", "any"):
            made = maybe(variable, ref.kind)
            return made if ref.path else Code(variable, ref.kind, made.present, nullable=True, field=ref.field)
        element = "text" if ref.field.name == "tags" else "any"
        return Code(variable, ref.kind, element=element, field=ref.field)

    def name(self, node: Name) -> Code:
        if node.name in self.local:
            return self.local[node.name]
        self.reads_now = True
        return Code("now", "time")

    def literal(self, node: Literal) -> Code:
        value = node.value
        if isinstance(value, bytes):
            raise self.wrong(node, "bytes are not used here: write a text without b")
        if value is None or isinstance(value, bool):
            return Code(show(node), "null" if value is None else "bool", literal=node)
        if isinstance(value, str):
            return Code(quoted(value), "text", literal=node)
        if isinstance(value, int) and abs(value) > MAX_WHOLE:
            raise self.wrong(node, f"the number {value} is too large to compare exactly")
        return Code(repr(float(value)), "number", literal=node)

    def select(self, node: Select) -> Code:
        inside = self.code(node.operand)
        self.need(node.operand, inside, "map")
        there = all_of(inside.present, f"has({inside.text}.{node.name})")
        return maybe(f"({there} ? {inside.text}.{node.name} : null)", "any")

    def index(self, node: Index) -> Code:
        inside, key = self.code(node.operand), self.code(node.key)
        self.need(node.operand, inside, "list", "map")
        self.need(node.key, key, *{"list": ("number",), "map": ("text",)}.get(inside.kind, ("number", "text")))
        at, fits = key.text, f"{key.text} in {inside.text}"
        if key.kind == "number":
            size = f"size({inside.text})" if inside.kind == "list" else f"int(measure({inside.text}))"
            at = f"int({key.text})"
            fits = f"{at} >= 0 && {at} < {size}"
        elif key.kind == "any":
            fits = ""
        there = all_of(inside.present, key.present, fits)
        if inside.element == "text":
            return Code(f"{inside.text}[{at}]", "text", there)
        return maybe(f"({there} ? {inside.text}[{at}] : null)" if there else f"{inside.text}[{at}]", "any")

    def unary(self, node: Unary) -> Code:
        code = self.code(node.operand)
        if node.sign == "!":
            self.need(node.operand, code, "bool")
            return Code(f"!({code.truth})", "bool")
        self.need(node.operand, code, "number")
        return Code(f"(-{code.text})", "number", code.present)

    def logic(self, node: Logic) -> Code:
        codes = self.codes(node.parts)
        for part, code in zip(node.parts, codes, strict=True):
            self.need(part, code, "bool")
        return Code(f"({f' {node.sign} '.join(code.truth for code in codes)})", "bool")

    def choice(self, node: Choice) -> Code:
        test, yes, no = self.codes((node.test, node.yes, node.no))
        self.need(node.test, test, "bool")
        kinds = {yes.kind, no.kind} - {"null"}
        if len(kinds - {"any"}) > 1:
            told = f"{KIND_WORDS[yes.kind]} and {KIND_WORDS[no.kind]}"
            raise self.wrong(node, f"the two results of ?: are {told}: make them alike")
        kind = kinds.pop() if len(kinds) == 1 else "any"
        if not (yes.present or no.present) and "null" not in (yes.kind, no.kind):
            return Code(f"({test.truth} ? {yes.text} : {no.text})", kind)
        return maybe(f"({test.truth} ? {yes.value} : {no.value})", kind)

    def listing(self, node: Listing) -> Code:
        codes = self.codes(node.items)
        kinds = {"any" if code.present else code.kind for code in codes}
        element = kinds.pop() if len(kinds) == 1 else "any"
        return Code(f"[{', '.join(code.value for code in codes)}]", "list", element=element)

    def mapped(self, node: Mapped) -> Code:
        pairs: list[str] = []
        for key_node, value_node in node.pairs:
            key = self.code(key_node)
            if key.kind != "text" or key.present:
                raise self.wrong(key_node, f"{show(key_node)} cannot be the key of a map: use a text in quotes")
            pairs.append(f"{key.text}: {self.code(value_node).value}")
        return Code(f"{{{', '.join(pairs)}}}", "map")


_COMPILE: Final[dict[type[Node], Callable[..., Code]]] = {
    Literal: Compiler.literal,
    Name: Compiler.name,
    Select: Compiler.select,
    Index: Compiler.index,
    Unary: Compiler.unary,
    Logic: Compiler.logic,
    Choice: Compiler.choice,
    Listing: Compiler.listing,
    Mapped: Compiler.mapped,
    Binary: comparing.binary,
    Call: calls.call,
}
