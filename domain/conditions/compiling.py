"""A tree checked against the catalogue and turned into the CEL that the engine runs, in one pass.

What runs differs from what was written in two ways. Numbers are one kind (the engine has three that do not mix), and
a comparison looks first whether its values are there, so that an absent one is false and not an error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import cel

from domain.conditions.catalogue import CATALOGUE, Field, Kind, near
from domain.conditions.errors import ConditionError
from domain.conditions.fields import KIND_WORDS, Ref, reference
from domain.conditions.lexer import fault
from domain.conditions.syntax import (
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
MAX_PATTERNS: Final = 3
MACROS: Final = ("all", "exists", "exists_one", "map", "filter")
GETTERS: Final = (
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
)
METHODS: Final = ("contains", "startsWith", "endsWith", "matches", "size", *GETTERS, *MACROS)
FUNCTIONS: Final = ("has", "size", "int", "double", "string", "timestamp", "duration")
_EXAMPLES: Final = {
    "timestamp": 'timestamp("2026-03-02T09:30:00Z")',
    "duration": 'duration("72h")',
    "matches": 'matches("^A.*z$")',
}

CodeKind = Kind | str
"""A Kind, or `null` for the literal."""


@dataclass(frozen=True)
class Code:
    """Engine text and what is known of it.

    `present` is the engine's test for whether it has a value (empty: always). Where it fails, `text` is null if
    `nullable`, and must not be run otherwise.
    """

    text: str
    kind: str
    present: str = ""
    nullable: bool = False
    element: str = "any"
    literal: Literal | None = None
    field: Field | None = None

    @property
    def value(self) -> str:
        """Text that gives the value, or null."""
        return self.text if self.nullable or not self.present else f"({self.present} ? {self.text} : null)"

    @property
    def truth(self) -> str:
        """Text that gives true or false; an absent value is false."""
        return _and(self.present, self.text)


def _and(*tests: str) -> str:
    needed = list(dict.fromkeys(filter(None, tests)))
    return f"({' && '.join(needed)})" if len(needed) > 1 else "".join(needed)


@dataclass
class Compiler:
    """Compiles one condition. `refs` gathers the fields it reads, by the variable that carries each."""

    source: str
    refs: dict[str, Ref] = field(default_factory=dict)
    reads_now: bool = False
    loops: int = 0
    patterns: int = 0
    local: dict[str, Code] = field(default_factory=dict)

    def condition(self, node: Node) -> str:
        """Engine text for a whole condition. Raises ConditionError unless it says true or false."""
        code = self.code(node)
        if code.kind not in ("bool", "any"):
            raise ConditionError(
                f"The condition gives {KIND_WORDS[code.kind]}, not true or false: compare it, such as {_comparison(show(node), code.kind)}."
            )
        return code.truth

    def code(self, node: Node) -> Code:
        ref = reference(node, self.source, self.local)
        made = self.reference(ref) if ref else _COMPILE[type(node)](self, node)
        if len(made.text) + len(made.present) > MAX_COMPILED:
            raise self.wrong(node, "This is too involved: split it into several rules")
        return made

    def wrong(self, node: Node, problem: str) -> ConditionError:
        return fault(self.source, node.at, problem)

    def reference(self, ref: Ref) -> Code:
        variable = next((name for name, known in self.refs.items() if known == ref), f"f{len(self.refs)}")
        self.refs[variable] = ref
        element = "text" if ref.name.endswith(".tags") else "any"
        nullable = ref.kind in ("number", "time", "duration", "any")
        return Code(
            variable,
            ref.kind,
            f"{variable} != null" if nullable else "",
            nullable,
            element,
            field=ref.field if not ref.path else None,
        )

    def name(self, node: Name) -> Code:
        if node.name in self.local:
            return self.local[node.name]
        self.reads_now = True
        return Code("now", "time")

    def literal(self, node: Literal) -> Code:
        value = node.value
        if isinstance(value, bytes):
            raise self.wrong(node, "Bytes are not used here: write a text without b")
        if value is None or isinstance(value, bool):
            return Code(show(node), "null" if value is None else "bool", literal=node)
        if isinstance(value, str):
            return Code(quoted(value), "text", literal=node)
        if abs(value) > 2**53 and isinstance(value, int):
            raise self.wrong(node, f"The number {value} is too large to compare exactly")
        return Code(repr(float(value)), "number", literal=node)

    def select(self, node: Select) -> Code:
        return self.below(node, self.code(node.operand), quoted(node.name), "text")

    def index(self, node: Index) -> Code:
        key = self.code(node.key)
        return self.below(
            node,
            self.code(node.operand),
            f"int({key.text})" if key.kind == "number" else key.text,
            key.kind,
            key.present,
        )

    def below(self, node: Select | Index, inside: Code, key: str, key_kind: str, present: str = "") -> Code:
        fits = {"map": ("text", "any"), "list": ("number", "any"), "any": ("text", "number", "any")}.get(
            inside.kind, ()
        )
        if key_kind not in fits:
            raise self.wrong(
                node, f"{show(node.operand)} is {KIND_WORDS[inside.kind]} and has nothing below it like that"
            )
        if isinstance(node, Select):
            there = _and(inside.present, f"has({inside.text}.{node.name})")
            text = f"({there} ? {inside.text}.{node.name} : null)"
            return Code(text, "any", f"{text} != null", nullable=True)
        return Code(
            f"{inside.text}[{key}]", inside.element if inside.kind == "list" else "any", _and(inside.present, present)
        )

    def unary(self, node: Unary) -> Code:
        code = self.code(node.operand)
        if node.sign == "!":
            self.need(node.operand, code, "bool")
            return Code(f"!({code.truth})", "bool")
        self.need(node.operand, code, "number")
        return Code(f"(-{code.text})", "number", code.present)

    def logic(self, node: Logic) -> Code:
        codes = [self.code(part) for part in node.parts]
        for part, code in zip(node.parts, codes, strict=True):
            self.need(part, code, "bool")
        return Code(f"({f' {node.sign} '.join(code.truth for code in codes)})", "bool")

    def choice(self, node: Choice) -> Code:
        test, yes, no = self.code(node.test), self.code(node.yes), self.code(node.no)
        self.need(node.test, test, "bool")
        kinds = {yes.kind, no.kind} - {"null"}
        if len(kinds - {"any"}) > 1:
            raise self.wrong(
                node, f"The two results of ?: are {KIND_WORDS[yes.kind]} and {KIND_WORDS[no.kind]}: make them alike"
            )
        kind = "any" if len(kinds) != 1 else kinds.pop()
        if not (yes.present or no.present) and "null" not in (yes.kind, no.kind):
            return Code(f"({test.truth} ? {yes.text} : {no.text})", kind)
        text = f"({test.truth} ? {yes.value} : {no.value})"
        return Code(text, kind, f"{text} != null", nullable=True)

    def listing(self, node: Listing) -> Code:
        codes = [self.code(item) for item in node.items]
        kinds = {code.kind for code in codes}
        return Code(
            f"[{', '.join(code.value for code in codes)}]", "list", element=kinds.pop() if len(kinds) == 1 else "any"
        )

    def mapped(self, node: Mapped) -> Code:
        pairs = [(self.code(key), self.code(value)) for key, value in node.pairs]
        for (key, _), (key_node, _) in zip(pairs, node.pairs, strict=True):
            self.need(key_node, key, "text")
            if key.present:
                raise self.wrong(key_node, "A map's key must be a text that is always there")
        return Code(f"{{{', '.join(f'{key.text}: {value.value}' for key, value in pairs)}}}", "map")

    def need(self, node: Node, code: Code, *kinds: str) -> None:
        if code.kind not in (*kinds, "any"):
            wanted = " or ".join(KIND_WORDS[kind] for kind in kinds)
            raise self.wrong(node, f"{show(node)} is {KIND_WORDS[code.kind]} and must be {wanted}")

    def binary(self, node: Binary) -> Code:
        left, right = self.code(node.left), self.code(node.right)
        if node.sign in ("==", "!="):
            return self.equality(node, left, right)
        if node.sign == "in":
            return self.membership(node, left, right)
        if node.sign in ("<", "<=", ">", ">="):
            self.comparable(node, left, right)
            self.need(node.left, left, "number", "text", "time", "duration")
            return Code(_and(left.present, right.present, f"{left.text} {node.sign} {right.text}"), "bool")
        return self.arithmetic(node, left, right)

    def comparable(self, node: Binary, left: Code, right: Code) -> None:
        """Raises unless both sides are of a kind, and a text fits the choices of its field."""
        if "any" not in (left.kind, right.kind) and left.kind != right.kind:
            raise self.wrong(node, _mismatch(node, left, right))
        for side, other in ((left, right), (right, left)):
            if side.field and other.literal:
                self.fits_choices(node, side.field, other.literal)

    def fits_choices(self, node: Node, known: Field, literal: Literal) -> None:
        word = literal.value
        if known.choices and isinstance(word, str) and word and word not in known.choices:
            said = f'{known.label.lower()} is never "{word}"'
            raise self.wrong(
                node, f"{said}: it is one of {', '.join(known.choices)}.{near(word, known.choices)}"
            )

    def equality(self, node: Binary, left: Code, right: Code) -> Code:
        if "null" in (left.kind, right.kind):
            other, other_node = (right, node.right) if left.kind == "null" else (left, node.left)
            absent = self.absence(other, other_node)
            return Code(absent if node.sign == "==" else f"!({absent})", "bool")
        self.comparable(node, left, right)
        return Code(f"({left.value} {node.sign} {right.value})", "bool")

    def absence(self, code: Code, node: Node) -> str:
        if code.kind == "bool":
            raise self.wrong(node, f"{show(node)} is yes or no and never null: write {show(node)} or !{show(node)}")
        empty = {"text": f'{code.value} == ""', "list": f"size({code.value}) == 0", "map": f"size({code.value}) == 0"}
        return f"({empty.get(code.kind, f'{code.value} == null')})"

    def membership(self, node: Binary, left: Code, right: Code) -> Code:
        if right.kind == "text":
            raise self.wrong(
                node, f"in looks into lists: for a part of a text write {show(node.right)}.contains({show(node.left)})"
            )
        self.need(node.right, right, "list", "map")
        element = right.element if right.kind == "list" else "any"
        if "any" not in (left.kind, element) and left.kind != element:
            raise self.wrong(
                node,
                f"{show(node.left)} is {KIND_WORDS[left.kind]}, and {show(node.right)} holds {KIND_WORDS[element]}",
            )
        if left.field and isinstance(node.right, Listing):
            for item in node.right.items:
                if isinstance(item, Literal):
                    self.fits_choices(item, left.field, item)
        return Code(_and(left.present, right.present, f"{left.text} in {right.text}"), "bool")

    def arithmetic(self, node: Binary, left: Code, right: Code) -> Code:
        kind = _result(node.sign, left.kind, right.kind)
        if kind is None:
            raise self.wrong(
                node,
                f"{show(node)} joins {KIND_WORDS[left.kind]} and {KIND_WORDS[right.kind]} with {node.sign}, which is not possible",
            )
        text = f"({left.text} {node.sign} {right.text})"
        present = _and(left.present, right.present)
        if node.sign == "%":
            text = f"double(int({left.text}) % int({right.text}))"
            return Code(text, kind, _and(present, f"int({right.text}) != 0"))
        if node.sign == "/":
            present = _and(present, f"{right.text} != 0.0")
        return Code(text, kind, present)

    def call(self, node: Call) -> Code:
        known: tuple[str, ...] = METHODS if node.target else FUNCTIONS
        if node.name not in known:
            other = FUNCTIONS if node.target else METHODS
            hint = (
                f" It is written {'{0}(value)' if node.target else 'value.{0}(…)'}".format(node.name)
                if node.name in other
                else near(node.name, known) or f" There are {', '.join(known)}"
            )
            raise self.wrong(node, f"There is no {'.' if node.target else ''}{node.name}().{hint}")
        if node.name in MACROS:
            return self.macro(node)
        if node.name == "has":
            return self.has(node)
        subjects = ((node.target,) if node.target else ()) + node.args
        if len(subjects) != (2 if node.name in ("contains", "startsWith", "endsWith", "matches") else 1):
            raise self.wrong(
                node, f"{node.name}() has {len(node.args)} values between its brackets, which is not the right number"
            )
        return self.apply(node, subjects, [self.code(subject) for subject in subjects])

    def apply(self, node: Call, subjects: tuple[Node, ...], codes: list[Code]) -> Code:
        takes, gives, template = _CALLS[node.name if node.name not in GETTERS else "getter"]
        for subject, code in zip(subjects, codes, strict=True):
            self.need(subject, code, *takes)
        if node.name == "matches":
            self.pattern(node, codes[1])
        if node.name in _EXAMPLES and codes[-1].literal:
            self.try_literal(node, codes[-1])
        if node.name == "size" and codes[0].kind in ("list", "map"):
            template = "double(size({0}))"
        if node.name == "int" and codes[0].kind == "text":
            template = "double(int({0}))"
        text = template.format(*(code.text for code in codes), name=node.name)
        return Code(text, gives, _and(*(code.present for code in codes)))

    def pattern(self, node: Call, pattern: Code) -> None:
        """Patterns are compiled by the engine at each use, at up to 100 ms: few, known beforehand, not in a loop."""
        self.patterns += 1
        if pattern.literal is None:
            raise self.wrong(node, "matches() takes its pattern as a text in quotes")
        if self.local:
            raise self.wrong(
                node, "matches() cannot stand inside a loop: use contains(), startsWith() or endsWith() there"
            )
        if self.patterns > MAX_PATTERNS:
            raise self.wrong(node, f"A condition may have {MAX_PATTERNS} matches(): join the patterns with |")

    def try_literal(self, node: Call, code: Code) -> None:
        text = f'"".matches({code.text})' if node.name == "matches" else f"{node.name}({code.text})"
        try:
            cel.evaluate(text)
        except Exception:
            raise self.wrong(
                node, f"{node.name}() does not understand {code.text}: write it like {_EXAMPLES[node.name]}"
            ) from None

    def has(self, node: Call) -> Code:
        """True when there is something: neither absent nor an empty text, list or map."""
        if len(node.args) != 1 or not isinstance(node.args[0], Select | Index):
            raise self.wrong(node, "has() takes one field, such as has(contact.email)")
        code = self.code(node.args[0])
        if code.kind == "any":
            value = code.value
            return Code(f'({value} != null && {value} != "" && {value} != [] && {value} != {{}})', "bool")
        return Code(f"!({self.absence(code, node.args[0])})", "bool")

    def macro(self, node: Call) -> Code:
        assert node.target is not None
        self.loops += 1
        if self.loops > 1:
            raise self.wrong(node, f"A condition may have one of {', '.join(MACROS)}: split it into several rules")
        allowed = (2, 3) if node.name == "map" else (2,)
        variable = node.args[0] if node.args else None
        if len(node.args) not in allowed or not isinstance(variable, Name):
            raise self.wrong(node, f'{node.name}() is written like contact.tags.{node.name}(tag, tag == "vip")')
        if variable.name in CATALOGUE or variable.name == "now":
            raise self.wrong(variable, f"{variable.name} is taken: choose another name")
        return self.loop(node, self.code(node.target), variable.name)

    def loop(self, node: Call, target: Code, name: str) -> Code:
        assert node.target is not None
        self.need(node.target, target, "list", "map")
        element = "text" if target.kind == "map" else target.element
        nullable = element not in ("text", "bool", "list", "map")
        variable = f"v_{name}"
        self.local[name] = Code(variable, element, f"{variable} != null" if nullable else "", nullable)
        bodies = [self.code(arg) for arg in node.args[1:]]
        del self.local[name]
        for body, body_node in list(zip(bodies, node.args[1:], strict=True))[: None if node.name != "map" else -1]:
            self.need(body_node, body, "bool")
        texts = [body.truth for body in bodies]
        if node.name == "map":
            texts[-1] = bodies[-1].value
        over = f"({target.present} ? {target.text} : [])" if target.present else target.text
        text = f"{over}.{node.name}({', '.join([variable, *texts])})"
        if node.name in ("map", "filter"):
            return Code(
                text,
                "list",
                element=bodies[-1].kind
                if node.name == "map" and not bodies[-1].present
                else element
                if node.name == "filter"
                else "any",
            )
        return Code(text, "bool")


_TEXT_TEST = (("text",), "bool", "{0}.{name}({1})")
_CALLS: Final[dict[str, tuple[tuple[str, ...], str, str]]] = {
    "contains": _TEXT_TEST,
    "startsWith": _TEXT_TEST,
    "endsWith": _TEXT_TEST,
    "matches": _TEXT_TEST,
    "size": (("text", "list", "map"), "number", "measure({0})"),
    "getter": (("time",), "number", "double({0}.{name}())"),
    "int": (("number", "text"), "number", "double(int({0}))"),
    "double": (("number", "text"), "number", "double({0})"),
    "string": (("number", "text", "bool", "time"), "text", "string({0})"),
    "timestamp": (("text", "time"), "time", "timestamp({0})"),
    "duration": (("text", "duration"), "duration", "duration({0})"),
}
_ARITHMETIC: Final = {
    ("+", "number", "number"): "number",
    ("+", "text", "text"): "text",
    ("+", "list", "list"): "list",
    ("+", "time", "duration"): "time",
    ("+", "duration", "time"): "time",
    ("+", "duration", "duration"): "duration",
    ("-", "number", "number"): "number",
    ("-", "time", "time"): "duration",
    ("-", "time", "duration"): "time",
    ("-", "duration", "duration"): "duration",
} | {(sign, "number", "number"): "number" for sign in "*/%"}


def _result(sign: str, left: str, right: str) -> str | None:
    fits = {
        kind
        for (known, first, second), kind in _ARITHMETIC.items()
        if known == sign and left in (first, "any") and right in (second, "any")
    }
    return None if not fits else fits.pop() if len(fits) == 1 else "any"


def _comparison(text: str, kind: str) -> str:
    return {"number": f"{text} > 0", "text": f'{text} == "…"', "list": f"size({text}) > 0"}.get(kind, f"{text} == …")


def _mismatch(node: Binary, left: Code, right: Code) -> str:
    """What to write instead, where one side is a literal."""
    value, value_node, literal = (right, node.right, left) if left.literal else (left, node.left, right)
    told = f"{show(value_node)} is {KIND_WORDS[value.kind]}"
    written = literal.literal
    if written is None:
        return f"{told} and cannot be compared with {KIND_WORDS[literal.kind]}"
    if value.kind == "text":
        return f"{told}: compare it with a text in quotes, such as {quoted(show(written))}"
    if value.kind == "number":
        return f"{told}: compare it with a number without quotes, such as {_as_number(written)}"
    if value.kind in ("time", "duration"):
        word = "timestamp" if value.kind == "time" else "duration"
        return f"{told}: compare it with {_EXAMPLES[word]}"
    if value.kind == "bool":
        return f"{told}: write {show(value_node)} or !{show(value_node)}"
    return f"{told} and cannot be compared with {show(written)}"


def _as_number(written: Literal) -> str:
    try:
        float(str(written.value))
    except ValueError:
        return "80"
    return str(written.value)


_COMPILE: Final[dict[type[Node], Callable[..., Code]]] = {
    Literal: Compiler.literal,
    Name: Compiler.name,
    Select: Compiler.select,
    Index: Compiler.index,
    Call: Compiler.call,
    Unary: Compiler.unary,
    Binary: Compiler.binary,
    Logic: Compiler.logic,
    Choice: Compiler.choice,
    Listing: Compiler.listing,
    Mapped: Compiler.mapped,
}
